"""How does a release bring its own C library? glibc's files, its loader, and a program that starts Python by it.

The loader cannot be found by the kernel, whose path to it is absolute. So `bin/pythonX.Y` is a script, which runs the
loader, which runs the interpreter in `lib/python-bin`. `--argv0` (glibc 2.33 and newer) makes the interpreter take the
script for itself, so that `sys.executable` works in children too; `--inhibit-cache` keeps the host's libraries out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from releaser.build.tools.elf import Elf
from releaser.errors import BuildError

FOLDER = "lib/python-bin"
"""Of the interpreter itself, below that of the bundle."""
_OWN = re.compile(r"ld-linux|ld64\.|lib(c|m|pthread|dl|rt|resolv|util|anl|mvec)\.so\.|libnss_")
_BY_NAME = (
    "libdl.so.2",
    "libm.so.6",
    "libnss_dns.so.2",
    "libnss_files.so.2",
    "libpthread.so.0",
    "libresolv.so.2",
    "librt.so.1",
    "libutil.so.1",
)
"""Loaded by glibc itself, or needed by whatever is built against an older one."""
_SCRIPT = """\
#!/bin/sh
# Runs the interpreter of this release with the C library of this release.
releaser_self=$0
while [ -h "$releaser_self" ]; do
    releaser_link=$(readlink -- "$releaser_self")
    case $releaser_link in
    /*) releaser_self=$releaser_link ;;
    *) releaser_self=${{releaser_self%/*}}/$releaser_link ;;
    esac
done
releaser_lib=${{releaser_self%/*}}/../lib
exec "$releaser_lib/{loader}" --inhibit-cache --library-path "$releaser_lib" --argv0 "$0" \\
    "$releaser_lib/python-bin/{program}" "$@"
"""


def c_library(elves: Iterable[Elf], find: Callable[[str, Elf], Elf | None], program: Elf) -> Mapping[str, Elf]:
    """Return glibc's files that `elves`, and the program that loads them, need, by name; its loader is one of them.

    Raises:
        BuildError: there is none.
    """
    found: dict[str, Elf] = {}
    waiting = [*_BY_NAME, *(name for elf in (program, *elves) for name in elf.needed)]
    while waiting:
        name = waiting.pop()
        if name in found or not _OWN.match(name):
            continue
        library = find(name, program)
        if library is not None:
            found[name] = library
            waiting += library.needed
    if not any(name.startswith("ld") for name in found) or "libc.so.6" not in found:
        raise BuildError("cannot bundle a C library: this machine's is not glibc")
    return dict(sorted(found.items()))


def loader_of(libraries: Iterable[str]) -> str:
    """Return the name of the loader among glibc's files."""
    return next(name for name in libraries if name.startswith("ld"))


def write_starter(bundle: Path, program: str, libraries: Iterable[str]) -> None:
    """Write the script `bin/PROGRAM` and make the loader executable."""
    loader = loader_of(libraries)
    (bundle / "lib" / loader).chmod(0o755)
    path = bundle / "bin" / program
    path.parent.mkdir(exist_ok=True)
    path.write_text(_SCRIPT.format(loader=loader, program=program), encoding="utf-8")
    path.chmod(0o755)
