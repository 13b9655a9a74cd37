"""How is a failure told? One policy for every error and warning of the build side.

An error is one sentence, then where and why, the last words of another program, what is true now, what to do next:

    error: cannot use rel/config.toml (2 problems)
      rel/config.toml:3:1: environment.prod.stop_timeuot: unknown key
        | stop_timeuot = "30s"
        | ^^^^^^^^^^^^
          hint: did you mean 'stop_timeout'?
      rel/config.toml:9: ...
      now: nothing was built
"""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from releaser.errors import SHOWN_PROBLEMS, Problem, ReleaserError

SOURCE_WIDTH = 72
"""Columns of a source line that are shown; a longer one is cut around the place in question."""

_LONGEST_KEY = 160
"""Characters of a key path that are shown: two names of the longest sort, and what stands between them."""
_NEAR = 4 * SOURCE_WIDTH
"""Characters on either side of a place that are looked at, of a line that may have a million."""
_INDENT = "  "
_SOURCE = "    | "
_HINT = "      hint: "
_CUT = "..."
_BOLD, _RED, _CYAN, _YELLOW, _DIM, _RESET = (f"\x1b[{code}m" for code in ("1", "1;31", "36", "1;33", "2", "0"))
_ESCAPE_SEQUENCE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-Z\\-_])")


def format_error(error: ReleaserError, *, colour: bool = False, width: int = 0) -> str:
    """Return the whole message of `error`, several lines without a last line ending.

    Lines longer than `width` columns are wrapped at spaces; 0 leaves them, as suits a log or a pipe.
    """
    count = f" ({len(error.problems)} problems)" if len(error.problems) > 1 else ""
    lines = [_told("error:", _RED, f"{error.message}{count}", "", width, colour)]
    for problem in error.problems[:SHOWN_PROBLEMS]:
        lines += _problem(problem, width, colour)
    if len(error.problems) > SHOWN_PROBLEMS:
        lines.append(f"{_INDENT}... and {len(error.problems) - SHOWN_PROBLEMS} more")
    lines += [f"{_INDENT}< {_clean(line)}" for line in error.output]
    if error.now:
        lines.append(_told("now:", _BOLD, error.now, _INDENT, width, colour))
    if error.hint:
        lines.append(_hint(error.hint, width, colour))
    return "\n".join(lines)


def format_warnings(warnings: Sequence[Problem | str], *, colour: bool = False, width: int = 0) -> str:
    """Return all `warnings` under their number, for the end of what succeeded; empty text when there is none."""
    if not warnings:
        return ""
    head = "1 warning:" if len(warnings) == 1 else f"{len(warnings)} warnings:"
    lines = [_painted(head, _YELLOW, colour)]
    for warning in warnings:
        if isinstance(warning, str):
            lines.append(_wrapped(_clean(warning), _INDENT, _INDENT * 2, width))
        else:
            lines += _problem(warning, width, colour)
    return "\n".join(lines)


def _problem(problem: Problem, width: int, colour: bool) -> Iterator[str]:
    key = problem.key if len(problem.key) <= _LONGEST_KEY else problem.key[: _LONGEST_KEY - len(_CUT)] + _CUT
    text = ": ".join(_clean(part) for part in (problem.where, key, problem.what) if part)
    yield _wrapped(text, _INDENT, _INDENT * 2, width)
    if problem.source_line and problem.column:
        yield from _source(problem, colour)
    if problem.hint:
        yield _hint(problem.hint, width, colour)


def _source(problem: Problem, colour: bool) -> Iterator[str]:
    """Yield the line of the file and a line that marks the offending text in it."""
    before = max(0, problem.column - 1 - _NEAR)
    line = _visible(problem.source_line[before : problem.column + _NEAR])
    start = min(problem.column - 1 - before, len(line))
    end = min(start + max(problem.length, 1), max(len(line.rstrip()), start + 1))
    shown, start, end = _around(line, start, end)
    marker = " " * _columns(shown[:start]) + "^" * max(_columns(shown[start:end]), 1)
    yield _painted(_SOURCE, _DIM, colour) + shown.rstrip()
    yield _painted(_SOURCE, _DIM, colour) + _painted(marker, _RED, colour)


def _around(line: str, start: int, end: int) -> tuple[str, int, int]:
    """Return the part of a long line around the text from `start` to `end`, and where that text is in it."""
    stripped = line.rstrip()
    if _columns(stripped) <= SOURCE_WIDTH:
        return stripped, start, end
    room = SOURCE_WIDTH - 2 * len(_CUT)
    first = max(0, min(start - room // 3, len(stripped) - room))
    last = min(len(stripped), first + room)
    while first < start and _columns(stripped[first:last]) > room:
        first += 1
    while last > start + 1 and _columns(stripped[first:last]) > room:
        last -= 1
    before = _CUT if first else ""
    after = _CUT if last < len(stripped) else ""
    shift = len(before) - first
    return before + stripped[first:last] + after, start + shift, min(end, last) + shift


def _hint(text: str, width: int, colour: bool) -> str:
    return _told("hint:", _CYAN, text, " " * (len(_HINT) - len("hint: ")), width, colour)


def _told(word: str, code: str, text: str, indent: str, width: int, colour: bool) -> str:
    hanging = indent + " " * (len(word) + 1 if indent else 2)
    plain = _wrapped(f"{word} {_clean(text)}", indent, hanging, width)
    return plain.replace(word, _painted(word, code, colour), 1)


def _wrapped(text: str, indent: str, hanging: str, width: int) -> str:
    if not width:
        return indent + text
    return textwrap.fill(
        text,
        max(width, 40),
        initial_indent=indent,
        subsequent_indent=hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _painted(text: str, code: str, colour: bool) -> str:
    return f"{code}{text}{_RESET}" if colour else text


def _clean(text: str) -> str:
    """Return `text` without what could move the cursor: it may come from a file or from another program."""
    return _visible(_ESCAPE_SEQUENCE.sub("", text.rstrip()))


def _visible(text: str) -> str:
    """Return `text` with a space for each tab, and a mark for each character that has no shape."""
    return "".join(_shape(character) for character in text)


def _shape(character: str) -> str:
    if character == "\t":
        return " "
    return character if character.isprintable() or character == "\N{NO-BREAK SPACE}" else "\N{REPLACEMENT CHARACTER}"


def _columns(text: Iterable[str]) -> int:
    """Return how many columns of a terminal `text` takes."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )
