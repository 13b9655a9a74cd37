"""What is in a table whose names are ours? A section is a tuple of rows; a setting is added by adding a row."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from releaser.config.document import Item, Problems, Refused, one_of_words, unknown_name
from releaser.config.kinds import Kind, Setting, each

_LINK = re.compile(r"\[[^]]*\]\((?:\.\./)?\w+/(\w+)\.md\)")
"""A link from the reference page to another one; in an editor it would lead nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One row: all that there is to know of a setting. The reference page and the JSON schema come from it."""

    name: str
    """As authors write it."""
    kind: Kind
    doc: str
    """For people: what it does. Sentences."""
    default: str = ""
    """What holds when it is not written, as TOML; empty when there is nothing then."""
    example: str
    """A value, as TOML."""
    distillery: str = ""
    """What Distillery calls it; empty when it has nothing of the sort."""
    needs: str = ""
    """Another setting of the section without which this one means nothing."""
    target: str = ""
    """Name of the field in the profile where it differs."""

    @property
    def field(self) -> str:
        """Name of the field of the frozen value that holds this setting."""
        return self.target or self.name

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of the setting with its text, default and example."""
        default = {"default": toml_value(self.default)} if self.default else {}
        doc = _LINK.sub(r"`releaser docs \1`", self.doc)
        return {"description": doc, **self.kind.schema(), **default, "examples": [toml_value(self.example)]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Section(Kind):
    """A table with known names."""

    fields: tuple[Field, ...]
    wanted: str
    make: Callable[[Setting, Mapping[str, Any]], Any]
    """Turns the finished values, by field, and the setting they come from into the profile's value."""
    one_of: tuple[str, ...] = ()
    """Exactly one of these must hold in the end; an environment that sets one takes the place of the release's."""
    required: tuple[str, ...] = ()
    """These must hold in the end."""
    missing_hint: str = ""
    """What to say when none of `one_of`, or not all of `required`, is there."""
    noun: str = "key"
    """What a name in this table is called."""
    hint: Callable[[Item], str] = lambda item: ""
    """What to say of an unknown name, if there is more to say than the nearest known one."""
    not_a_table: Callable[[Item], str] = lambda item: ""
    """What to say when something else stands in the place of the table."""

    def read(self, item: Item) -> Setting:
        if not isinstance(item.data, dict):
            item.expected(self.wanted, self.not_a_table(item))
        found = dict(each(item.entries(), self._read_entry))
        if len(found) < len(item.data) or not self._is_one_of(item, found):
            raise Refused
        return Setting(value=found, origin=item.origin)

    def lay_over(self, base: Setting, over: Setting) -> Setting:
        if over.replaces:
            return over
        merged: dict[str, Setting] = dict(base.value)
        if any(name in over.value for name in self.one_of):
            gone = [name for name in self.one_of if name in merged and name not in over.value]
            merged = {
                name: setting
                for name, setting in merged.items()
                if name not in self.one_of and self.row(name).needs not in gone
            }
        kinds = {row.name: row.kind for row in self.fields}
        for name, setting in over.value.items():
            merged[name] = kinds[name].lay_over(merged[name], setting) if name in merged else setting
        return Setting(value=merged, origin=base.origin, replaces=base.replaces)

    def finish(self, setting: Setting, problems: Problems) -> Any:
        missing = [f"'{name}'" for name in self.required if name not in setting.value]
        if self.one_of and not any(name in setting.value for name in self.one_of):
            missing.append(one_of_words(self.one_of))
        for name in missing:
            problems.add(setting.origin, f"needs {name}", self.missing_hint)
        idle = [row for row in self.fields if row.name in setting.value and row.needs in self.one_of]
        for row in idle:
            if row.needs not in setting.value:
                origin = setting.value[row.name].origin
                problems.add(origin, f"means nothing without '{row.needs}'", "remove it")
                missing.append(row.name)
        finished = dict(each_row(self.fields, setting.value, problems))
        if missing or len(finished) < len(setting.value):
            raise Refused
        return self.make(setting, finished)

    def schema(self) -> dict[str, Any]:
        alone = [{"not": {"required": list(pair)}} for pair in combinations(self.one_of, 2)]
        return {
            "type": "object",
            "properties": {row.name: row.schema() for row in self.fields},
            "additionalProperties": False,
            **({"allOf": alone} if alone else {}),
        }

    def row(self, name: str) -> Field:
        """Return the row of a known name."""
        return next(row for row in self.fields if row.name == name)

    def _read_entry(self, entry: Item) -> tuple[str, Setting]:
        known = [row.name for row in self.fields]
        if entry.name in known:
            return entry.name, replace(self.row(entry.name).kind.read(entry), written=entry.data)
        unknown_name(entry, self.noun, known, self.hint(entry))
        raise Refused

    def _is_one_of(self, item: Item, found: Mapping[str, Setting]) -> bool:
        entries = [entry for entry in item.entries() if entry.name in self.one_of and entry.name in found]
        entries.sort(key=lambda entry: (entry.key_origin.line, entry.key_origin.column))
        for entry in entries[1:]:
            first = entries[0].key_origin
            where = "" if first.line == entry.key_origin.line else f", which is set on line {first.line}"
            item.problems.add(entry.key_origin, f"cannot stand beside '{entries[0].name}'{where}", "remove one of them")
        return len(entries) < 2


def toml_value(text: str) -> Any:
    """Return the plain value of a piece of TOML such as `"30s"` or `[1, 2]`."""
    return tomllib.loads(f"value = {text}")["value"]


def each_row(fields: tuple[Field, ...], values: Mapping[str, Setting], problems: Problems) -> list[tuple[str, Any]]:
    """Return the finished value of each row that is set, by the name of its field; refused ones are left out."""
    finished = []
    for row in fields:
        if row.name in values:
            try:
                finished.append((row.field, row.kind.finish(values[row.name], problems)))
            except Refused:
                continue
    return finished
