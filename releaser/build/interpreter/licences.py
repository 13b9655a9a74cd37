"""Under which licences, and of which packages, are the shared libraries that a release brings along?

The texts come from where Debian's policy has them, `/usr/share/doc/PACKAGE/copyright`. On other systems only the name
of the licence is known, from the table.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from releaser.build.stage.found import Library
from releaser.build.tools.commands import Program, ProgramFailed, Run

FOLDER = "licenses"
"""Below the interpreter's folder."""
_GCC = "GPL-3.0-or-later WITH GCC-exception-3.1"
_KNOWN: Mapping[str, str] = {
    "ld-linux": "LGPL-2.1-or-later",
    "libbz2": "bzip2-1.0.6",
    "libc.": "LGPL-2.1-or-later",
    "libcrypt.": "LGPL-2.1-or-later",
    "libcrypto": "Apache-2.0",
    "libdl.": "LGPL-2.1-or-later",
    "libedit": "BSD-3-Clause",
    "libexpat": "MIT",
    "libffi": "MIT",
    "libgcc_s": _GCC,
    "liblzma": "0BSD",
    "libm.": "LGPL-2.1-or-later",
    "libmpdec": "BSD-2-Clause",
    "libncurses": "X11-distribute-modifications-variant",
    "libnsl": "LGPL-2.1-or-later",
    "libnss_": "LGPL-2.1-or-later",
    "libpanel": "X11-distribute-modifications-variant",
    "libpthread": "LGPL-2.1-or-later",
    "libpython": "PSF-2.0",
    "libresolv": "LGPL-2.1-or-later",
    "librt.": "LGPL-2.1-or-later",
    "libsqlite3": "blessing",
    "libssl": "Apache-2.0",
    "libstdc++": _GCC,
    "libtinfo": "X11-distribute-modifications-variant",
    "libtirpc": "BSD-3-Clause",
    "libutil.": "LGPL-2.1-or-later",
    "libuuid": "BSD-3-Clause",
    "libz.": "Zlib",
    "libzstd": "BSD-3-Clause",
}
"""SPDX expressions by the beginning of a library's name."""


def licence_of(name: str) -> str:
    """Return the licence of the library `name` as an SPDX expression; empty text when it is not known."""
    return next((licence for beginning, licence in _KNOWN.items() if name.startswith(beginning)), "")


def describe_libraries(libraries: Mapping[str, Path], bundle: Path, run: Run) -> tuple[Library, ...]:
    """Return what is known of `libraries`, by name their place on this machine, and keep their licences' texts.

    They are, or will be, in `lib` below `bundle`, the interpreter's folder in the release.
    """
    packages = _packages(libraries, run)
    versions = _versions(packages.values(), run)
    for package in sorted(versions):
        text = Path("/usr/share/doc", package, "copyright")
        if text.is_file():
            to = bundle / FOLDER / f"{package}.txt"
            to.parent.mkdir(exist_ok=True)
            shutil.copyfile(text, to)
            to.chmod(0o644)
    return tuple(
        Library(
            name=name,
            path=f"lib/{name}",
            licence=licence_of(name),
            package=packages.get(name, ""),
            version=versions.get(packages.get(name, ""), ""),
        )
        for name in libraries
    )


def _packages(libraries: Mapping[str, Path], run: Run) -> dict[str, str]:
    """Return the Debian package that each library is of, as far as there is one."""
    places: dict[str, str] = {}
    for name, path in libraries.items():
        real = str(path.resolve())
        # Where /lib is a link to /usr/lib, a package may have been recorded under either.
        places |= {real: name, real.removeprefix("/usr"): name}
    found: dict[str, str] = {}
    for line in _dpkg_query(run, "-S", *sorted(places)):
        package, colon, place = line.partition(": ")
        if colon and place in places and " " not in package:
            found[places[place]] = package.partition(":")[0]
    return found


def _versions(packages: Iterable[str], run: Run) -> dict[str, str]:
    names = sorted(set(packages))
    if not names:
        return {}
    lines = _dpkg_query(run, "-W", "-f", "${Package} ${Version}\\n", *names)
    return {words[0]: words[1] for line in lines if len(words := line.split()) == 2}


def _dpkg_query(run: Run, *words: str) -> tuple[str, ...]:
    program = shutil.which("dpkg-query")
    if program is None:
        return ()
    try:
        return run(Program(argv=(program, *words), folder=Path("/"), env={"LC_ALL": "C"}))
    except ProgramFailed as error:  # it fails when one of many files is of no package, and tells of the others
        return error.lines
