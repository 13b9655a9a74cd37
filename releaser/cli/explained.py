"""How does a profile read, each value with its origin? TOML with comments, or JSON; nothing secret in either."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from releaser.config.explain import Explained, as_toml, without_password
from releaser.runtime.environment import is_secret

HIDDEN = "(hidden)"
_WIDEST = 52
"""Columns of a value whose comment still stands beside it."""


def explained_lines(file: str, release: str, environment: str, settings: Sequence[Explained]) -> list[str]:
    """Return the settings as TOML that could be written below `[release.NAME]`, with the place of each as a comment."""
    rows = [(f"{item.name} = {as_toml(_shown(item))}", _place(item)) for item in settings]
    width = max((len(text) for text, _ in rows if len(text) <= _WIDEST), default=0)
    return [
        f"# {release} for {environment}, from {file}",
        *(f"{text:<{width}}  # {place}" for text, place in rows),
    ]


def explained_json(file: str, release: str, environment: str, settings: Sequence[Explained]) -> str:
    """Return the same as JSON; `origin` is null where the default holds."""
    entries: dict[str, Any] = {
        item.name: {
            "value": _shown(item),
            "origin": None
            if item.origin is None
            else {"file": item.origin.file, "line": item.origin.line, "column": item.origin.column},
        }
        for item in settings
    }
    told = {"file": file, "release": release, "environment": environment, "settings": entries}
    return json.dumps(told, indent=2, ensure_ascii=False, default=str)


def _place(item: Explained) -> str:
    return f"{item.origin.file}:{item.origin.line}" if item.origin else "default"


def _shown(item: Explained) -> Any:
    first, _, name = item.name.partition(".")
    if first == "env" and is_secret(name) and isinstance(item.value, str) and not item.value.startswith("${"):
        return HIDDEN
    return _masked(item.value)


def _masked(value: Any) -> Any:
    match value:
        case str():
            return without_password(value)
        case list():
            return [_masked(entry) for entry in value]
        case dict():
            return {name: _masked(entry) for name, entry in value.items()}
        case _:
            return value
