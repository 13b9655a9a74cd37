"""Which settings are there? Those of what is built, those of how it runs, and the tables of `rel/config.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from releaser.config.document import Item
from releaser.config.kinds import (
    Setting,
    TableOf,
    Text,
)
from releaser.config.sections import Field, Section
from releaser.config.settings.built import BUILT
from releaser.config.settings.elsewhere import hint_for
from releaser.config.settings.hooks import EVENTS
from releaser.config.settings.run import RUN
from releaser.config.text import checks


def _not_a_profile(item: Item) -> str:
    """Return a hint for what stands where `[release.NAME]` or `[environment.NAME]` should."""
    outer = str(item.path[0])
    if isinstance(item.data, list):
        return f"with single brackets: [{outer}.{item.name}]"
    if any(row.name == item.name for row in ROWS):
        return f"'{item.name}' stands under [{outer}.NAME], the name is yours to choose"
    return ""


def _hint_for_unknown(item: Item) -> str:
    """Return a hint for a name that is known elsewhere: in Distillery, or inside `hooks`."""
    events = {row.name: row for row in EVENTS}
    if item.name in events:
        return f"hooks stand in a table of their own: hooks.{item.name}"
    for event in events:
        if item.name in (f"{event}_hooks", f"{event}_hook"):
            return f"Distillery's {item.name} is 'hooks.{event}' here"
    for row in ROWS:
        if row.distillery and item.name == row.distillery:
            return f"Distillery's {item.name} is '{row.name}' here"
    if item.name in ("release", "environment"):
        return f"releases and environments stand at the top: [{item.name}.NAME]"
    return hint_for(item.name)


def _hint_for_the_top(item: Item) -> str:
    """Return a hint for a setting that stands above every table."""
    if any(row.name == item.name for row in ROWS):
        return f"'{item.name}' stands under [release.NAME] or [environment.NAME]"
    return ""


ROWS = (*BUILT, *RUN)
"""In the order of the reference page."""


def _make(setting: Setting, values: Mapping[str, Any]) -> Mapping[str, Any]:
    return values


SETTINGS = Section(
    fields=ROWS,
    wanted="a table of settings",
    make=_make,
    one_of=("entry_point", "command"),
    missing_hint='entry_point = "shop.server:main" says what the release starts',
    hint=_hint_for_unknown,
    not_a_table=_not_a_profile,
)

TOP = Section(
    wanted="a table",
    make=_make,
    hint=_hint_for_the_top,
    fields=(
        Field(
            name="default_release",
            kind=Text(wanted="the name of a release", check=checks.any_text),
            doc="The release to build when none is named. With a single release there is no need for it.",
            example='"shop"',
            distillery="default_release",
        ),
        Field(
            name="default_environment",
            kind=Text(wanted="the name of an environment", check=checks.any_text),
            doc="The environment to build for when none is named. With a single environment there is no need for it.",
            example='"dev"',
            distillery="default_environment",
        ),
        Field(
            name="release",
            kind=TableOf(
                check_name=checks.name,
                element=SETTINGS,
                wanted="tables of releases: [release.NAME]",
            ),
            doc="One table of settings per release.",
            example='{ shop = { entry_point = "shop.server:main" } }',
            distillery="release",
        ),
        Field(
            name="environment",
            kind=TableOf(
                check_name=checks.name,
                element=SETTINGS,
                wanted="tables of environments: [environment.NAME]",
            ),
            doc="One table of settings per environment; it is laid over the release's.",
            example="{ prod = { include_src = false } }",
            distillery="environment",
        ),
    ),
)
