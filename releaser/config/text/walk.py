"""How are the smallest parts of TOML walked over: blanks, comments, strings, numbers and dates?

Grammar: https://toml.io/en/v1.0.0, as tomllib reads it.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from dataclasses import dataclass
from typing import NoReturn

from releaser.config.text.shown import escaped, quoted

_BARE_VALUE = re.compile(r"[^\s\x00-\x1f\x7f,\]\}\[\{#=\"']+")
_PLAIN_VALUE = re.compile(r"true|false|[+-]?(0|[1-9][0-9]{0,17})(\.[0-9]+)?")
_PLAUSIBLE_VALUE = re.compile(r"true|false|[+-]?(inf|nan)|[+-]?[0-9][0-9A-Za-z_.:+-]*")
_TIME_AFTER_DATE = re.compile(r" \d\d:[0-9.:Zz+-]*")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_CONTROL = frozenset(chr(code) for code in (*range(9), *range(10, 32), 127))
_ESCAPE = re.compile(r'\\([btnfr"\\]|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8})')
_ESCAPED_LINE_END = re.compile(r"\\[ \t]*\r?\n")
_QUOTES_HINT = "text is written in quotes"
_TYPOGRAPHIC_QUOTES = "\u201c\u201d\u201e\u2018\u2019\u201a\u00ab\u00bb"
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


class Unreadable(Exception):
    """The shape of the text is broken at `span`."""

    def __init__(self, span: Span, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.span = span
        self.what = what
        self.hint = hint


class Walk:
    """A text, and how far it is walked over: `at`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self._line_starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def bare_value(self) -> None:
        start = self.at
        match = _BARE_VALUE.match(self.text, start)
        if not match:
            self.fail(f"expected a value after '=', found {self.here()}", at=start)
        word = match.group()
        self.at = match.end()
        if _PLAIN_VALUE.fullmatch(word):
            return
        if not _PLAUSIBLE_VALUE.fullmatch(word):
            truth = _WORDS.get(word.lower(), word.lower())
            hint = f"write {truth}" if truth in ("true", "false") else _QUOTES_HINT
            hint = 'quotes are straight: "' if word[0] in _TYPOGRAPHIC_QUOTES else hint
            self.fail(f"expected a value, found the bare word {quoted(word)}", hint, at=start, end=self.at)
        if _LEADING_ZERO.fullmatch(word):
            what = f"a number does not begin with 0, found {quoted(word)[1:-1]}"
            self.fail(what, f'as text, it is written in quotes: "{word}"', at=start, end=self.at)
        if _DATE.fullmatch(word) and (time := _TIME_AFTER_DATE.match(self.text, self.at)):
            self.at = time.end()
        self._check_value(start)

    def _check_value(self, start: int) -> None:
        written = self.text[start : self.at]
        try:
            tomllib.loads(f"value = {written}")
        except tomllib.TOMLDecodeError:
            sort = "date" if _DATE.match(written) else "time" if ":" in written else "number"
            self.fail(f"not valid TOML: invalid {sort}", at=start, end=self.at)
        except ValueError:
            self.fail("a number of so many digits cannot be read", at=start, end=self.at)

    def string(self) -> None:
        """Walk over a string of any of the four kinds."""
        start = self.at
        quote = self.text[start]
        is_long = self.text.startswith(quote * 3, start)
        closing = quote * 3 if is_long else quote
        self.at += len(closing)
        while not self.text.startswith(closing, self.at):
            character = self.text[self.at : self.at + 1]
            if not character or (character == "\n" and not is_long):
                self.fail(f"this text is not closed; its {closing} is missing", at=start)
            if character in _CONTROL and not (is_long and self.text.startswith(("\n", "\r\n"), self.at)):
                what = f"the control character U+{ord(character):04X} cannot stand in text"
                hint = f"in double quotes, '\\u{ord(character):04x}' means it"
                self.fail(what, hint, at=self.at)
            if character == "\\" and quote == '"':
                self._escape(is_long)
            else:
                self.at += 1
        self.at += len(closing)
        if is_long:  # up to two quotes may stand before the closing three
            self.at += next(extra for extra in (2, 1, 0) if self.text.startswith(quote * extra, self.at))

    def _escape(self, is_long: bool) -> None:
        found = _ESCAPE.match(self.text, self.at) or (_ESCAPED_LINE_END.match(self.text, self.at) if is_long else None)
        if found and _is_character(found.group()):
            self.at = found.end()
            return
        shown = found.group() if found else self.text[self.at : self.at + 2]
        if shown in ("\\", "\\\n", "\\\r"):  # the end of the line or of the file is what is wrong
            self.at += 1
            return
        self.fail(
            f"'{escaped(shown)}' means nothing in text with double quotes",
            "write '\\\\' for one backslash, or use single quotes",
            at=self.at,
            end=self.at + len(shown),
        )

    def end_of_line(self) -> None:
        self.skip_space()
        if self.at < len(self.text) and self.text[self.at] == "#":
            self._skip_comment()
        if self.at < len(self.text) and not self.text.startswith(("\n", "\r\n"), self.at):
            hint = _QUOTES_HINT if self.text[self.at].isalnum() else ""
            self.fail(f"expected the end of the line, found {self.here()}", hint, at=self.at)

    def skip_space(self) -> None:
        while self.text.startswith((" ", "\t"), self.at):
            self.at += 1

    def _skip_comment(self) -> None:
        end = self.text.find("\n", self.at)
        end = len(self.text) if end < 0 else end
        for at in range(self.at, end):
            if self.text[at] in _CONTROL and not self.text.startswith("\r\n", at):
                self.fail(f"the control character U+{ord(self.text[at]):04X} cannot stand in a comment", at=at)
        self.at = end

    def skip_blank(self) -> None:
        while self.at < len(self.text):
            if self.text[self.at] == "#":
                self._skip_comment()
            elif self.text[self.at] in " \t\n" or self.text.startswith("\r\n", self.at):
                self.at += 1
            else:
                return

    def span(self, start: int, end: int) -> Span:
        line = bisect_right(self._line_starts, start)
        first_line_end = self._line_starts[line] - 1 if line < len(self._line_starts) else len(self.text)
        length = len(self.text[start : min(end, first_line_end)].rstrip("\r"))
        return Span(line=line, column=start - self._line_starts[line - 1] + 1, length=max(length, 1))

    def here(self) -> str:
        """Return the character at this place in words."""
        character = self.text[self.at : self.at + 1]
        if not character:
            return "the end of the file"
        if character == "\n" or self.text.startswith("\r\n", self.at):
            return "the end of the line"
        if character == "\r":
            return "a carriage return without a line feed"
        return f"'{character}'" if character.isprintable() else f"the character U+{ord(character):04X}"

    def fail(self, what: str, hint: str = "", *, at: int, end: int = 0) -> NoReturn:
        raise Unreadable(self.span(at, end or at + 1), what, hint)


def _is_character(escape: str) -> bool:
    """Tell whether an escape means a character, which half of a pair of surrogates does not."""
    code = int(escape[2:], 16) if escape[1] in "uU" else 0
    return code < 0xD800 or 0xDFFF < code < 0x110000
