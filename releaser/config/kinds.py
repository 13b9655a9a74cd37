"""What kinds of values do settings have? Each kind reads a value, lays one over another, and describes itself.

A setting passes through three steps: `read` turns the text of one table into a `Setting` that knows its place,
`lay_over` puts an environment's over a release's, and `finish` makes the profile's value of the result.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from releaser.config.document import Item, Problems, Refused, one_of_words
from releaser.config.profile import Origin
from releaser.config.text.nearest import nearest
from releaser.config.text.patterns import SEEN
from releaser.config.text.substitution import Wrong

MAX_DURATION_S = 365 * 24 * 3600.0
T = TypeVar("T")
Check = Callable[[str], None]

_FLAG_IN_QUOTES = "^([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])$"
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A value that was read, and where it was written."""

    value: Any
    """For tables a mapping from name to `Setting`, otherwise what the profile holds."""
    origin: Origin
    written: Any = None
    """The plain value as it stands in the file, for settings with a name."""
    parts: tuple[Origin, ...] = ()
    """Of an array: where each of its values was written."""
    replaces: bool = False
    """A table that was written as a short form: it replaces what it is laid over, as any other value does."""
    is_off: bool = False
    """A table that was written as false; what is laid over it turns it on."""


class Kind(ABC):
    """A kind of value."""

    @property
    @abstractmethod
    def wanted(self) -> str:
        """What fits, for the middle of `expected ..., found ...`."""

    @abstractmethod
    def read(self, item: Item) -> Setting:
        """Return the value of `item`.

        Raises:
            Refused: it does not fit; every reason is noted in `item.problems`.
        """

    def lay_over(self, base: Setting, over: Setting) -> Setting:
        """Return what holds when `over` is laid over `base`: all of it, unless the kind is a table."""
        return over

    def finish(self, setting: Setting, problems: Problems) -> Any:
        """Return the value for the profile.

        Raises:
            Refused: what was laid together does not make a whole; every reason is noted in `problems`.
        """
        return setting.value

    @abstractmethod
    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of what an author may write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text(Kind):
    """Text that passes a check."""

    wanted: str
    check: Check

    def read(self, item: Item) -> Setting:
        if not isinstance(item.data, str):
            item.expected(self.wanted, self._quotes_hint(item))
        try:
            self.check(item.data)
        except Wrong as wrong:
            if wrong.what:
                item.refuse(wrong.what, wrong.hint)
            item.expected(self.wanted, wrong.hint)
        return Setting(value=item.data, origin=item.origin)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", **SEEN[self.check.__name__]}

    def _quotes_hint(self, item: Item) -> str:
        """Return a hint for a number or date that would be right as text."""
        if isinstance(item.data, bool | list | dict):
            return ""
        origin = item.origin
        written = origin.source_line[origin.column - 1 :][: origin.length]
        try:
            self.check(written)
        except Wrong as wrong:
            return wrong.hint
        return f'write it in quotes: "{written}"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag(Kind):
    """True or false."""

    wanted: str = "true or false"

    def read(self, item: Item) -> Setting:
        if not isinstance(item.data, bool):
            word = item.data.lower() if isinstance(item.data, str) else ""
            item.expected(self.wanted, f"write {word} without quotes" if word in ("true", "false") else "")
        return Setting(value=item.data, origin=item.origin)

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagOrText(Kind):
    """True, false, or text that passes a check."""

    wanted: str
    check: Check

    def read(self, item: Item) -> Setting:
        if isinstance(item.data, bool):
            return Setting(value=item.data, origin=item.origin)
        if isinstance(item.data, str) and item.data.lower() in ("true", "false"):
            item.expected(self.wanted, f"write {item.data.lower()} without quotes")
        return Text(wanted=self.wanted, check=self.check).read(item)

    def schema(self) -> dict[str, Any]:
        text = Text(wanted=self.wanted, check=self.check).schema()
        return {"anyOf": [{"type": "boolean"}, {**text, "not": {"pattern": _FLAG_IN_QUOTES}}]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(Kind):
    """One of a few words."""

    words: tuple[str, ...]
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Why a word that is known elsewhere does not fit here."""

    @property
    def wanted(self) -> str:
        return one_of_words(self.words)

    def read(self, item: Item) -> Setting:
        if not isinstance(item.data, str):
            item.expected(self.wanted)
        if item.data not in self.words:
            found = nearest(item.data, self.words)
            item.expected(self.wanted, self.reasons.get(item.data) or (f"did you mean '{found}'?" if found else ""))
        return Setting(value=item.data, origin=item.origin)

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.words)}


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegerChoice(Kind):
    """One of a few whole numbers."""

    numbers: tuple[int, ...]

    @property
    def wanted(self) -> str:
        *others, last = map(str, self.numbers)
        return f"{', '.join(others)} or {last}"

    def read(self, item: Item) -> Setting:
        if isinstance(item.data, bool) or not isinstance(item.data, int) or item.data not in self.numbers:
            is_quoted = isinstance(item.data, str) and item.data in map(str, self.numbers)
            item.expected(self.wanted, f"write {item.data} without quotes" if is_quoted else "")
        return Setting(value=item.data, origin=item.origin)

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.numbers)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Count(Kind):
    """A whole number within limits."""

    least: int
    most: int

    @property
    def wanted(self) -> str:
        return f"a whole number from {self.least} to {self.most}"

    def read(self, item: Item) -> Setting:
        if isinstance(item.data, bool) or not isinstance(item.data, int) or not self.least <= item.data <= self.most:
            is_quoted = isinstance(item.data, str) and item.data.isascii() and item.data.isdigit()
            item.expected(self.wanted, f"write {item.data} without quotes" if is_quoted else "")
        return Setting(value=item.data, origin=item.origin)

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True, slots=True, kw_only=True)
class Duration(Kind):
    """A length of time; the value is in seconds."""

    wanted: str = "a duration such as 30 or '30s'"
    may_be_zero: bool = False

    def read(self, item: Item) -> Setting:
        seconds = self._seconds(item)
        if not (0 < seconds <= MAX_DURATION_S or (self.may_be_zero and seconds == 0)):
            limit = "at most 8760h" if seconds > 0 else "0 or more" if self.may_be_zero else "more than 0"
            hint = "" if seconds > 0 or self.may_be_zero else "every wait needs a time to end"
            item.expected(f"a duration of {limit}", hint)
        return Setting(value=seconds, origin=item.origin)

    def schema(self) -> dict[str, Any]:
        text = {"type": "string", "pattern": f"^{_DURATION.pattern}$"}
        if self.may_be_zero:
            return {"anyOf": [{"type": "number", "minimum": 0, "maximum": MAX_DURATION_S}, text]}
        number = {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_DURATION_S}
        return {"anyOf": [number, {**text, "not": {"pattern": r"^0+(\.0+)?[a-z]+$"}}]}

    def _seconds(self, item: Item) -> float:
        if isinstance(item.data, int | float) and not isinstance(item.data, bool):
            if item.data != item.data:
                item.expected(self.wanted)
            return float(min(max(item.data, -1), MAX_DURATION_S + 1))
        if not isinstance(item.data, str):
            item.expected(self.wanted)
        match = _DURATION.fullmatch(item.data)
        if not match:
            item.expected(self.wanted, _duration_hint(item.data))
        return float(match[1]) * _SECONDS[match[2]]


_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)(B|kB|MB|GB|KiB|MiB|GiB)")
_BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


@dataclass(frozen=True, slots=True, kw_only=True)
class Size(Kind):
    """A number of bytes."""

    least: int
    most: int
    wanted: str = "a size such as '10MB'"

    def read(self, item: Item) -> Setting:
        match = _SIZE.fullmatch(item.data) if isinstance(item.data, str) else None
        if not match:
            compact = item.data.replace(" ", "") if isinstance(item.data, str) else ""
            is_spaced = compact != item.data and _SIZE.fullmatch(compact)
            item.expected(self.wanted, f"write '{compact}'" if is_spaced else f"{', '.join(_BYTES)} are known")
        found = float(match[1]) * _BYTES[match[2]]
        if not self.least <= found <= self.most:
            item.expected(f"a size from {self.least} to {self.most} bytes")
        return Setting(value=int(found), origin=item.origin)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{_SIZE.pattern}$"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOf(Kind):
    """An array whose values are all of one kind; the value is a tuple."""

    element: Kind
    wanted: str
    is_set: bool = False
    """No value may be there twice."""
    is_empty_allowed: bool = True

    def read(self, item: Item) -> Setting:
        if not isinstance(item.data, list):
            item.expected(self.wanted, _brackets_hint(item.data))
        if not item.data and not self.is_empty_allowed:
            item.expected(self.wanted)
        found = list(each(item.elements(), lambda element: self._read_element(element, item.data)))
        if len(found) < len(item.data):
            raise Refused
        parts = tuple(element.origin for element in item.elements())
        return Setting(value=tuple(found), origin=item.origin, parts=parts)

    def schema(self) -> dict[str, Any]:
        extra: dict[str, Any] = {"uniqueItems": True} if self.is_set else {}
        if not self.is_empty_allowed:
            extra["minItems"] = 1
        return {"type": "array", "items": self.element.schema(), **extra}

    def _read_element(self, element: Item, siblings: list[Any]) -> Any:
        index = element.path[-1]
        if self.is_set and isinstance(index, int) and element.data in siblings[:index]:
            element.refuse("the same value is there twice")
        return self.element.read(element).value


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOf(Kind):
    """A table with names of the author's choice, all values of one kind."""

    check_name: Check
    element: Kind
    wanted: str

    def read(self, item: Item) -> Setting:
        if not isinstance(item.data, dict):
            item.expected(self.wanted)
        found = dict(each(item.entries(), self._read_entry))
        if len(found) < len(item.data):
            raise Refused
        return Setting(value=found, origin=item.origin)

    def lay_over(self, base: Setting, over: Setting) -> Setting:
        merged: dict[str, Setting] = dict(base.value)
        for name, setting in over.value.items():
            merged[name] = self.element.lay_over(merged[name], setting) if name in merged else setting
        return Setting(value=merged, origin=base.origin)

    def finish(self, setting: Setting, problems: Problems) -> Any:
        return {name: self.element.finish(entry, problems) for name, entry in setting.value.items()}

    def schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "propertyNames": SEEN[self.check_name.__name__],
            "additionalProperties": self.element.schema(),
        }

    def _read_entry(self, entry: Item) -> tuple[str, Setting]:
        try:
            self.check_name(entry.name)
        except Wrong as wrong:
            entry.refuse_key(wrong.what, wrong.hint)
        return entry.name, replace(self.element.read(entry), written=entry.data)


def each(items: Iterator[Item], read: Callable[[Item], T]) -> Iterator[T]:
    """Yield what `read` makes of each item, without those that it refuses: all their problems are noted at once."""
    for item in items:
        try:
            yield read(item)
        except Refused:
            continue


def _brackets_hint(data: object) -> str:
    if not isinstance(data, str) or not data.split() or not data.isprintable() or '"' in data or "'" in data:
        return ""
    words = ", ".join(f'"{word}"' for word in data.split())
    return f"in brackets: [{words}]"


def _duration_hint(text: str) -> str:
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        return f"write {text} without quotes, or '{text}s'"
    if text.lower() in ("never", "none", "infinite", "infinity", "forever"):
        return "every wait needs a time to end; '24h' is a long one"
    compact = text.replace(" ", "").lower()
    for word, unit in (("milliseconds", "ms"), ("seconds", "s"), ("sec", "s"), ("minutes", "m"), ("min", "m")):
        for spelling in (word, word.removesuffix("s")):
            compact = re.sub(f"{spelling}$", unit, compact)
    compact = re.sub("hours?$", "h", compact)
    if compact != text and _DURATION.fullmatch(compact):
        return f"write '{compact}'"
    return "units are ms, s, m and h" if text[:1].isdigit() else ""
