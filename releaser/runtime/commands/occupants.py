"""Which versions below a root do processes of this host run? Their command lines say so, wherever their `var` lies.

A process of a release is `python ... ROOT/releases/VERSION/runtime/__main__.py ROOT VERSION COMMAND`. One in another
container sees the root under another name; the lock on `run/lock` tells of that one, if its `var` is in the root.
"""

from __future__ import annotations

import os

from ..release.versions import is_held

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_ENTRY = b"/runtime/__main__.py"
_ASKING = (b"ping", b"pid", b"status", b"logs", b"versions", b"version", b"help", b"describe", b"verify", b"remove")
"""Commands that are over soon, or that nothing depends on."""
_WRITING = b"_log"
"""The writer of the log: it goes on from version to version, and needs nothing of its own once it has begun."""


class Occupant:
    """One process that runs a version."""

    __slots__ = ("pid", "var", "version")

    def __init__(self, pid: int, version: str, var: str) -> None:
        self.pid = pid
        self.version = version
        self.var = var  # the folder that it writes to; empty where this user may not know


def found(root: str, var: str = "") -> list[Occupant]:
    """Return the processes that run a version below `root`, in the order of their ids; not this process.

    Anybody may start a process that looks like one. It counts where it is root's, this user's, or that of the owner of
    `root`, of the `var` in it or of `var`; another's only while it holds the lock of the `var` that it names itself.
    """
    real = os.path.realpath(root)
    owners = {0, os.getuid(), *_owners(real, os.path.join(real, "var"), var)}
    occupants = [
        occupant
        for occupant in _found(os.fsencode(real))
        if _owner_of(occupant.pid) in owners or (occupant.var and is_held(os.path.join(occupant.var, "run", "lock")))
    ]
    return sorted(occupants, key=lambda occupant: occupant.pid)


def _found(root: bytes) -> Iterator[Occupant]:
    before = root + b"/releases/"
    for name in os.listdir("/proc"):
        if not name.isdecimal() or int(name) == os.getpid():
            continue
        version = _version_in(_read(f"/proc/{name}/cmdline").split(b"\0")[:-1], root, before)
        if version:
            yield Occupant(int(name), os.fsdecode(version), _var_of(name, os.fsdecode(root)))


def _version_in(words: list[bytes], root: bytes, before: bytes) -> bytes:
    """Return the version that a command line runs, or nothing: an entry, its root, its version, and what it does."""
    for number, word in enumerate(words):
        if number and word.startswith(before) and word.endswith(_ENTRY):
            version = word[len(before) : -len(_ENTRY)]
            is_whole = words[number + 1 : number + 3] == [root, version] and len(words) > number + 3
            return version if is_whole and words[number + 3] not in (*_ASKING, _WRITING) else b""
    return b""


def _owners(*paths: str) -> list[int]:
    found: list[int] = []
    for path in paths:
        try:
            found.append(os.stat(path).st_uid)
        except OSError:
            pass  # it is not there, or not for this user to know
    return found


def _owner_of(pid: int) -> int:
    """Return the real user of a process, or -1 when it has ended: the folder in /proc is root's for some of others'."""
    for line in _read(f"/proc/{pid}/status").splitlines():
        if line.startswith(b"Uid:"):
            return int(line.split()[1])
    return -1


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
