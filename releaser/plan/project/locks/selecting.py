"""Which packages of a lock does the bundle get? One answer for every format, before anything is installed."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.utils import canonicalize_name

from releaser.plan.facts import LockedPackage, LockKind
from releaser.plan.project.formats.pipfile import read_pipfile
from releaser.plan.project.formats.requirement_files import requirements_in
from releaser.plan.project.formats.tables import table_in, texts_in
from releaser.plan.project.locks.anew import lock_again
from releaser.plan.project.locks.asked import roots_of
from releaser.plan.project.locks.graph import Edge, NotLocked, edge_of, holds, walk
from releaser.plan.project.locks.lines import index_options
from releaser.plan.project.locks.pdm import pdm_groups, pdm_nodes, pdm_roots, pdm_sources
from releaser.plan.project.locks.pipenv import pipenv_groups, pipenv_missing, pipenv_packages, pipenv_sources
from releaser.plan.project.locks.poetry import poetry_nodes, poetry_roots
from releaser.plan.project.locks.uv import indexes_of, uv_missing, uv_nodes, uv_roots
from releaser.plan.project.reading import toml_in
from releaser.plan.project.requirement_lines import folder_in, marker_of
from releaser.plan.project.shapes import wrong_lock


class WrongLock(Exception):
    """A lock does not hold what it should; the text says what, for after its name, and the hint what mends it."""

    def __init__(self, why: str, hint: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.hint = hint


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who asks for packages, and where they are to run."""

    folder: Path
    """The project's, absolute."""
    project: Mapping[str, Any]
    """Its pyproject.toml; empty without one."""
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    environment: Mapping[str, str]
    """Of markers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """What a lock has for them."""

    packages: tuple[LockedPackage, ...] = ()
    groups: tuple[str, ...] = ()
    """Extras and groups that the lock was made with; empty: it does not say."""
    indexes: Mapping[str, str] = field(default_factory=dict)
    """uv.lock: by hash, the index of a package."""
    options: tuple[str, ...] = ()
    """Lines that name the indexes, where a package may come from any of them."""


def select(path: Path, text: str, kind: LockKind, asked: Asked) -> Selected:
    """Return what the lock at `path` has for the project, by its `text`.

    Raises:
        WrongLock: it cannot be read, or lacks what the project asks for.
    """
    try:
        return _select(path, text, kind, asked)
    except NotLocked as missing:
        by = missing.asked_by or "the project"
        what = f"{by} asks for {missing.name}, which it does not have"
        raise WrongLock(what, lock_again(kind)) from None
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise WrongLock(
            f"it cannot be read: {error}" if isinstance(error, ValueError) else "its form is not known"
        ) from error


def _select(path: Path, text: str, kind: LockKind, asked: Asked) -> Selected:
    base, chosen, where = path.parent, (asked.extras, asked.groups), asked.environment
    match kind:
        case "requirements":
            return Selected(packages=_of_requirements(path, where))
        case "pipenv":
            data = json.loads(text)
            packages = pipenv_packages(data, base, asked.groups, where)
            if missing := pipenv_missing(data, read_pipfile(base) or {}):
                raise NotLocked(missing, "")
            return Selected(
                packages=_others(packages, asked.folder),
                groups=pipenv_groups(data),
                options=index_options(pipenv_sources(data)),
            )
        case "pylock":
            data = _toml(text, "packages")
            return Selected(packages=_of_pylock(data, asked), groups=_made_with(data))
        case "poetry":
            data = _toml(text, "package")
            nodes = poetry_nodes(data, base, asked.project)
            packages = walk(poetry_roots(asked.project, *chosen), nodes, where)
            return Selected(packages=_others(packages, asked.folder))
        case "pdm":
            data = _toml(text, "package")
            nodes = pdm_nodes(data, base, asked.project)
            packages = walk(pdm_roots(data, asked.project, *chosen), nodes, where)
            return Selected(
                packages=_others(packages, asked.folder),
                groups=pdm_groups(data),
                options=index_options(pdm_sources(asked.project)),
            )
        case "uv":
            data = _toml(text, "package")
            own, roots = uv_roots(data, os.path.relpath(asked.folder, base.resolve()), *chosen)
            asked_for = [Edge(name=own), *roots] if own else [*roots_of(asked.project, *chosen)]
            if own and (missing := uv_missing(data, own, roots_of(asked.project, *chosen))):
                raise NotLocked(missing, "")
            packages = walk(asked_for, uv_nodes(data), where)
            packages = tuple(package for package in packages if package.name != own)
            return Selected(packages=packages, indexes=indexes_of(data, (base, asked.folder)))


def _toml(text: str, packages: str) -> dict[str, Any]:
    data = toml_in(text)
    if wrong := wrong_lock(data, packages):
        raise WrongLock(wrong)
    return data


def _others(packages: Collection[LockedPackage], folder: Path) -> tuple[LockedPackage, ...]:
    """Return the packages without the project in `folder` itself, which some locks name."""
    own = folder.resolve().as_uri()
    return tuple(package for package in packages if package.line != own)


def _of_requirements(path: Path, environment: Mapping[str, str]) -> tuple[LockedPackage, ...]:
    found: dict[str, LockedPackage] = {}
    for each in requirements_in(path):
        text = each.text.partition(" --hash")[0].replace("\\", " ").strip()
        if not holds(marker_of(each.text), environment):
            continue
        edge = edge_of(text)
        name = edge.name if edge else text
        if edge is None and (folder := folder_in(text)) is not None and folder.path in (".", "./"):
            continue  # the project itself
        found[name] = LockedPackage(name=name, version=edge.versions.removeprefix("==") if edge else "")
    return tuple(found[name] for name in sorted(found))


def _of_pylock(data: Mapping[str, Any], asked: Asked) -> tuple[LockedPackage, ...]:
    """Return the packages whose marker holds; it may name extras and groups of the lock itself (PEP 751)."""
    defaults = {*texts_in(data, "default-groups"), *asked.groups}
    found: list[LockedPackage] = []
    for entry in data.get("packages", ()):
        is_own = (asked.folder / str(table_in(entry, "directory").get("path", "-"))).resolve() == asked.folder.resolve()
        if not is_own and _holds_in_lock(str(entry.get("marker", "")), asked.environment, asked.extras, defaults):
            name = canonicalize_name(str(entry["name"]))
            found.append(LockedPackage(name=name, version=str(entry.get("version", ""))))
    return tuple(sorted(found, key=lambda package: package.name))


def _holds_in_lock(
    marker: str, environment: Mapping[str, str], extras: Collection[str], groups: Collection[str]
) -> bool:
    try:
        variables: dict[str, str | AbstractSet[str]] = {
            **environment,
            "extras": frozenset(extras),
            "dependency_groups": frozenset(groups),
        }
        return not marker or Marker(marker).evaluate(variables, "lock_file")
    except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName, TypeError):
        return True


def _made_with(data: Mapping[str, Any]) -> tuple[str, ...]:
    own = table_in(table_in(data, "tool"), "releaser")
    names = (*texts_in(data, "extras"), *texts_in(data, "dependency-groups"))
    return tuple(map(canonicalize_name, (*names, *texts_in(own, "extras"), *texts_in(own, "groups"))))
