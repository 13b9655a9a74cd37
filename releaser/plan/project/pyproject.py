"""What does the project's `pyproject.toml` say, and where are its migrations?"""

from __future__ import annotations

import ast
import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from releaser.config.profile import MigrationsSpec
from releaser.plan.facts import Project
from releaser.plan.project.old_metadata import poetry_dependencies, poetry_table, setup_cfg_table
from releaser.plan.project.reading import Unreadable, content_of, text_of, toml_in
from releaser.plan.project.shapes import wrong_shape


class UnusableProject(Exception):
    """There is no project here that can be built; the text says why."""


def read_project(folder: Path) -> Project:
    """Return what the `pyproject.toml` in `folder` says.

    Raises:
        UnusableProject: it is missing, is not TOML, or names no project.
    """
    data = read_pyproject(folder)
    table = project_table(folder, data)
    return Project(
        folder=folder,
        name=table["name"],
        version=table.get("version", "") or _version_in_a_file(folder, data, table["name"]),
        requires_python=str(table.get("requires-python", "")),
        has_dependencies=bool(table.get("dependencies")) or "dependencies" in table.get("dynamic", ()),
        has_alembic_table=isinstance(data.get("tool", {}).get("alembic"), dict),
    )


def project_table(folder: Path, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the `[project]` table, or what says the same in projects that are older than it.

    Raises:
        UnusableProject: none names the project.
    """
    table = data.get("project")
    if isinstance(table, dict) and isinstance(table.get("name"), str):
        listed = [text for text in table.get("dependencies", ()) if isinstance(text, str)]
        table = table | {"version": str(table.get("version", ""))}
        return table if listed else table | {"dependencies": list(poetry_dependencies(data))}
    older = poetry_table(data) or setup_cfg_table(folder)
    if older is None:
        raise UnusableProject("it has no [project] table with a name; the name and version of the release come from it")
    return older


def find_migrations(folder: Path, spec: MigrationsSpec) -> Path | None:
    """Return the absolute folder that `script_location` means in the project's sources, or None.

    `package:folder` is looked for below `src/` and below the project's folder, as the usual layouts have it.
    """
    package, colon, inside = spec.script_location.partition(":")
    if not colon:
        candidates = [folder / package]
    else:
        candidates = [base / package.replace(".", "/") / inside for base in (folder / "src", folder)]
    return next((candidate for candidate in candidates if candidate.is_dir()), None)


def find_migrations_config(folder: Path, spec: MigrationsSpec, project: Project | None) -> Path | None:
    """Return the absolute path of the alembic configuration that goes along with the scripts, or None."""
    if spec.config:
        return folder / spec.config
    if (folder / "alembic.ini").is_file():
        return folder / "alembic.ini"
    return folder / "pyproject.toml" if project and project.has_alembic_table else None


def find_squawk(folder: Path) -> Path | None:
    """Return the absolute path of squawk: the project's own, one beside releaser, or that of this machine."""
    near = (folder / ".venv" / "bin", folder / "node_modules" / ".bin", Path(sys.executable).parent)
    found = shutil.which("squawk", path=os.pathsep.join([*map(str, near), os.environ.get("PATH", "")]))
    return Path(found).absolute() if found else None


def read_pyproject(folder: Path) -> dict[str, Any]:
    """Return the content of the `pyproject.toml` in `folder`.

    Raises:
        UnusableProject: it is missing, cannot be read, or is not TOML.
    """
    path = folder / "pyproject.toml"
    try:
        data = toml_in(content_of(path).decode("utf-8"))
    except Unreadable as error:
        raise UnusableProject(str(error)) from error
    except ValueError as error:
        raise UnusableProject(f"it cannot be read: {error}") from error
    if wrong := wrong_shape(data):
        raise UnusableProject(f"it cannot be used: {wrong}")
    return data


def _version_in_a_file(folder: Path, data: Mapping[str, Any], name: str) -> str:
    """Return a dynamic version that stands in a file, as hatchling, setuptools and flit know it, or ``""``."""
    tool = data.get("tool", {})
    candidates: list[str] = []
    if path := tool.get("hatch", {}).get("version", {}).get("path"):
        candidates.append(path)
    attribute = tool.get("setuptools", {}).get("dynamic", {}).get("version", {}).get("attr", "")
    module = attribute.rpartition(".")[0].replace(".", "/") or name.replace("-", "_").replace(".", "/")
    candidates += [f"{base}{module}{end}" for base in ("src/", "") for end in ("/__init__.py", ".py")]
    for candidate in candidates:
        if version := _assigned_version(folder / candidate):
            return version
    return ""


def _assigned_version(path: Path) -> str:
    try:
        body = ast.parse(text_of(path)).body
    except (Unreadable, SyntaxError, ValueError):
        return ""
    for statement in body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=target)], value=ast.Constant(value=str(value))):
                if re.fullmatch(r"(__)?version(__)?", target, re.IGNORECASE):
                    return value
            case _:
                pass
    return ""
