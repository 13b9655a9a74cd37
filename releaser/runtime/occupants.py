"""Which versions below a root do processes of this host run? Their command lines say so, wherever their `var` lies.

A process of a release is `python ... ROOT/releases/VERSION/runtime/__main__.py ROOT VERSION COMMAND`. One in another
container sees the root under another name; the lock on `run/lock` tells of that one, if its `var` is in the root.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_ENTRY = b"/runtime/__main__.py"
_ASKING = (b"ping", b"pid", b"status", b"logs", b"versions", b"version", b"help", b"describe", b"verify", b"remove")
"""Commands that are over soon, or that nothing depends on."""


class Occupant:
    """One process that runs a version."""

    __slots__ = ("pid", "var", "version")

    def __init__(self, pid: int, version: str, var: str) -> None:
        self.pid = pid
        self.version = version
        self.var = var  # the folder that it writes to; empty where this user may not know


def found(root: str) -> list[Occupant]:
    """Return the processes that run a version below `root`, in the order of their ids; not this process."""
    return sorted(_found(os.fsencode(os.path.realpath(root))), key=lambda occupant: occupant.pid)


def _found(root: bytes) -> Iterator[Occupant]:
    before = root + b"/releases/"
    for name in os.listdir("/proc"):
        if not name.isdecimal() or int(name) == os.getpid():
            continue
        words = _read(f"/proc/{name}/cmdline").split(b"\0")
        for number, word in enumerate(words):
            if word.startswith(before) and word.endswith(_ENTRY):
                if not any(command in _ASKING for command in words[number + 3 : number + 4]):
                    version = os.fsdecode(word[len(before) : -len(_ENTRY)])
                    yield Occupant(int(name), version, _var_of(name, os.fsdecode(root)))
                break


def _var_of(pid: str, root: str) -> str:
    environ = _read(f"/proc/{pid}/environ")
    if not environ:
        return ""
    given = [each for each in environ.split(b"\0") if each.startswith(b"RELEASE_VAR=")]
    var = os.fsdecode(given[0].partition(b"=")[2]) if given else ""
    return os.path.abspath(var) if var else os.path.join(root, "var")


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""  # it has ended, or is another user's
