"""What does a configuration that is there lack? Its text with that added, and not a character of it changed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from releaser.errors import ProjectError
from releaser.init.choices import Choices
from releaser.init.texts import DEV, PROD, migrations_text, release_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """A configuration that has grown."""

    text: str
    has_release: bool
    """Whether a release was added, which needs its hooks."""


def added_to(text: str, choices: Choices) -> Addition:
    """Return `text` with what it lacks: a release, an environment to develop in, one to ship, the migrations' table.

    Raises:
        ProjectError: it is not TOML, or its tables stand where none can be added.
    """
    data = _parsed(text, "it is not TOML: ")
    releases, environments = _table(data, "release"), _table(data, "environment")
    parts: list[str] = []
    if not releases:
        parts.append(release_text(choices))
    elif len(releases) == 1 and choices.script_location:
        ((name, release),) = releases.items()
        if isinstance(release, dict) and "migrations" not in release:
            parts.append(migrations_text(name, choices))
    is_dev = [bool(table.get("dev_mode")) for table in environments.values() if isinstance(table, dict)]
    added = [name for name, has in (("dev", any(is_dev)), ("prod", not all(is_dev))) if not has]
    added = [name for name in added if name not in environments] if environments else ["dev", "prod"]
    parts += [{"dev": DEV, "prod": PROD}[name] for name in added]
    result = _grown(text, parts) if parts else text
    if len(environments) + len(added) > 1 and added and "default_environment" not in data:
        result = _with_default(result, next(iter(environments), "dev"))
    _check(data, _parsed(result, "nothing can be added to it: "))
    return Addition(text=result, has_release=not releases)


def releases_of(text: str) -> tuple[str, ...]:
    """Return the releases that a configuration has, its default first; none of what is no TOML."""
    try:
        data = tomlkit.parse(text).unwrap()
    except (TOMLKitError, ValueError, RecursionError):
        return ()
    return tuple(sorted(_table(data, "release"), key=lambda name: name != data.get("default_release")))


def developed_in(text: str) -> str:
    """Return the environment of a configuration that runs the source tree; without one, that which is the default."""
    data = tomlkit.parse(text).unwrap()
    environments = {name: table for name, table in _table(data, "environment").items() if isinstance(table, dict)}
    named = (str(data.get("default_environment", "")), *environments)
    return next(
        (name for name in named if environments.get(name, {}).get("dev_mode")), next(filter(None, named), "dev")
    )


def _grown(text: str, parts: list[str]) -> str:
    """Return `text` with `parts` below it; where inline tables do not allow that, their values inside those."""
    result = "\n".join([text if text.endswith("\n") or not text else f"{text}\n", *parts])
    try:
        tomlkit.parse(result).unwrap()
    except (TOMLKitError, ValueError):
        document = tomlkit.parse(text)
        for part in parts:
            _merge(document, tomlkit.parse(part).unwrap())
        return tomlkit.dumps(document)
    return result


def _merge(table: Any, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if isinstance(value, dict) and name in table:
            _merge(table[name], value)
        else:
            table[name] = value


def _with_default(text: str, environment: str) -> str:
    """Return `text` with `default_environment` at the top, where tomlkit puts it: before the first table."""
    document = tomlkit.parse(text)
    document["default_environment"] = environment
    return tomlkit.dumps(document)


def _parsed(text: str, what: str) -> dict[str, Any]:
    try:
        tomllib.loads(text)  # which says more clearly what is wrong
        return tomlkit.parse(text).unwrap()
    except (TOMLKitError, ValueError, RecursionError) as error:
        raise ProjectError(
            f"cannot add to rel/config.toml: {what}{error}",
            now="nothing was written",
            hint="`releaser init --force` writes the file anew",
        ) from error


def _table(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = data.get(name, {})
    return found if isinstance(found, dict) else {}


def _check(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Make sure that every value that was there is there.

    Raises:
        AssertionError: it is not, which is a fault of ours.
    """
    for name, value in before.items():
        if isinstance(value, dict) and isinstance(after.get(name), dict):
            _check(value, after[name])
        elif after.get(name) != value:
            raise AssertionError(f"the value of {name} was lost")
