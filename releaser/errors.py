"""The one family of failures that a person reads.

A failure carries its facts; how they are printed is the business of `releaser.cli`. The sentence of each says
what did not happen, `problems` say where and why, `now` what is true at this moment, `hint` what to do next.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass

SHOWN_PROBLEMS = 100
"""Problems of one failure that are told to a person, who mends these first; a program is told all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong in a file or a setting."""

    where: str
    """Place as `path:line:column`, `path:line`, or `path`; empty when no file is to blame."""
    key: str = ""
    """Key path as written by the author, for example `environment.prod.hooks.pre_start`; may be empty."""
    what: str
    """What was found and what was wanted; lower case, no full stop."""
    hint: str = ""
    """What to do next, only if it is known."""
    source_line: str = ""
    """The offending line of the file, without its line ending; empty when there is none to show."""
    column: int = 0
    """Column, from 1, of the offending text in `source_line`; 0 when unknown."""
    length: int = 1
    """Characters of the offending text in `source_line`."""


class ReleaserError(Exception):
    """A failure that was expected and is told in one message, without a traceback."""

    exit_code = 1

    def __init__(
        self,
        message: str,
        *,
        problems: tuple[Problem, ...] = (),
        output: tuple[str, ...] = (),
        now: str = "",
        hint: str = "",
    ) -> None:
        """Keep the facts of a failure.

        `message` is one sentence without a full stop, `output` the last lines of another program that failed.
        """
        super().__init__(message)
        self.message = message
        self.problems = problems
        self.output = output
        self.now = now
        self.hint = hint


class UsageError(ReleaserError):
    """The command line was wrong."""

    exit_code = 2


class ConfigError(ReleaserError):
    """`rel/config.toml` cannot be used; `problems` holds everything wrong with it, in file order."""

    exit_code = 3


class ProjectError(ReleaserError):
    """The project's files do not allow what was asked for."""

    exit_code = 3


class BuildError(ReleaserError):
    """A step of the build was tried and did not work; what was published before is untouched."""


class BusyError(ReleaserError):
    """Something that is running does not allow this now, a build in progress for example."""

    exit_code = 4


def in_file_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return `problems` file by file, as the files are first met, and those of one file from its top."""
    placed = [(_place(problem), problem) for problem in problems]
    files = list(dict.fromkeys(place[0] for place, _ in placed))
    placed.sort(key=lambda entry: (files.index(entry[0][0]), entry[0][1:]))
    return tuple(problem for _, problem in placed)


def reason_of(error: Exception) -> str:
    """Return why the system refused, in lower case: `no space left on device`."""
    if isinstance(error, shutil.Error) and error.args and isinstance(error.args[0], list):
        # Of a folder, (source, target, text) for each file that could not be copied; the first tells enough.
        return re.sub(r"^\[errno \d+\] |: ['\"].*", "", str(error.args[0][0][2]).lower(), flags=re.DOTALL)
    return (getattr(error, "strerror", None) or str(error)).lower()


def _place(problem: Problem) -> tuple[str, int, int]:
    """Return the file of a problem, and its line and column; 0 where they are not known."""
    found = re.fullmatch(r"(.*?)(?::(\d+))?(?::(\d+))?", problem.where, re.DOTALL)
    return (found[1], int(found[2] or 0), int(found[3] or 0)) if found else (problem.where, 0, 0)
