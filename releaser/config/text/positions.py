"""Where in the text of a TOML file is each key and each value?

tomllib gives the values but not their places. This is a second, small walk over the same text: it knows the shape of
TOML (keys, headers, strings, arrays, inline tables), leaves the meaning of values to tomllib, and names what is
wrong when the shape is broken, which a generic parser does poorly. It comes first, and bounds the depth: tomllib and
whoever walks over the values go as deep as these do.

Grammar: https://toml.io/en/v1.0.0, as tomllib reads it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field

from releaser.config.text.shown import quoted
from releaser.config.text.walk import Span as Span
from releaser.config.text.walk import Unreadable as Unreadable
from releaser.config.text.walk import Walk

Path = tuple[str | int, ...]
"""Keys and array indexes from the top of the document, `("release", "shop", "command", 0)`."""

MAX_DEPTH = 100
"""Levels of tables and arrays in one statement, dotted keys included. A configuration needs ten, and no recursion of
ours or of tomllib comes to its end with those of a header and of a value below it."""

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_KEY_HINT = "a key of letters from a to z, digits, '_' and '-' stands as it is, any other in quotes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Positions:
    """The places of every key and value of one document.

    A path that was not found answers with the place of the nearest one above it.
    """

    keys: Mapping[Path, Span] = field(default_factory=dict)
    values: Mapping[Path, Span] = field(default_factory=dict)

    def key(self, path: Path) -> Span:
        """Return where the last key of `path` is written."""
        return self.keys.get(path) or (self.value(path[:-1]) if path else Span(line=1, column=1, length=1))

    def value(self, path: Path) -> Span:
        """Return where the value of `path` is written; for a table with a header, the header."""
        return self.values.get(path) or self.key(path)


def locate(text: str) -> Positions:
    """Return the places of all keys and values in `text`.

    Raises:
        Unreadable: the text is not TOML, as far as its shape tells.
    """
    scanner = _Scanner(text)
    scanner.document()
    return Positions(keys=scanner.keys, values=scanner.values)


@dataclass(frozen=True, slots=True)
class _Part:
    """One part of a dotted key and the offsets of its text."""

    name: str
    start: int
    end: int


class _Scanner(Walk):
    """One walk over a whole document."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.keys: dict[Path, Span] = {}
        self.values: dict[Path, Span] = {}
        self._tables_in: dict[Path, int] = {}  # array of tables: how many it has so far
        self._headers: set[Path] = set()
        self._dotted: set[Path] = set()  # tables that the keys `a.b = ...` have made: no header may add to them
        self._assigned: set[Path] = set()  # paths with `key = value`: nothing may be added below them

    def document(self) -> None:
        """Walk to the end of the text."""
        table: Path = ()
        while True:
            self.skip_blank()
            if self.at >= len(self.text):
                return
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table, 0)
            self.end_of_line()

    def _header(self) -> Path:
        start = self.at
        brackets = 2 if self.text.startswith("[[", start) else 1
        self.at += brackets
        parts = self._dotted_key()
        if not self.text.startswith("]" * brackets, self.at):
            self.fail(f"expected '{']' * brackets}' after the name of the table", at=self.at)
        self.at += brackets
        path = self._resolve(parts)
        self._check_above(path, parts)
        is_array = path in self._tables_in
        if brackets == 2 and path in self.keys and not (is_array or path in self._assigned or path in self._dotted):
            first = self.keys[path].line
            hint = "single brackets make one table, double ones a table of an array"
            self.fail(f"this is one table already, from line {first}", hint, at=start, end=self.at)
        if path in self._assigned or (brackets == 1 and (is_array or path in self._headers)):
            first = self.keys[path].line
            self.fail(f"this table is there already, from line {first}", at=start, end=self.at)
        if path in self._dotted:
            first = self.keys[path].line
            hint = "write all of it below the header, or all of it as dotted keys"
            self.fail(f"dotted keys have made this table already, from line {first}", hint, at=start, end=self.at)
        self._note_keys(path, parts)
        if brackets == 1:
            self._headers.add(path)
        else:
            count = self._tables_in.get(path, 0)
            self._tables_in[path] = count + 1
            self.values.setdefault(path, self.span(start, self.at))
            path = (*path, count)
        self.values[path] = self.span(start, self.at)
        return path

    def _check_above(self, path: Path, parts: list[_Part]) -> None:
        """Check that nothing on the way to `path`, whose last keys are `parts`, has a value already."""
        named = [upto for upto in range(1, len(path)) if isinstance(path[upto - 1], str)]
        for upto, part in zip(named[len(named) - (len(parts) - 1) :], parts, strict=False):
            if path[:upto] in self._assigned:
                what = f"{quoted(part.name)} has a value already, from line {self.keys[path[:upto]].line}"
                self.fail(f"{what}; nothing can stand below it", at=part.start, end=part.end)

    def _pair(self, table: Path, depth: int) -> None:
        parts = self._dotted_key()
        path = (*table, *(part.name for part in parts))
        self._check_above(path, parts)
        for upto, part in enumerate(parts[:-1], start=len(table) + 1):
            if path[:upto] in self._headers or path[:upto] in self._tables_in:
                what = f"{quoted(part.name)} is a table with a header already, from line {self.keys[path[:upto]].line}"
                self.fail(what, "write this below that header", at=part.start, end=part.end)
            self._dotted.add(path[:upto])
        if path in self.keys:
            part, first = parts[-1], self.keys[path].line
            self.fail(f"{quoted(part.name)} is there twice, first on line {first}", at=part.start, end=part.end)
        if not self.text.startswith("=", self.at):
            following = self.text[self.at : self.at + 1]
            hint = _KEY_HINT if following.isalpha() and not following.isascii() else ""
            self.fail(f"expected '=' after the key, found {self.here()}", hint, at=self.at)
        self.at += 1
        for count, part in enumerate(parts, start=1):
            self.keys.setdefault((*table, *(part.name for part in parts[:count])), self.span(part.start, part.end))
        self.skip_space()
        self._value(path, depth + len(parts) - 1)
        self._assigned.add(path)

    def _resolve(self, parts: list[_Part]) -> Path:
        """Return the path of a header: a name on the way that is an array of tables means its last table."""
        path: Path = ()
        for part in parts:
            if path in self._tables_in:
                path = (*path, self._tables_in[path] - 1)
            path = (*path, part.name)
        return path

    def _note_keys(self, path: Path, parts: list[_Part]) -> None:
        named = [upto for upto in range(1, len(path) + 1) if isinstance(path[upto - 1], str)]
        for upto, part in zip(named, parts, strict=True):
            self.keys.setdefault(path[:upto], self.span(part.start, part.end))

    def _dotted_key(self) -> list[_Part]:
        parts: list[_Part] = []
        while True:
            self.skip_space()
            parts.append(self._key_part())
            if len(parts) > MAX_DEPTH:
                self.fail(f"nested more than {MAX_DEPTH} levels deep", at=parts[-1].start, end=self.at)
            self.skip_space()
            if not self.text.startswith(".", self.at):
                return parts
            self.at += 1

    def _key_part(self) -> _Part:
        start = self.at
        if self.text[start : start + 1] in ('"', "'"):
            self.string()
            return _Part(self._decoded(start), start, self.at)
        match = _BARE_KEY.match(self.text, start)
        if not match:
            hint = _KEY_HINT if self.text[start : start + 1].isalpha() else ""
            self.fail(f"expected a key, found {self.here()}", hint, at=start)
        self.at = match.end()
        return _Part(match.group(), start, self.at)

    def _decoded(self, start: int) -> str:
        key = self.text[start : self.at]
        if len(key) > 2 and key.startswith(key[0] * 3):
            self.fail("a key has single quotes around it, not three", at=start, end=self.at)
        try:
            return next(iter(tomllib.loads(f"{key} = 0")))
        except ValueError:
            self.fail("the text of this key is not valid", at=start)

    def _value(self, path: Path, depth: int) -> None:
        if depth > MAX_DEPTH:
            self.fail(f"nested more than {MAX_DEPTH} levels deep", at=self.at)
        start = self.at
        match self.text[start : start + 1]:
            case '"' | "'":
                self.string()
            case "[":
                self._array(path, depth)
            case "{":
                self._inline_table(path, depth)
            case _:
                self.bare_value()
        self.values[path] = self.span(start, self.at)

    def _array(self, path: Path, depth: int) -> None:
        start = self.at
        self.at += 1
        index = 0
        while not self._closes("]", start, "array"):
            self._value((*path, index), depth + 1)
            index += 1
            self._comma_or("]", start, "array")

    def _inline_table(self, path: Path, depth: int) -> None:
        start = self.at
        self.at += 1
        comma = 0
        while not self._closes("}", start, "inline table"):
            self._pair(path, depth + 1)
            comma = self.at if self._comma_or("}", start, "inline table") else 0
        if comma:
            self.fail("an inline table does not end with a comma", "remove it", at=comma - 1)

    def _closes(self, bracket: str, start: int, what: str) -> bool:
        self._skip_within(bracket, start, what)
        if self.text[self.at] != bracket:
            return False
        self.at += 1
        return True

    def _comma_or(self, bracket: str, start: int, what: str) -> bool:
        """Walk over a comma if there is one; the bracket stays."""
        self._skip_within(bracket, start, what)
        if self.text[self.at] == ",":
            self.at += 1
            return True
        if self.text[self.at] != bracket:
            line = self.span(start, start).line
            self.fail(f"expected ',' or '{bracket}' in the {what} that starts on line {line}", at=self.at)
        return False

    def _skip_within(self, bracket: str, start: int, what: str) -> None:
        before = self.at
        self.skip_blank()
        if self.at >= len(self.text):
            self.fail(f"this {what} is not closed; its '{bracket}' is missing", at=start)
        if bracket == "}" and "\n" in self.text[before : self.at]:
            hint = "a '}' is missing, or this is to be a table below a header, which goes over several lines"
            self.fail("an inline table ends on the line that it starts on", hint, at=start)
