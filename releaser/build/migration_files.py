"""How do alembic scripts get into a release? As plain files: alembic reads no zip, and no stripped sources."""

from __future__ import annotations

import shutil
import tomllib
from dataclasses import replace
from pathlib import Path

from releaser.build.entry import has_module
from releaser.build.stage import Stage
from releaser.errors import ProjectError
from releaser.plan.steps import CopyMigrations
from releaser.runtime.manifest import Migrations

NAME = "default"


def copy_migrations(step: CopyMigrations, stage: Stage) -> None:
    """Copy scripts and configuration below the version's `migrations/`, and read the revision graph.

    Raises:
        ProjectError: alembic is not in the bundle, or the graph cannot be used.
    """
    if not has_module("alembic", (*stage.source_paths, stage.site_packages)):
        problem = replace(
            step.place,
            what="migrations are declared, and alembic is not in the bundle",
            hint="add alembic to the project's dependencies, and lock them again",
        )
        raise ProjectError("the release could not migrate its database", problems=(problem,))
    # Of the sources, not of the copy: what is wrong with them is told by the names that the author knows.
    graph = stage.read_graph(
        step.scripts,
        python=stage.plan.interpreter.path,
        site_packages=stage.site_packages,
        source_paths=tuple(str(path) for path in stage.source_paths),
        config=step.config,
        root=stage.plan.root,
    )
    folder = stage.release / "migrations"
    folder.mkdir()
    stage.migrations = (
        Migrations(
            name=NAME,
            scripts=_scripts(step, folder),
            config=_config(step, folder),
            url=step.url,
            run=step.run,
            version_table=graph.version_table,
            line=list(graph.line),
            heads=list(graph.heads),
            files={} if step.dev_mode else dict(graph.files),
            version_table_schema=graph.version_table_schema,
            url_is_used=graph.url_is_used,
        ),
    )


def _scripts(step: CopyMigrations, folder: Path) -> str:
    if step.dev_mode:
        return str(step.scripts)
    shutil.copytree(step.scripts, folder / NAME, ignore=shutil.ignore_patterns("__pycache__", "*.pyc", "*~"))
    return f"migrations/{NAME}"


def _config(step: CopyMigrations, folder: Path) -> str:
    if step.config is None:
        return ""
    name = _name(step.config)
    shutil.copyfile(step.config, folder / name)
    # Alembic lets a project say some things in one file and some in the other.
    for other in (step.config.with_name(file) for file in ("alembic.ini", "pyproject.toml")):
        if _name(other) != name and _is_alembics(other):
            shutil.copyfile(other, folder / _name(other))
    return f"migrations/{name}"


def _is_alembics(path: Path) -> bool:
    """Tell whether a file is there that alembic would read something from."""
    if path.suffix != ".toml" or not path.is_file():
        return path.is_file()
    return "alembic" in tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {})


def _name(config: Path) -> str:
    return "pyproject.toml" if config.suffix == ".toml" else "alembic.ini"
