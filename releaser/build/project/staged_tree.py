"""How do the project's files as they lie get into the staging folder? Copied, so that steps may write among them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from releaser.build.stage.under_way import Stage
from releaser.errors import ProjectError
from releaser.plan.files.private import PRIVATE
from releaser.plan.project.tree import Tree, read_tree
from releaser.plan.steps import StageTree

OWN_DATABASE: Final = (
    "left out: a database that git does not track is this machine's; `files` in the release names what goes in"
)
_MOST_SHOWN = 3


def stage_tree(step: StageTree, stage: Stage) -> None:
    """Copy the project's files below `stage.tree`, and note what is there before any step writes.

    Raises:
        ProjectError: a pattern of `files` matches nothing, or a name cannot be that of a member of the bundle.
    """
    if step.dev_mode:
        return
    is_whole = step.is_whole or step.is_scratch
    tree = read_tree(
        step.project, output=stage.plan.target.parent, is_whole=is_whole, named=step.files, exclude=step.exclude
    )
    _refuse_unmatched(step, tree)
    _refuse_names(tree)
    _tell(step, tree, stage)
    stage.tree.mkdir(parents=True)
    made: set[Path] = set()
    for name, path in tree.files.items():
        target = stage.tree / name
        if target.parent not in made:
            target.parent.mkdir(parents=True, exist_ok=True)
            made.add(target.parent)
        shutil.copy2(path, target)
    stage.tree_shipped = set(tree.files) if step.is_whole else {name for name in tree.files if name in tree.named}
    stage.tree_seen = {name: state_of(stage.tree / name) for name in tree.files}


def state_of(path: Path) -> tuple[int, int, int]:
    """Return what changes when a file is written to."""
    status = path.lstat()
    return status.st_size, status.st_mtime_ns, status.st_ino


def _refuse_unmatched(step: StageTree, tree: Tree) -> None:
    problems = [
        replace(step.places[index], what=f"'{step.files[index]}' matches no file of the project")
        for index in tree.unmatched
    ]
    if problems:
        raise ProjectError("not all that is to go into the release is there", problems=tuple(problems))


def _refuse_names(tree: Tree) -> None:
    """Refuse names that are no UTF-8: those of a zip file's members are."""
    for name in tree.files:
        try:
            name.encode()
        except UnicodeEncodeError:
            shown = name.encode("unicode_escape", "replace").decode()
            raise ProjectError(f"a file's name is no UTF-8 text, and cannot go into a release: {shown}") from None


def _tell(step: StageTree, tree: Tree, stage: Stage) -> None:
    shown = os.path.relpath(step.project, stage.plan.root)
    before = "" if shown == "." else f"{shown}/"
    stage.warnings += [f"{before}{name}: {PRIVATE}" for name in tree.private]
    stage.warnings += [f"{before}{name}: {OWN_DATABASE}" for name in tree.own_databases]
    shipped = set(tree.files) if step.is_whole else tree.named
    stage.warnings += [
        f"{before}{name}: a database goes into the release, with all that is in it"
        for name in tree.databases
        if name in shipped
    ]
    if tree.unusable:
        stage.warnings.append(f"left out, neither files nor links to any: {_some(tree.unusable)}")


def _some(names: Sequence[str]) -> str:
    more = len(names) - _MOST_SHOWN
    return ", ".join(names[:_MOST_SHOWN]) + (f" and {more} more" if more > 0 else "")
