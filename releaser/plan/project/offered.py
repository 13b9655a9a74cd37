"""Which extras and groups does a project have? In `[project]`, PEP 735, Poetry, PDM, setup.cfg and a Pipfile."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from releaser.plan.project.formats.pipfile import read_pipfile
from releaser.plan.project.formats.tables import table_in
from releaser.plan.project.locks.asked import requirements_of_groups

_NO_CATEGORIES = ("packages", "requires", "scripts", "pipenv", "source")


def extras_of(data: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return what each extra asks for, by pyproject.toml and the `[project]` table or what stands in its place."""
    poetry = table_in(table_in(data, "tool"), "poetry")
    found = {**table_in(poetry, "extras"), **table_in(table, "optional-dependencies")}
    return {name: _texts(listed) for name, listed in found.items()}


def groups_of(folder: Path, data: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return what each group asks for; categories of a Pipfile are called as Pipfile.lock calls them."""
    tool = table_in(data, "tool")
    poetry, of_pipenv = table_in(tool, "poetry"), read_pipfile(folder) or {}
    found = {name: _texts(texts) for name, texts in table_in(table_in(tool, "pdm"), "dev-dependencies").items()}
    if poetry.get("dev-dependencies"):
        found["dev"] = _texts(poetry["dev-dependencies"])
    of_poetry = table_in(poetry, "group")
    found |= {name: _texts(table_in(of_poetry, name).get("dependencies")) for name in of_poetry}
    found |= {name: list(requirements_of_groups(data, (name,))) for name in table_in(data, "dependency-groups")}
    categories = {name: listed for name, listed in of_pipenv.items() if name not in _NO_CATEGORIES}
    found |= {name: _texts(listed) for name, listed in categories.items() if isinstance(listed, dict)}
    if "dev-packages" in found:
        found["develop"] = found.pop("dev-packages")
    return found


def _texts(listed: object) -> list[str]:
    return [str(each) for each in listed] if isinstance(listed, list | dict) else []
