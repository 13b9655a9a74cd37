"""What lies at a place of a file that another tool has written? Values of another kind are passed by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def table_in(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the table of that name, or an empty one."""
    found = data.get(name)
    return found if isinstance(found, dict) else {}


def texts_in(data: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return the texts in the array of that name."""
    found = data.get(name)
    return tuple(text for text in found if isinstance(text, str)) if isinstance(found, list) else ()
