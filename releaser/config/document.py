"""What does the file say, and where? The text of a configuration, its values, and the problems found in it."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import tomlkit
from tomlkit.exceptions import ParseError, TOMLKitError

from releaser.config.nearest import name_hint
from releaser.config.positions import Path as KeyPath
from releaser.config.positions import Positions, Span, Unreadable, locate
from releaser.config.profile import Origin
from releaser.errors import Problem

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SHOWN = 40
"""Characters of a value that a message repeats."""


class Refused(Exception):
    """There is no value here; the problems that tell why are already noted."""


class Unusable(Exception):
    """The file cannot be read as TOML at all."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.what)
        self.problem = problem


class Problems:
    """Everything found wrong so far, in the order of the file when it is asked for."""

    def __init__(self) -> None:
        self._found: list[tuple[int, int, int, Problem]] = []

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, origin: Origin, what: str, hint: str = "") -> None:
        """Note a problem of what was written at `origin`."""
        self._found.append((origin.line, origin.column, len(self._found), origin.problem(what, hint)))

    def in_file_order(self) -> tuple[Problem, ...]:
        """Return all of them, the top of the file first."""
        return tuple(entry[3] for entry in sorted(self._found, key=lambda entry: entry[:3]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A TOML file that was read."""

    file: str
    """Its path as people see it."""
    lines: tuple[str, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    """Plain Python values: dict, list, str, int, float, bool, and those of datetime."""
    positions: Positions = field(default_factory=Positions)

    def origin(self, path: KeyPath, span: Span) -> Origin:
        """Return the place of `span` with its line, named by the keys of `path`."""
        return Origin(
            file=self.file,
            line=span.line,
            column=span.column,
            length=span.length,
            key=dotted(path),
            source_line=self.lines[span.line - 1] if span.line <= len(self.lines) else "",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One value of a document, the place it was written at, and where its problems go."""

    data: Any
    path: KeyPath
    document: Document
    problems: Problems

    @property
    def name(self) -> str:
        """The last key of the path."""
        return str(next((part for part in reversed(self.path) if isinstance(part, str)), ""))

    @property
    def origin(self) -> Origin:
        """Where the value is written."""
        return self.document.origin(self.path, self.document.positions.value(self.path))

    @property
    def key_origin(self) -> Origin:
        """Where the key is written."""
        return self.document.origin(self.path, self.document.positions.key(self.path))

    def entries(self) -> Iterator[Item]:
        """Yield the values of a table."""
        for name, value in self.data.items():
            yield Item(data=value, path=(*self.path, name), document=self.document, problems=self.problems)

    def elements(self) -> Iterator[Item]:
        """Yield the values of an array."""
        for index, value in enumerate(self.data):
            yield Item(data=value, path=(*self.path, index), document=self.document, problems=self.problems)

    def refuse(self, what: str, hint: str = "") -> NoReturn:
        """Note a problem of this value and give it up.

        Raises:
            Refused: always.
        """
        self.problems.add(self.origin, what, hint)
        raise Refused

    def refuse_key(self, what: str, hint: str = "") -> NoReturn:
        """Note a problem of this value's key and give the value up.

        Raises:
            Refused: always.
        """
        self.problems.add(self.key_origin, what, hint)
        raise Refused

    def expected(self, wanted: str, hint: str = "") -> NoReturn:
        """Refuse this value because it is not what was wanted.

        Raises:
            Refused: always.
        """
        self.refuse(f"expected {wanted}, found {in_words(self.data)}", hint)


def read_document(path: Path, file: str) -> Document:
    """Read the TOML file at `path`, shown to people as `file`.

    Raises:
        Unusable: there is no such file, or it is not UTF-8, or not TOML.
    """
    text = _decoded(_bytes_of(path, file), file)
    lines = tuple(line.removesuffix("\r") for line in text.split("\n"))
    shown = Document(file=file, lines=lines)
    try:
        data = tomlkit.parse(text).unwrap()
    except (TOMLKitError, ValueError, RecursionError) as error:
        raise Unusable(_syntax_problem(shown, text, error)) from error
    try:
        positions = locate(text)
    except Unreadable as unreadable:
        raise Unusable(_problem_at(shown, unreadable.span, unreadable.what, unreadable.hint)) from unreadable
    return Document(file=file, lines=lines, data=data, positions=positions)


def dotted(path: KeyPath) -> str:
    """Return the keys of `path` as an author writes them, without the indexes of arrays."""
    return ".".join(_key_text(part) for part in path if isinstance(part, str))


def in_words(value: object) -> str:
    """Return what a value is, for the end of `expected ..., found ...`."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() if abs(value) > 10**15:
            return "a very large number"
        case int() | float():
            return f"the number {value}"
        case str():
            return quoted(value) if value else "empty text"
        case datetime.datetime() | datetime.date():
            return f"the date {value.isoformat()}"
        case datetime.time():
            return f"the time {value.isoformat()}"
        case list():
            return "an array" if value else "an empty array"
        case _:
            return "a table"


def quoted(text: str) -> str:
    """Return `text` in single quotes, on one line, shortened if it is long."""
    shown = "".join(character if character.isprintable() else _escaped(character) for character in text[: _SHOWN + 1])
    return f"'{shown}'" if len(text) <= _SHOWN else f"'{shown[: _SHOWN - 3]}...'"


def one_of_words(words: Sequence[str]) -> str:
    """Return `words`, each in quotes, joined by commas and a last 'or'."""
    *others, last = (f"'{word}'" for word in words)
    return f"{', '.join(others)} or {last}" if others else last


def unknown_name(item: Item, noun: str, known: list[str], hint: str = "") -> None:
    """Note that the key of `item` is not one of `known`."""
    item.problems.add(item.key_origin, f"unknown {noun}", hint or name_hint(item.name, known))


def _bytes_of(path: Path, file: str) -> bytes:
    hint = ""
    try:
        if path.exists() and not path.is_file():
            what = "a folder, not a file" if path.is_dir() else "not a regular file"
        else:
            return path.read_bytes()
    except FileNotFoundError:
        what = "no such file"
        hint = _above(path) or "`releaser init` writes a first one, from what it finds in the project"
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        what = f"cannot be read: {reason.lower()}"
    raise Unusable(Problem(where=file, what=what, hint=hint))


def _above(path: Path) -> str:
    """Return a hint at `rel/config.toml` of a folder further up, where `path` is that of a folder below it."""
    name = Path(path.parent.name, path.name)
    for folder in path.parent.parent.parents:
        if os.path.isfile(folder / name):  # noqa: PTH113 - says no where a Path would raise
            shown = os.path.relpath(folder)
            return f"there is {shown}/{name}: run releaser in {shown}, or name the file with --config"
    return ""


def _decoded(content: bytes, file: str) -> str:
    content = content.removeprefix(b"\xef\xbb\xbf")  # a byte order mark: some editors put one, it means nothing
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line_start = before.rfind(b"\n") + 1
        line = before.count(b"\n") + 1
        column = len(before[line_start:].decode("utf-8")) + 1
        what = f"expected UTF-8 text, found the byte 0x{content[error.start]:02x}"
        where = f"{file}:{line}:{column}"
        raise Unusable(Problem(where=where, what=what, hint="save the file as UTF-8")) from error


def _syntax_problem(document: Document, text: str, error: Exception) -> Problem:
    """Return what is wrong with a text that tomlkit refuses: in our words if our own walk sees it."""
    try:
        positions = locate(text)
    except Unreadable as unreadable:
        return _problem_at(document, unreadable.span, unreadable.what, unreadable.hint)
    except RecursionError:
        return Problem(where=document.file, what="nested too deeply")
    if not isinstance(error, ParseError):
        return Problem(where=document.file, what=f"not valid TOML: {_plain(error)}")
    line = min(error.line, len(document.lines))
    column = min(error.col + 1, len(document.lines[line - 1]) + 1)
    span = _value_before(positions, line, column) or Span(line=line, column=column, length=1)
    return _problem_at(document, span, f"not valid TOML: {_plain(error)}")


def _value_before(positions: Positions, line: int, column: int) -> Span | None:
    """Return the value that a parser was reading when it gave up at this place."""
    there = [
        span
        for span in positions.values.values()
        if span.line == line and span.column <= column <= span.column + span.length + 1
    ]
    return min(there, key=lambda span: span.length, default=None)


def _problem_at(document: Document, span: Span, what: str, hint: str = "") -> Problem:
    return document.origin((), span).problem(what, hint)


def _plain(error: Exception) -> str:
    text = re.sub(r" at line \d+ col \d+$", "", str(error)) or "it cannot be parsed"
    return text[0].lower() + text[1:].rstrip(".")


def _key_text(part: str) -> str:
    if _BARE_KEY.fullmatch(part):
        return part
    return '"' + "".join(character if character.isprintable() else _escaped(character) for character in part) + '"'


def _escaped(character: str) -> str:
    return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(character, f"\\u{ord(character):04X}")
