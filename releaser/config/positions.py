"""Where in the text of a TOML file is each key and each value?

tomlkit keeps the text but not the places. This is a second, small walk over the same text: it knows the shape of
TOML (keys, headers, strings, arrays, inline tables), leaves the meaning of values to tomlkit, and names what is
wrong when the shape is broken, which a generic parser does poorly.

Grammar: https://toml.io/en/v1.0.0, and line breaks in inline tables as in 1.1, which tomlkit reads too.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn

import tomlkit
from tomlkit.exceptions import TOMLKitError

Path = tuple[str | int, ...]
"""Keys and array indexes from the top of the document, `("release", "shop", "command", 0)`."""

MAX_DEPTH = 100
"""Levels of arrays and inline tables; the limit of tomlkit itself."""

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BARE_VALUE = re.compile(r"[^\s\x00-\x1f\x7f,\]\}\[\{#=\"']+")
_PLAUSIBLE_VALUE = re.compile(r"true|false|[+-]?(inf|nan)|[+-]?[0-9][0-9A-Za-z_.:+-]*")
_TIME_AFTER_DATE = re.compile(r" \d\d:[0-9.:Zz+-]*")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_CONTROL = frozenset(chr(code) for code in (*range(9), *range(10, 32), 127))
_ESCAPES = 'btnfre"\\uUx'
_QUOTES_HINT = "text is written in quotes"
_TYPOGRAPHIC_QUOTES = "\u201c\u201d\u201e\u2018\u2019\u201a\u00ab\u00bb"
_KEY_HINT = "a key of letters from a to z, digits, '_' and '-' stands as it is, any other in quotes"
_LEADING_ZERO = re.compile(r"[+-]?0[0-9][0-9_]*")
_WORDS = {"yes": "true", "on": "true", "no": "false", "off": "false"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A piece of one line; text over several lines is cut at the end of its first."""

    line: int
    """From 1."""
    column: int
    """In characters, from 1."""
    length: int


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


