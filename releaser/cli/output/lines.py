"""How are lines and warnings printed, and what is said where nobody can read that something is done?"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator, Sequence

from releaser.cli.output.heard import DONE
from releaser.cli.output.messages import format_warnings
from releaser.errors import Problem
from releaser.runtime.release import writing


def print_lines(lines: Sequence[str]) -> None:
    """Print `lines`, and whatever was printed before and is still in the buffer."""
    for line in lines:
        print(line)
    sys.stdout.flush()


@contextlib.contextmanager
def saying_done() -> Iterator[None]:
    """Say, where what was done cannot be told, that it is done."""
    try:
        yield
    except writing.Unwritten as error:
        error.now = DONE
        raise


def warn(warnings: Sequence[Problem | str]) -> None:
    """Print warnings, if there are any, after all that was printed."""
    sys.stdout.flush()
    if warnings:
        print(format_warnings(warnings, colour=has_colour(), width=width()), file=sys.stderr)


def has_colour() -> bool:
    """Tell whether messages are printed in colour."""
    return sys.stderr.isatty() and "NO_COLOR" not in os.environ


def width() -> int:
    """Return the columns to wrap messages at; 0, do not, unless a person reads them."""
    return shutil.get_terminal_size().columns if sys.stderr.isatty() else 0
