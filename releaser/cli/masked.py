"""Which values are nobody's to read on a screen or in a log of CI? Passwords of URLs, and variables called secret."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from releaser.artifacts.compare import Change, Difference
from releaser.config.explain import without_password
from releaser.runtime.environment import is_secret

HIDDEN = "(hidden)"


def shown_setting(path: str, value: Any) -> Any:
    """Return the value of the setting `path`, as `env.API_TOKEN`, with what is secret hidden; `${NAME}` is not."""
    *tables, name = path.split(".")
    if "env" in tables and is_secret(name) and isinstance(value, str) and not value.startswith("${"):
        return HIDDEN
    return _without_passwords(value)


def shown_difference(found: Difference) -> Difference:
    """Return a difference with what is secret in the configuration hidden: that it has changed can be seen."""
    return replace(found, configuration=tuple(map(_shown_change, found.configuration)))


def _shown_change(change: Change) -> Change:
    old, new = (shown_setting(change.name, value) if value else "" for value in (change.old, change.new))
    return Change(name=change.name, old=old, new=new)


def _without_passwords(value: Any) -> Any:
    match value:
        case str():
            return without_password(value)
        case list():
            return [_without_passwords(entry) for entry in value]
        case dict():
            return {name: _without_passwords(entry) for name, entry in value.items()}
        case _:
            return value
