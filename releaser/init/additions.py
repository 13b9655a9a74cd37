"""What does a configuration that is there lack? Its text with that added, and not a character of it changed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from releaser.config.document import Unusable, parse_document
from releaser.errors import Problem, ProjectError
from releaser.init.choices import Choices
from releaser.init.texts import DEV, PROD, migrations_text, release_text

_MARK = "\ufeff"
"""A byte order mark: some editors put one, and it stays."""


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
    mark, text = text[: text.startswith(_MARK)], text.removeprefix(_MARK)
    ending = "\r\n" if "\n" in text and text.count("\n") == text.count("\r\n") else "\n"
    text = text.replace(ending, "\n")
    data = _parsed(text, "it is not TOML")
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
    if not _is_kept(data, _parsed(result, "nothing can be added to it")):
        raise _impossible("nothing can be added to it", ())
    return Addition(text=mark + result.replace("\n", ending), has_release=not releases)


def releases_of(text: str) -> tuple[str, ...]:
    """Return the releases that a configuration has, its default first; none of what is no TOML."""
    try:
        data = parse_document(text.removeprefix(_MARK), "rel/config.toml").data
    except Unusable:
        return ()
    return tuple(sorted(_table(data, "release"), key=lambda name: name != data.get("default_release")))


def developed_in(text: str) -> str:
    """Return the environment of a configuration that runs the source tree; without one, that which is the default."""
    data = tomllib.loads(text.removeprefix(_MARK))
    environments = {name: table for name, table in _table(data, "environment").items() if isinstance(table, dict)}
    named = (str(data.get("default_environment", "")), *environments)
    return next(
        (name for name in named if environments.get(name, {}).get("dev_mode")), next(filter(None, named), "dev")
    )


def _grown(text: str, parts: list[str]) -> str:
    """Return `text` with `parts` below it; where inline tables do not allow that, their values inside those."""
    last = "" if text.endswith("\n") or not text else "\n"
    result = text + "\n".join([last, *parts])
    try:
        tomllib.loads(result)
    except ValueError:
        return _merged(text, parts)
    return result


def _merged(text: str, parts: list[str]) -> str:
    try:
        document = tomlkit.parse(text)
        for part in parts:
            _merge(document, tomllib.loads(part))
        return tomlkit.dumps(document)
    except (TOMLKitError, ValueError) as error:
        raise _impossible("nothing can be added to it", ()) from error


def _merge(table: Any, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if isinstance(value, dict) and name in table:
            if not isinstance(table[name], dict):
                raise _impossible(f"{name} is no table in it", ())
            _merge(table[name], value)
        else:
            table[name] = value


def _with_default(text: str, environment: str) -> str:
    """Return `text` with `default_environment` where tomlkit puts it, before the first table.

    tomlkit does not read every order of tables that TOML allows; then it stands on the first line.
    """
    try:
        document = tomlkit.parse(text)
        document["default_environment"] = environment
        return tomlkit.dumps(document)
    except (TOMLKitError, ValueError):
        return f"default_environment = {tomlkit.item(environment).as_string()}\n\n{text}"


def _parsed(text: str, what: str) -> Mapping[str, Any]:
    try:
        return parse_document(text, "rel/config.toml").data
    except Unusable as unusable:
        raise _impossible(what, (unusable.problem,)) from unusable


def _impossible(what: str, problems: tuple[Problem, ...]) -> ProjectError:
    return ProjectError(
        f"cannot add to rel/config.toml: {what}",
        problems=problems,
        now="nothing was written",
        hint="`releaser init --force` writes the file anew",
    )


def _table(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = data.get(name, {})
    return found if isinstance(found, dict) else {}


def _is_kept(before: Any, after: Any) -> bool:
    """Tell whether every value that was there is there: tomlkit is not trusted with what it has changed."""
    if isinstance(before, dict) and isinstance(after, dict):
        return all(name in after and _is_kept(value, after[name]) for name, value in before.items())
    return repr(before) == repr(after)  # which takes nan for nan
