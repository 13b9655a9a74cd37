"""Is what a project's files say of the kinds that it should be? Asked once, for all that read them later.

Only what is read somewhere is looked at; the rest is the business of other tools.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TABLES = (
    ("build-system",),
    ("dependency-groups",),
    ("project",),
    ("project", "gui-scripts"),
    ("project", "optional-dependencies"),
    ("project", "scripts"),
    ("tool",),
    ("tool", "alembic"),
    ("tool", "hatch"),
    ("tool", "hatch", "version"),
    ("tool", "pdm"),
    ("tool", "poetry"),
    ("tool", "setuptools"),
    ("tool", "setuptools", "dynamic"),
    ("tool", "setuptools", "dynamic", "version"),
    ("tool", "uv"),
    ("tool", "uv", "sources"),
)
_TEXTS = (
    ("build-system", "build-backend"),
    ("project", "name"),
    ("project", "requires-python"),
    ("project", "version"),
    ("tool", "hatch", "version", "path"),
    ("tool", "poetry", "name"),
    ("tool", "poetry", "version"),
    ("tool", "setuptools", "dynamic", "version", "attr"),
)
_LISTS = (
    ("build-system", "backend-path"),
    ("build-system", "requires"),
    ("project", "dependencies"),
    ("project", "dynamic"),
)


def wrong_shape(data: Mapping[str, Any]) -> str:
    """Return what is of another kind than it should be in a pyproject.toml, or nothing."""
    for paths, is_right, wanted in (
        (_TABLES, lambda value: isinstance(value, dict), "a table"),
        (_TEXTS, lambda value: isinstance(value, str) and value.isprintable(), "text on one line"),
        (_LISTS, _is_list_of_texts, "an array of texts"),
    ):
        for path in paths:
            found = _at(data, path)
            if found is not None and not is_right(found):
                return f"{'.'.join(path)} is not {wanted}"
    return ""


def wrong_lock(data: Mapping[str, Any], packages: str) -> str:
    """Return what is of another kind than it should be in a lock whose `packages` are called that, or nothing."""
    listed = data.get(packages, [])
    if not isinstance(listed, list) or not all(isinstance(package, dict) for package in listed):
        return f"{packages} is not an array of tables"
    for package in listed:
        for name in ("archive", "sdist", "vcs", "directory"):
            if not isinstance(package.get(name, {}), dict):
                return f"{packages}.{name} is not a table"
        if "directory" in package and not isinstance(package["directory"].get("path"), str):
            return f"{packages}.directory has no path"
        wheels = package.get("wheels", [])
        if not isinstance(wheels, list) or not all(isinstance(wheel, dict) for wheel in wheels):
            return f"{packages}.wheels is not an array of tables"
        if not _is_list_of_texts(package.get("groups", [])):
            return f"{packages}.groups is not an array of texts"
    return ""


def _at(data: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = data
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)
