"""What is the project, by its `pyproject.toml` or what stands in its place, and where are its migrations?"""

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
from releaser.plan.project.application import is_application
from releaser.plan.project.formats import pipfile, setup_py
from releaser.plan.project.formats.inline_script import scripts_metadata
from releaser.plan.project.formats.old_metadata import poetry_dependencies, poetry_table, setup_cfg_table
from releaser.plan.project.formats.requirement_files import main_file
from releaser.plan.project.naming import name_of_folder
from releaser.plan.project.offered import extras_of, groups_of
from releaser.plan.project.python_request import python_request
from releaser.plan.project.reading import Absent, Unreadable, content_of, text_of, toml_in
from releaser.plan.project.shapes import wrong_shape


class UnusableProject(Exception):
    """There is no project here that can be built; the text says why."""


class NoPyproject(UnusableProject):
    """There is no pyproject.toml, which is no reason not to be a project."""


def read_project(folder: Path) -> Project:
    """Return what the files in `folder` say of the project that they are.

    Raises:
        UnusableProject: there is none, or its pyproject.toml cannot be used.
    """
    data = project_data(folder)
    table = project_table(folder, data)
    return Project(
        folder=folder,
        name=table["name"],
        version=table.get("version", "") or _version_in_a_file(folder, data, table["name"]),
        source=table["source"],
        requires_python=str(table.get("requires-python", "")),
        has_dependencies=bool(table.get("dependencies")) or "dependencies" in table.get("dynamic", ()),
        has_alembic_table=isinstance(data.get("tool", {}).get("alembic"), dict),
        is_tree=is_application(folder, data),
        extras=tuple(extras_of(data, table)),
        groups=tuple(groups_of(folder, data)),
        python_request=python_request(folder),
    )


def project_data(folder: Path) -> dict[str, Any]:
    """Return the content of the `pyproject.toml` in `folder`; nothing for a project that does without.

    Raises:
        UnusableProject: it cannot be read or is not TOML, or there is neither one nor anything else of a project.
    """
    try:
        return read_pyproject(folder)
    except NoPyproject:
        if not is_project(folder):
            raise UnusableProject(
                "it does not exist" if not folder.exists() else "no file in it is Python, or says what a project needs"
            ) from None
        return {}


def is_project(folder: Path) -> bool:
    """Tell whether something in `folder` makes it a project: a file that describes one, or a module in it or below."""
    described = ("pyproject.toml", setup_py.NAME, "setup.cfg", pipfile.NAME)
    if any((folder / name).is_file() for name in described) or main_file(folder) is not None:
        return True
    modules = (path for pattern in ("*.py", "*/*.py") for path in folder.glob(pattern))
    return any(not any(part.startswith(".") for part in path.relative_to(folder).parts) for path in modules)


def project_table(folder: Path, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the `[project]` table, or what says the same in projects without one, with the file's name as `source`.

    Raises:
        UnusableProject: `[project]` names no project.
    """
    table = data.get("project")
    if isinstance(table, dict):
        if not isinstance(table.get("name"), str):
            raise UnusableProject("its [project] table has no name, which the table must have")
        listed = [text for text in table.get("dependencies", ()) if isinstance(text, str)]
        table = table | {"version": str(table.get("version", "")), "source": "pyproject.toml"}
        return table if listed else table | {"dependencies": list(poetry_dependencies(data))}
    if older := poetry_table(data):
        return older | {"source": "pyproject.toml"}
    for source, older in (("setup.cfg", setup_cfg_table(folder)), ("setup.py", setup_py.setup_py_table(folder))):
        if older is not None:
            also = setup_py.setup_py_table(folder) or {} if source == "setup.cfg" else {}
            told = {**also, **{word: value for word, value in older.items() if value}}
            return {**older, **told, "name": told.get("name") or name_of_folder(folder), "source": source}
    return _table_of_a_tree(folder)


def _table_of_a_tree(folder: Path) -> dict[str, Any]:
    """Return what is known of a project that no file describes: what it is called, and what it asks for."""
    of_scripts = scripts_metadata(folder)
    asked = (pipfile.read_pipfile(folder) or {}).get("packages", {})
    dependencies = [str(name) for name in asked] if isinstance(asked, dict) else []
    return {
        "name": name_of_folder(folder),
        "version": "",
        "requires-python": of_scripts["requires-python"],
        "dependencies": [*dependencies, *of_scripts["dependencies"]],
        "source": "",
    }


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
    except Absent as error:
        raise NoPyproject(str(error)) from error
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
