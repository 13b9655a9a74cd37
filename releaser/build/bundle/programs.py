"""Which programs does the bundle bring? Those that an installer would have put into a virtual environment's `bin/`.

They find the interpreter beside themselves, by their own path, so they hold wherever a bundle is unpacked: the kernel
reads no relative `#!` line (execve(2)), and 255 bytes of it at most.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from releaser.build.stage.under_way import Stage
from releaser.build.tools.dist_info import programs_of
from releaser.build.tools.tree import hash_of
from releaser.runtime.release.manifest import Entry

FOLDER: Final = "programs"
_HEADER: Final = "#!/bin/sh\n'''exec' \"${0%/*}/python\" \"$0\" \"$@\"\n' '''\n"
"""For a shell the first word is `exec`; for Python both lines are one string (pip writes the like for long paths)."""
_TAKE_UP: Final = """import os
import sys

if os.environ.get("RELEASE_INSTANCE", "").partition(":")[0] == str(os.getpid()):
    from releaser.runtime.instance.executed_anew import take_up

    take_up()
"""
"""The app's own process may have executed the program in its place."""
_OF_THE_ENVIRONMENT: Final = ("python", "pypy", "activate", "Activate")


def write_programs(stage: Stage) -> dict[str, Path]:
    """Write the programs of everything installed, and one for each process that starts with a call.

    Return them by name; the entries are changed to name theirs, so that `sys.argv[0]` is a file.
    """
    folder = stage.folder / FOLDER
    folder.mkdir()
    wanted = write_programs_of(stage, folder)
    for process, entry in stage.entries.items():
        stage.entries[process] = _with_program(entry, wanted, folder)
    return {path.name: path for path in sorted(folder.iterdir(), key=lambda path: os.fsencode(path.name))}


def write_programs_of(stage: Stage, folder: Path) -> dict[str, str]:
    """Write the programs of everything installed into `folder`, and return what the console scripts call, by name."""
    wanted = programs_of(stage.site_packages)
    for name, target in wanted.items():
        _write(folder / name, _HEADER + calling(target))
    for source in sorted(stage.scripts.iterdir()) if stage.scripts.is_dir() else ():
        if source.name not in wanted and not source.name.startswith(_OF_THE_ENVIRONMENT):
            _copy(source, folder / source.name)
    return wanted


def calling(target: str) -> str:
    """Return the text of a Python script that imports `module:attribute` and ends as it says."""
    module, _, attribute = target.partition(":")
    first = attribute.partition(".")[0]
    return f"{_TAKE_UP}\nfrom {module} import {first}\n\nsys.exit({attribute}())\n"


def hashed_line(name: str, path: Path) -> str:
    """Return what a program, or another file beside the packages, adds to the hash of the bundle."""
    return f"{name}\0{hash_of(path)}\n"


def _with_program(entry: Entry, programs: dict[str, str], folder: Path) -> Entry:
    if entry.kind != "callable" or programs.get(entry.argv0) == entry.target:
        return entry
    name = entry.argv0
    while (folder / name).exists():
        name += ".main"  # a console script of the same name calls another function
    _write(folder / name, _HEADER + calling(entry.target))
    return Entry(kind=entry.kind, target=entry.target, argv0=name, args=entry.args)


def _copy(source: Path, to: Path) -> None:
    """Copy a program as it is, but for the first lines of one in Python, which name the interpreter of this machine."""
    content = source.read_bytes()
    body = without_interpreter(content)
    if body is None:
        shutil.copyfile(source, to)
    else:
        to.write_bytes(_HEADER.encode() + body)
    to.chmod(0o755)


def without_interpreter(content: bytes) -> bytes | None:
    """Return a Python script without the lines that find its interpreter; None if it is no Python script."""
    first, _, rest = content.partition(b"\n")
    if not first.startswith(b"#!"):
        return None
    second, _, after = rest.partition(b"\n")
    if first.rstrip() == b"#!/bin/sh" and second.startswith(b"'''exec' ") and b"python" in second:
        return after.partition(b"\n")[2]
    return rest if b"python" in first else None


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
