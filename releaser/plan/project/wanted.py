"""What does a project ask for that has no lock? Files that the installer reads, or lines made of those it does not."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from releaser.plan.facts import Wanted
from releaser.plan.project.formats import pipfile, setup_py
from releaser.plan.project.formats.inline_script import scripts_metadata
from releaser.plan.project.formats.old_metadata import setup_cfg_table
from releaser.plan.project.formats.requirement_files import addresses_in, files_of, main_file, requirements_in
from releaser.plan.project.formats.tables import table_in, texts_in
from releaser.plan.project.locks.poetry import poetry_requirements
from releaser.plan.project.reading import Unreadable, text_of


def find_wanted(
    root: Path, folder: Path, data: Mapping[str, Any], named: str, extras: tuple[str, ...], groups: tuple[str, ...]
) -> Wanted | None:
    """Return what the project in `folder` asks for, whose pyproject.toml says `data`; None: nothing.

    `named` is the profile's `lock`, relative to `root`, which may be a file of requirements without hashes.
    """
    files: list[Path] = []
    lines: list[str] = []
    shown: list[str] = []
    if "project" in data:
        files += [folder / "pyproject.toml"] if _asks_for_something(data) or extras or groups else []
    elif "poetry" in table_in(data, "tool"):
        lines += [*_poetry_indexes(data), *poetry_requirements(data, extras, groups)]
        shown += ["pyproject.toml"] if lines else []
    elif (folder / setup_py.NAME).is_file():
        files.append(folder / setup_py.NAME)
    elif of_setuptools := _setup_cfg_lines(folder, extras):  # alone it is no file that installers read
        lines += of_setuptools
        shown.append("setup.cfg")
    of_pipenv = pipfile.read_pipfile(folder) if not (files or lines) else None
    for name, found in (
        (pipfile.NAME, list(pipfile.pipfile_lines(of_pipenv, groups)) if of_pipenv else []),
        ("its inline metadata", scripts_metadata(folder)["dependencies"] if not files else []),
    ):
        lines += found
        shown += [name] if found else []
    requirements = root / named if named else main_file(folder)
    if requirements is not None and requirements.suffix in (".txt", ".in") and requirements.is_file():
        files.append(requirements)
    shown = [*(_shown(path, root) for path in files), *shown]
    if not (files or lines):
        return None
    return Wanted(
        shown=" and ".join(shown), files=tuple(files), lines=tuple(lines), is_pinned=_are_pinned(files, lines)
    )


def addresses_of(wanted: Wanted) -> tuple[str, ...]:
    """Return the addresses of the indexes that are named where a project asks for packages, as they are written."""
    texts = ["\n".join(wanted.lines)]
    for path in (path for path in wanted.files if path.suffix in (".txt", ".in")):
        with contextlib.suppress(Unreadable):
            texts += [text_of(each) for each in files_of(path)]
    return tuple(dict.fromkeys(address for text in texts for address in addresses_in(text)))


def _asks_for_something(data: Mapping[str, Any]) -> bool:
    """Tell whether `[project]` has dependencies, or a build backend may compute some."""
    table = table_in(data, "project")
    poetry = table_in(table_in(data, "tool"), "poetry")
    return bool(table.get("dependencies") or poetry.get("dependencies")) or "dependencies" in table.get("dynamic", ())


def _poetry_indexes(data: Mapping[str, Any]) -> Iterator[str]:
    sources = table_in(table_in(data, "tool"), "poetry").get("source", ())
    for source in sources if isinstance(sources, list) else ():
        if isinstance(source, dict) and source.get("url"):
            yield f"--extra-index-url {source['url']}"


def _setup_cfg_lines(folder: Path, extras: tuple[str, ...]) -> list[str]:
    """Return what setup.cfg asks for, with the named extras."""
    table = setup_cfg_table(folder) or {}
    of_extras = table_in(table, "optional-dependencies")
    chosen = {canonicalize_name(extra) for extra in extras}
    texts = [*texts_in(table, "dependencies")]
    return [*texts, *(text for name in of_extras if canonicalize_name(name) in chosen for text in of_extras[name])]


def _are_pinned(files: list[Path], lines: list[str]) -> bool:
    if lines or any(path.suffix not in (".txt", ".in") for path in files):
        return False
    try:
        return all(each.is_pinned for path in files for each in requirements_in(path))
    except Unreadable:
        return False


def _shown(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else path.name
