"""What does the file say, and where? The text of a configuration, its values, and the problems found in it."""

from __future__ import annotations

import datetime
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from releaser.config.profile import Origin
from releaser.config.text.nearest import name_hint
from releaser.config.text.positions import Path as KeyPath
from releaser.config.text.positions import Positions, Span, Unreadable, locate
from releaser.config.text.shown import escaped
from releaser.config.text.shown import quoted as quoted
from releaser.errors import SHOWN_PROBLEMS, Problem

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_MARK = b"\xef\xbb\xbf"
"""A byte order mark: some editors put one, and it means nothing."""
_MAX_BYTES = 1024 * 1024
"""Of a file: larger ones are read for minutes, and nobody writes them by hand."""


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

    def __len__(self) -> int:
        return len(self._found)

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


def read_text(path: Path, file: str) -> str:
    """Return the text of the file at `path`, shown to people as `file`: every character, a byte order mark included.

    Raises:
        Unusable: there is no such file, or it is not UTF-8.
    """
    content = _bytes_of(path, file)
    mark = "\ufeff" if content.startswith(_MARK) else ""
    return mark + _decoded(content, file)


def read_document(path: Path, file: str) -> Document:
    """Read the TOML file at `path`, shown to people as `file`.

    Raises:
        Unusable: there is no such file, or it is not UTF-8, or not TOML.
    """
    return parse_document(_decoded(_bytes_of(path, file), file), file)


def parse_document(text: str, file: str) -> Document:
    """Return the document that `text` is, shown to people as `file`.

    Raises:
        Unusable: it is not TOML.
    """
    lines = tuple(line.removesuffix("\r") for line in text.split("\n"))
    shown = Document(file=file, lines=lines)
    try:
        positions = locate(text)
        data = tomllib.loads(text)
    except Unreadable as unreadable:
        problem = shown.origin((), unreadable.span).problem(unreadable.what, unreadable.hint)
        raise Unusable(problem) from unreadable
    except ValueError as error:
        raise Unusable(_refused_by_tomllib(shown, error)) from error
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


def one_of_words(words: Sequence[str]) -> str:
    """Return `words`, each in quotes, joined by commas and a last 'or'."""
    *others, last = (f"'{word}'" for word in words)
    return f"{', '.join(others)} or {last}" if others else last


def unknown_name(item: Item, noun: str, known: list[str], hint: str = "") -> None:
    """Note that the key of `item` is not one of `known`."""
    item.problems.add(item.key_origin, f"unknown {noun}", hint or nearest_hint(item, item.name, known))


def nearest_hint(item: Item, name: str, known: Iterable[str], noun: str = "") -> str:
    """Return a hint for a `name` of `item` that is not known; none after so many problems that nobody reads it."""
    return name_hint(name, known, noun) if len(item.problems) < SHOWN_PROBLEMS else ""


def _bytes_of(path: Path, file: str) -> bytes:
    hint = ""
    try:
        if path.exists() and not path.is_file():
            what = "a folder, not a file" if path.is_dir() else "not a regular file"
        else:
            with path.open("rb") as opened:
                content = opened.read(_MAX_BYTES + 1)
            if len(content) <= _MAX_BYTES:
                return content
            what = "larger than 1 MiB"
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
    content = content.removeprefix(_MARK)
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


def _refused_by_tomllib(document: Document, error: ValueError) -> Problem:
    """Return what tomllib finds wrong in a text whose shape is right."""
    found = re.fullmatch(r"(.*?)(?: \(at (?:line (\d+), column (\d+)|end of document)\))?", str(error), re.DOTALL)
    what, line, column = found.groups() if found else (str(error), None, None)
    at = min(int(line or len(document.lines)), len(document.lines))
    span = Span(line=at, column=min(int(column or 1), len(document.lines[at - 1]) + 1), length=1)
    return document.origin((), span).problem(f"not valid TOML: {what[:1].lower()}{what[1:]}")


def _key_text(part: str) -> str:
    if _BARE_KEY.fullmatch(part):
        return part
    return f'"{escaped(part)}"'