class Unreadable(Exception):
    """The shape of the text is broken at `span`."""

    def __init__(self, span: Span, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.span = span
        self.what = what
        self.hint = hint


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


class _Scanner:
    """One walk over a text, from `at` onwards."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.keys: dict[Path, Span] = {}
        self.values: dict[Path, Span] = {}
        self._line_starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._tables_in: dict[Path, int] = {}  # array of tables: how many it has so far
        self._headers: set[Path] = set()
        self._dotted: set[Path] = set()  # tables that the keys `a.b = ...` have made: no header may add to them
        self._assigned: set[Path] = set()  # paths with `key = value`: nothing may be added below them

    def document(self) -> None:
        """Walk to the end of the text."""
        table: Path = ()
        while True:
            self._skip_blank()
            if self.at >= len(self.text):
                return
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table, 0)
            self._end_of_line()

    def _header(self) -> Path:
        start = self.at
        brackets = 2 if self.text.startswith("[[", start) else 1
        self.at += brackets
        parts = self._dotted_key()
        if not self.text.startswith("]" * brackets, self.at):
            self._fail(f"expected '{']' * brackets}' after the name of the table", at=self.at)
        self.at += brackets
        path = self._resolve(parts)
        is_table = path in self.keys and path not in self._tables_in.keys() | self._assigned | self._dotted
        if brackets == 2 and is_table:
            first = self.keys[path].line
            hint = "single brackets make one table, double ones a table of an array"
            self._fail(f"this is one table already, from line {first}", hint, at=start, end=self.at)
        if path in self._assigned or (brackets == 1 and path in self._headers | self._tables_in.keys()):
            first = self.keys[path].line
            self._fail(f"this table is there already, from line {first}", at=start, end=self.at)
        if path in self._dotted:
            first = self.keys[path].line
            hint = "write all of it below the header, or all of it as dotted keys"
            self._fail(f"dotted keys have made this table already, from line {first}", hint, at=start, end=self.at)
        self._note_keys(path, parts)
        if brackets == 1:
            self._headers.add(path)
        else:
            count = self._tables_in.get(path, 0)
            self._tables_in[path] = count + 1
            self.values.setdefault(path, self._span(start, self.at))
            path = (*path, count)
        self.values[path] = self._span(start, self.at)
        return path

    def _pair(self, table: Path, depth: int) -> None:
        parts = self._dotted_key()
        path = (*table, *(part.name for part in parts))
        for upto in range(len(table) + 1, len(path)):
            if path[:upto] in self._assigned:
                part = parts[upto - len(table) - 1]
                first = self.keys[path[:upto]].line
                what = f"'{part.name}' has a value already, from line {first}; nothing can stand below it"
                self._fail(what, at=part.start, end=part.end)
            if path[:upto] in self._headers:
                part = parts[upto - len(table) - 1]
                first = self.keys[path[:upto]].line
                what = f"'{part.name}' is a table with a header already, from line {first}"
                self._fail(what, "write this below that header", at=part.start, end=part.end)
            self._dotted.add(path[:upto])
        if path in self.keys:
            part, first = parts[-1], self.keys[path].line
            self._fail(f"'{part.name}' is there twice, first on line {first}", at=part.start, end=part.end)
        if not self.text.startswith("=", self.at):
            following = self.text[self.at : self.at + 1]
            hint = _KEY_HINT if following.isalpha() and not following.isascii() else ""
            self._fail(f"expected '=' after the key, found {self._here()}", hint, at=self.at)
        self.at += 1
        for count, part in enumerate(parts, start=1):
            self.keys.setdefault((*table, *(part.name for part in parts[:count])), self._span(part.start, part.end))
        self._skip_space()
        self._value(path, depth)
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
            self.keys.setdefault(path[:upto], self._span(part.start, part.end))

    def _dotted_key(self) -> list[_Part]:
        parts: list[_Part] = []
        while True:
            self._skip_space()
            parts.append(self._key_part())
            if len(parts) > MAX_DEPTH:
                self._fail(f"nested more than {MAX_DEPTH} levels deep", at=parts[-1].start, end=self.at)
            self._skip_space()
            if not self.text.startswith(".", self.at):
                return parts
            self.at += 1

    def _key_part(self) -> _Part:
        start = self.at
        if self.text[start : start + 1] in ('"', "'"):
            self._string()
            return _Part(self._decoded(start), start, self.at)
        match = _BARE_KEY.match(self.text, start)
        if not match:
            hint = _KEY_HINT if self.text[start : start + 1].isalpha() else ""
            self._fail(f"expected a key, found {self._here()}", hint, at=start)
        self.at = match.end()
        return _Part(match.group(), start, self.at)

    def _decoded(self, start: int) -> str:
        try:
            return str(tomlkit.value(self.text[start : self.at]))
        except (TOMLKitError, ValueError):
            self._fail("the text of this key is not valid", at=start)

    def _value(self, path: Path, depth: int) -> None:
        if depth > MAX_DEPTH:
            self._fail(f"nested more than {MAX_DEPTH} levels deep", at=self.at)
        start = self.at
        match self.text[start : start + 1]:
            case '"' | "'":
                self._string()
            case "[":
                self._array(path, depth)
            case "{":
                self._inline_table(path, depth)
            case _:
                self._bare_value()
        self.values[path] = self._span(start, self.at)

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
        while not self._closes("}", start, "inline table"):
            self._pair(path, depth + 1)
            self._comma_or("}", start, "inline table")

    def _closes(self, bracket: str, start: int, what: str) -> bool:
        self._skip_blank()
        if self.at >= len(self.text):
            self._fail(f"this {what} is not closed; its '{bracket}' is missing", at=start)
        if self.text[self.at] != bracket:
            return False
        self.at += 1
        return True

    def _comma_or(self, bracket: str, start: int, what: str) -> None:
        self._skip_blank()
        if self.at < len(self.text) and self.text[self.at] == ",":
            self.at += 1
        elif self.at < len(self.text) and self.text[self.at] != bracket:
            line = self._span(start, start).line
            self._fail(f"expected ',' or '{bracket}' in the {what} that starts on line {line}", at=self.at)

    def _bare_value(self) -> None:
        start = self.at
        match = _BARE_VALUE.match(self.text, start)
        if not match:
            self._fail(f"expected a value after '=', found {self._here()}", at=start)
        word = match.group()
        self.at = match.end()
        if not _PLAUSIBLE_VALUE.fullmatch(word):
            truth = _WORDS.get(word.lower(), word.lower())
            hint = f"write {truth}" if truth in ("true", "false") else _QUOTES_HINT
            hint = 'quotes are straight: "' if word[0] in _TYPOGRAPHIC_QUOTES else hint
            self._fail(f"expected a value, found the bare word '{word}'", hint, at=start, end=self.at)
        if _LEADING_ZERO.fullmatch(word):
            what = f"a number does not begin with 0, found {word}"
            self._fail(what, f'as text, it is written in quotes: "{word}"', at=start, end=self.at)
        if _DATE.fullmatch(word) and (time := _TIME_AFTER_DATE.match(self.text, self.at)):
            self.at = time.end()

    def _string(self) -> None:
        """Walk over a string of any of the four kinds."""
        start = self.at
        quote = self.text[start]
        is_long = self.text.startswith(quote * 3, start)
        closing = quote * 3 if is_long else quote
        self.at += len(closing)
        while not self.text.startswith(closing, self.at):
            character = self.text[self.at : self.at + 1]
            if not character or (character == "\n" and not is_long):
                self._fail(f"this text is not closed; its {closing} is missing", at=start)
            if character in _CONTROL and not (character in "\r\n" and is_long):
                what = f"the control character U+{ord(character):04X} cannot stand in text"
                hint = f"in double quotes, '\\u{ord(character):04x}' means it"
                self._fail(what, hint, at=self.at)
            if character == "\\" and quote == '"':
                self._escape(is_long)
            else:
                self.at += 1
        self.at += len(closing)
        if is_long:  # up to two quotes may stand before the closing three
            self.at += next(extra for extra in (2, 1, 0) if self.text.startswith(quote * extra, self.at))

    def _escape(self, is_long: bool) -> None:
        following = self.text[self.at + 1 : self.at + 2]
        if following not in _ESCAPES and not (is_long and following.isspace()):
            self._fail(
                f"'\\{following}' means nothing in text with double quotes",
                "write '\\\\' for one backslash, or use single quotes",
                at=self.at,
                end=self.at + 2,
            )
        self.at += 2

    def _end_of_line(self) -> None:
        self._skip_space()
        if self.at < len(self.text) and self.text[self.at] == "#":
            self._skip_comment()
        if self.at < len(self.text) and not self.text.startswith(("\n", "\r\n"), self.at):
            hint = _QUOTES_HINT if self.text[self.at].isalnum() else ""
            self._fail(f"expected the end of the line, found {self._here()}", hint, at=self.at)

    def _skip_space(self) -> None:
        while self.text.startswith((" ", "\t"), self.at):
            self.at += 1

    def _skip_comment(self) -> None:
        end = self.text.find("\n", self.at)
        end = len(self.text) if end < 0 else end
        for at in range(self.at, end):
            if self.text[at] in _CONTROL and not self.text.startswith("\r\n", at):
                self._fail(f"the control character U+{ord(self.text[at]):04X} cannot stand in a comment", at=at)
        self.at = end

    def _skip_blank(self) -> None:
        while self.at < len(self.text):
            if self.text[self.at] == "#":
                self._skip_comment()
            elif self.text[self.at] in " \t\n" or self.text.startswith("\r\n", self.at):
                self.at += 1
            else:
                return

    def _span(self, start: int, end: int) -> Span:
        line = bisect_right(self._line_starts, start)
        newline = self.text.find("\n", start)
        first_line_end = len(self.text) if newline < 0 else newline
        length = len(self.text[start : min(end, first_line_end)].rstrip("\r"))
        return Span(line=line, column=start - self._line_starts[line - 1] + 1, length=max(length, 1))

    def _here(self) -> str:
        """Return the character at this place in words."""
        character = self.text[self.at : self.at + 1]
        if not character:
            return "the end of the file"
        if character == "\n" or self.text.startswith("\r\n", self.at):
            return "the end of the line"
        if character == "\r":
            return "a carriage return without a line feed"
        return f"'{character}'" if character.isprintable() else f"the character U+{ord(character):04X}"

    def _fail(self, what: str, hint: str = "", *, at: int, end: int = 0) -> NoReturn:
        raise Unreadable(self._span(at, end or at + 1), what, hint)
