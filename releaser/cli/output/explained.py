"""How does a profile read, each value with its origin? TOML with comments, or JSON; nothing secret in either."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from releaser.cli.output.masked import shown_setting
from releaser.config.explain import Explained, as_toml

_WIDEST = 52
"""Columns of a value whose comment still stands beside it."""


def explained_lines(file: str, release: str, environment: str, settings: Sequence[Explained]) -> list[str]:
    """Return the settings as TOML that could be written below `[release.NAME]`, with the place of each as a comment."""
    rows = [(f"{item.name} = {as_toml(shown_setting(item.name, item.value))}", _place(item)) for item in settings]
    width = max((len(text) for text, _ in rows if len(text) <= _WIDEST), default=0)
    return [
        f"# {release} for {environment}, from {file}",
        *(f"{text:<{width}}  # {place}" for text, place in rows),
    ]


def explained_json(file: str, release: str, environment: str, settings: Sequence[Explained]) -> str:
    """Return the same as JSON; `origin` is null where the default holds."""
    entries: dict[str, Any] = {
        item.name: {
            "value": _plain(shown_setting(item.name, item.value)),
            "origin": None
            if item.origin is None
            else {"file": item.origin.file, "line": item.origin.line, "column": item.origin.column},
        }
        for item in settings
    }
    told = {"file": file, "release": release, "environment": environment, "settings": entries}
    return json.dumps(told, indent=2, allow_nan=False)


def _place(item: Explained) -> str:
    return f"{item.origin.file}:{item.origin.line}" if item.origin else "default"


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: no infinity, and nothing that is no number."""
    match value:
        case float() if not math.isfinite(value):
            return as_toml(value)
        case list():
            return [_plain(entry) for entry in value]
        case dict():
            return {name: _plain(entry) for name, entry in value.items()}
        case _:
            return value
