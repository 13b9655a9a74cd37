"""Which versions of the tree that a build replaces have to stay? Those that run, and the one that the next start boots.

They are brought into the new tree before it takes the place of the old one, as hard links, so there is no moment at
which a file of theirs is missing: what runs imports modules late, and starts processes from its folder. A version that
is built anew is not brought along: the new one takes its place; the interpreter that it runs with is.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from releaser.build.publish.publishing import is_locked
from releaser.build.stage.under_way import Stage
from releaser.runtime.commands import occupants
from releaser.runtime.release.layout import Layout
from releaser.runtime.release.versions import named_version


@dataclass(frozen=True, slots=True, kw_only=True)
class Staying:
    """One version that stays."""

    version: str
    why: str


def keep_what_stays(stage: Stage) -> None:
    """Bring the versions that run, or that are to be booted, into the staged tree, and warn of each.

    Raises:
        OSError: the file system can hold neither links nor copies.
    """
    plan, new = stage.plan, stage.plan.sketch.version
    shown = os.path.relpath(plan.published, plan.root)
    running = running_versions(plan.published)
    staying = staying_versions(plan.published, new, running)
    stage.staying = tuple(each.version for each in staying)
    stage.was_running = bool(running)
    bring_along(plan.published, stage.root, stage.staying, running)
    if new in running:
        stage.warnings.append(f"{new} is running from {shown}: restart it to use the new build")
    for each in staying:
        switch = f"`{shown}/bin/{plan.sketch.name} upgrade {new}` switches to the new build"
        stage.warnings.append(f"{each.version} stays in {shown}, since {each.why}; {switch}")


def keep_late_starters(stage: Stage) -> None:
    """Bring along what was started between the look at what runs and the exchange of the trees.

    Raises:
        OSError: the file system can hold neither links nor copies.
    """
    published = stage.plan.published
    for replaced in (stage.root, stage.replaced):
        if replaced.is_dir():
            running = running_versions(published)
            late = [each for each in _complete(replaced) if each in running and each not in _complete(published)]
            bring_along(replaced, published, late, late)
            stage.staying += tuple(late)
            stage.was_running = bool(running)


def running_versions(published: Path) -> dict[str, str]:
    """Return the versions that run from a folder, and how that is known.

    Where something runs and nothing tells what, each version that is there may be it.
    """
    known: dict[str, str] = {}
    for occupant in occupants.found(str(published)):
        known.setdefault(occupant.version, f"it runs (pid {occupant.pid})")
    if not known and is_locked(published):
        known = dict.fromkeys(_complete(published), "something runs from there that does not say what")
    return known


def staying_versions(published: Path, new: str, running: Mapping[str, str]) -> tuple[Staying, ...]:
    """Return the versions of a tree that stay when `new` is built: what runs, and what `var/current` names."""
    found = dict(running)
    own = str(published / "var")
    for var in sorted({own, *(each.var for each in occupants.found(str(published)) if each.var)}):
        current = named_version(Layout(str(published), "", var).current)
        if current:
            shown = "var" if var == own else var
            found.setdefault(current, f"{shown}/current names it, and the next start runs it")
    complete = _complete(published)
    return tuple(Staying(version=each, why=why) for each, why in found.items() if each in complete and each != new)


def bring_along(published: Path, tree: Path, versions: Collection[str], running: Collection[str]) -> None:
    """Put `versions` of the published tree into `tree` as well, with the interpreters of those and of what runs.

    Raises:
        OSError: the file system can hold neither links nor copies.
    """
    for version in versions:
        _link_tree(published / "releases" / version, tree / "releases" / version)
    for python in sorted({_bundled_python(published, version) for version in (*versions, *running)}):
        if python and (published / python).is_dir() and not (tree / python).exists():
            _link_tree(published / python, tree / python)


def bundles_of(tree: Path, versions: Collection[str]) -> set[str]:
    """Return the ids of the bundles of `versions`."""
    return {_field(tree, version, "bundle", "id") for version in versions}


def _complete(published: Path) -> list[str]:
    return sorted(path.parent.name for path in (published / "releases").glob("*/manifest.json"))


def _bundled_python(tree: Path, version: str) -> str:
    name = _field(tree, version, "python", "bundled")
    return name if name.startswith("python-") and "/" not in name else ""


def _field(tree: Path, version: str, record: str, name: str) -> str:
    """Return a field of a version's manifest, whatever format that has; empty where there is none."""
    try:
        manifest = json.loads((tree / "releases" / version / "manifest.json").read_text(encoding="utf-8"))
        return str(manifest[record][name])
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def _link_tree(source: Path, target: Path) -> None:
    shutil.copytree(source, target, symlinks=True, copy_function=_link)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)
