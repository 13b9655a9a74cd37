"""Which files make an interpreter what it is? A change of any of them makes another copy of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from releaser.plan.facts import Interpreter

_NOT_COPIED = ("__pycache__", "site-packages", "dist-packages", "test")


def interpreter_files(interpreter: Interpreter) -> Iterator[Path]:
    """Yield the program, its library, the standard library, and where the machine's libraries are listed."""
    program = Path(os.path.realpath(interpreter.path))
    prefix = program.parent.parent
    yield program
    yield from prefix.glob("lib*/libpython*")
    yield Path("/etc/ld.so.cache")
    for parent, folders, names in os.walk(prefix / "lib" / f"python{interpreter.version}"):
        folders[:] = [name for name in folders if name not in _NOT_COPIED]
        yield from (Path(parent, name) for name in names)
