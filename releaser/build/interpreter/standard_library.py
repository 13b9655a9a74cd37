"""What of an installed Python's standard library goes into a release?

All that a service can import. Left out are tests, desktop programs, installers, what only a C compiler reads, and every
piece of configuration of the machine that it comes from.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

EVERYWHERE = frozenset({"__pycache__", "test", "tests"})
"""Folders that are left out at any depth."""
AT_THE_TOP = frozenset(
    {
        "site-packages",
        "dist-packages",
        "ensurepip",
        "idlelib",
        "lib2to3",
        "lib-dynload",  # copied by its own rules: see `is_extension_kept`
        "pydoc_data",
        "tkinter",
        "turtledemo",
        # The machine's own: hooks that run at each start, and marks of its package manager.
        "EXTERNALLY-MANAGED",
        "sitecustomize.py",
        "usercustomize.py",
        "turtle.py",
    }
)
SUFFIXES = frozenset({".a", ".o", ".exe", ".pyc"})
_TEST_EXTENSION = re.compile(r"_test|_ctypes_test|_xxtestfuzz|xx|_tkinter|nis\.")
DISPENSABLE = frozenset({"_crypt"})
"""Extension modules that a release for older hosts does without: deprecated, and gone from Python 3.13 (PEP 594)."""
COPYLEFT = {
    "libreadline": "GPL-3.0",
    "libgdbm": "GPL-3.0",
    "libdb-": "AGPL-3.0 or Sleepycat",
}
"""Libraries, by the beginning of their names, whose licence would hold for the whole release that is handed on."""


def is_kept(relative: PurePosixPath) -> bool:
    """Tell whether a file or folder, by its path below the standard library, is copied."""
    top = relative.parts[0]
    return not (
        top in AT_THE_TOP
        or top.startswith("config-")
        or EVERYWHERE.intersection(relative.parts)
        or relative.suffix in SUFFIXES
    )


def is_extension_kept(name: str) -> bool:
    """Tell whether an extension module of `lib-dynload` is copied, by its file's name."""
    return name.endswith(".so") and _TEST_EXTENSION.match(name) is None


def copyleft_of(needed: tuple[str, ...]) -> tuple[str, str] | None:
    """Return the first of the libraries that does not go into a release for its licence, and that licence."""
    for name in needed:
        for beginning, licence in COPYLEFT.items():
            if name.startswith(beginning):
                return name, licence
    return None


def kept_files(standard_library: Path) -> Iterator[tuple[Path, PurePosixPath]]:
    """Yield each file that is copied and its path below the standard library, links followed, in byte order."""
    for parent, folders, files in os.walk(standard_library):
        here = Path(parent).relative_to(standard_library)
        folders[:] = sorted(name for name in folders if is_kept(PurePosixPath(here, name)))
        for name in sorted(files):
            path, relative = Path(parent, name), PurePosixPath(here, name)
            if is_kept(relative) and path.is_file():
                yield path, relative


def without_prefix(text: str, prefix: str) -> str:
    """Return `_sysconfigdata`'s text with the folder that Python was installed in replaced by the usual one.

    What matters of it (`sysconfig.get_path`) is computed from where Python lies; the rest is a record of its build.
    """
    if prefix in ("/usr", "/usr/local"):
        return text
    return re.sub(rf"{re.escape(prefix)}(?=[/'\"\s:]|$)", "/usr/local", text)
