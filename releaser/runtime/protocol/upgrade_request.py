"""What is an upgrade asked with? One JSON object; its fields have kinds, and are checked before anything is done."""

from __future__ import annotations

import json

from ..release.versions import is_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

FORMAT = 1
"""Of what `upgrade_command` sends."""


class NotUnderstood(Exception):
    """The text is no such request; it says what was expected."""


def read(text: str) -> dict[str, Any]:
    """Return the fields of a request.

    One of another format is returned with its format and version alone: whoever wrote it knows what the rest means.

    Raises:
        NotUnderstood: it is no JSON object, or a field is not of its kind.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotUnderstood(f"the request cannot be understood: {error}") from None
    if type(found) is not dict:
        raise NotUnderstood("the request cannot be understood: expected a JSON object")
    wrong = [name for name in _ALWAYS if not _FIELDS[name][1](found.get(name))]
    if not wrong and found["format"] != FORMAT:
        return {"format": found["format"], "version": found["version"]}
    wrong = wrong or [name for name, (_, fits) in _FIELDS.items() if not fits(found.get(name))]
    if wrong:
        expected = ", ".join(f"'{name}' to be {_FIELDS[name][0]}" for name in wrong)
        raise NotUnderstood(f"the request cannot be understood: expected {expected}")
    return {name: found[name] for name in _FIELDS}


def _is_text(value: object) -> bool:
    """Tell whether it is a text that an environment or a path can hold."""
    if type(value) is not str or "\0" in value:
        return False
    try:
        value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 1_000_000


def _is_path(value: object) -> bool:
    return _is_text(value) and str(value).startswith("/")


def _is_environment(value: object) -> bool:
    return type(value) is dict and all(
        name and "=" not in name and _is_text(name) and _is_text(each) for name, each in value.items()
    )


def _is_seconds(value: object) -> bool:
    return type(value) in (int, float) and 0 <= value < 1e9  # type: ignore[operator]


def _is_report(value: object) -> bool:
    """Tell whether it is what `hook_queue` tells of a hook that has ended."""
    return (
        type(value) is dict
        and all(_is_text(value.get(name)) for name in ("event", "name", "outcome"))
        and type(value.get("exit_code")) is int
        and _is_seconds(value.get("seconds"))
    )


def _are_reports(value: object) -> bool:
    return type(value) is list and all(_is_report(each) for each in value)


_FIELDS: dict[str, tuple[str, Callable[[object], bool]]] = {
    "format": ("a number", _is_count),
    "version": ("the name of a version", is_version),
    "python": ("the path of an interpreter", _is_path),
    "may_migrate": ("true or false", lambda value: type(value) is bool),
    "state_format": ("a number", _is_count),
    "environ": ("an object of texts", _is_environment),
    "hooks": ("a list of what is told of hooks", _are_reports),
}
_ALWAYS = ("format", "version")
