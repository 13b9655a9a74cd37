"""Which values are nobody's to read on a screen or in a log of CI? Passwords of URLs, and variables called secret."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from releaser.artifacts.compare import Change, Difference
from releaser.config.explain import HIDDEN, without_password, without_secret
from releaser.runtime.release.variables.environment import is_secret

_NAMED_BY_AUTHORS = ("env", "overlay_vars")
"""Tables whose names tell what is secret."""


def shown_setting(path: str, value: Any) -> Any:
    """Return the value of the setting `path`, as `env.API_TOKEN`, with what is secret hidden; `${NAME}` is not."""
    parts = path.split(".")
    named = [part for index, part in enumerate(parts) if any(table in _NAMED_BY_AUTHORS for table in parts[:index])]
    return _masked(value, is_named_secret=any(map(is_secret, named)))


def shown_difference(found: Difference) -> Difference:
    """Return a difference with what is secret in the configuration hidden: that it has changed can be seen."""
    return replace(found, configuration=tuple(map(_shown_change, found.configuration)))


def _shown_change(change: Change) -> Change:
    old, new = (shown_setting(change.name, value) if value else "" for value in (change.old, change.new))
    return Change(name=change.name, old=old, new=new)


def _masked(value: Any, *, is_named_secret: bool = False) -> Any:
    match value:
        case str():
            return without_secret(value) if is_named_secret else without_password(value)
        case list():
            return [_masked(entry, is_named_secret=is_named_secret) for entry in value]
        case dict():
            return {
                name: _masked(entry, is_named_secret=is_named_secret or is_secret(name))
                for name, entry in value.items()
            }
        case _:
            return HIDDEN if is_named_secret else value
