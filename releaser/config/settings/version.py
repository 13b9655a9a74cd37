"""Where does a release's version come from? `version`, a word, a literal, or a command that prints it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from releaser.config.document import Item
from releaser.config.kinds import Kind, ListOf, Setting, Text
from releaser.config.sections import Field, Section
from releaser.config.text import checks

_TEXT = Text(
    wanted="'project', 'git', a version such as '1.4.0', or { command = ['git', 'describe'] }",
    check=checks.version,
)


def _words(setting: Setting, values: Mapping[str, Any]) -> tuple[str, ...]:
    words: tuple[str, ...] = values["command"]
    return words


_TABLE = Section(
    wanted=_TEXT.wanted,
    required=("command",),
    missing_hint='{ command = ["git", "describe"] } runs a program that prints the version',
    make=_words,
    fields=(
        Field(
            name="command",
            kind=ListOf(
                element=Text(wanted="text", check=checks.plain_argument),
                wanted="an array of words such as ['git', 'describe']",
                is_empty_allowed=False,
            ),
            doc="Program and arguments, run by each build in the folder that holds `rel/`; it prints one line.",
            example='["git", "describe"]',
        ),
    ),
)


VERSION_FIELDS = _TABLE.fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Version(Kind):
    """Text, or a table with a command; the value is text or the words of the command."""

    wanted: str = _TEXT.wanted

    def read(self, item: Item) -> Setting:
        if not isinstance(item.data, dict):
            return _TEXT.read(item)
        table = _TABLE.read(item)
        if "command" not in table.value:
            item.refuse("needs 'command'", _TABLE.missing_hint)
        return Setting(value=table.value["command"].value, origin=item.origin)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [_TEXT.schema(), {**_TABLE.schema(), "required": ["command"]}]}
