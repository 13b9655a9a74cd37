"""Which file pins the project's dependencies, with their hashes?"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from releaser.plan.facts import Lock, LockKind, UnusableLock
from releaser.plan.project.formats.requirement_files import main_file, requirements_in
from releaser.plan.project.locks.anew import made_by_releaser
from releaser.plan.project.locks.selecting import Asked, WrongLock, select
from releaser.plan.project.locks.stale import is_stale
from releaser.plan.project.pyproject import UnusableProject, read_pyproject
from releaser.plan.project.reading import Unreadable, content_of

NAMES: tuple[tuple[str, LockKind], ...] = (
    ("uv.lock", "uv"),
    ("pylock.toml", "pylock"),
    ("requirements.txt", "requirements"),
    ("poetry.lock", "poetry"),
    ("pdm.lock", "pdm"),
    ("Pipfile.lock", "pipenv"),
)
"""In order of preference: the first that lies in the project's folder is the one, requirements if all have hashes."""


class LockUnusable(Exception):
    """Something has the name of the lock and cannot be used; to build without it would be to build without hashes."""

    def __init__(self, lock: UnusableLock) -> None:
        super().__init__(lock.shown, lock.why)
        self.lock = lock


def find_lock(root: Path, project: Path, named: str, asked: Asked) -> Lock | None:
    """Return the lock, or None without one: requirements of which one has no hash are none.

    `named` is the profile's setting, relative to `root`; empty: the first of `NAMES` in the folder `project`, or a
    requirements file elsewhere in it, or the uv.lock of its workspace.

    Raises:
        LockUnusable: it is there, and cannot be read, or lacks what the project asks for.
    """
    if named:
        path = root / named
        lock = _lock(root, path, kind_of(path.name), asked) if os.path.lexists(path) else None
        made = project / "pylock.toml"
        # Requirements without hashes pin nothing: what `releaser lock` has made of them does.
        is_resolved = lock is None and path.is_file() and made_by_releaser(made)
        return _lock(root, made, "pylock", asked) if is_resolved else lock
    for name, kind in NAMES:
        if os.path.lexists(project / name):
            lock = _lock(root, project / name, kind, asked)
            if lock is not None:
                return lock
    if of_workspace := _workspace_lock(project.resolve()):
        return _lock(root.resolve(), of_workspace, "uv", asked)
    elsewhere = main_file(project)
    return _lock(root, elsewhere, "requirements", asked) if elsewhere else None


def kind_of(name: str) -> LockKind:
    """Return the format of a lock by its file name: `pylock.prod.toml` is a pylock, `requirements/prod.txt` is not."""
    for known, kind in NAMES:
        if name == known:
            return kind
    return "pylock" if re.fullmatch(r"pylock(\..+)?\.toml", name) else "requirements"


def _workspace_lock(project: Path) -> Path | None:
    """Return the uv.lock of the workspace that the project is a member of: it lies in a folder above, if anywhere."""
    for folder in project.parents:
        try:
            table = read_pyproject(folder)
        except UnusableProject:
            continue
        if "workspace" in table.get("tool", {}).get("uv", {}) and os.path.lexists(folder / "uv.lock"):
            return folder / "uv.lock"
    return None


def _lock(root: Path, path: Path, kind: LockKind, asked: Asked) -> Lock | None:
    shown = os.path.relpath(path, root)
    try:
        content = content_of(path)
        if kind == "requirements" and not _is_lock(path):
            return None
        selected = select(path, content.decode("utf-8", "replace"), kind, asked)
    except Unreadable as error:
        raise LockUnusable(UnusableLock(shown=shown, why=str(error))) from error
    except WrongLock as error:
        raise LockUnusable(UnusableLock(shown=shown, why=error.why, hint=error.hint)) from error
    return Lock(
        path=path,
        shown=shown,
        kind=kind,
        sha256=hashlib.sha256(content).hexdigest(),
        packages=selected.packages,
        groups=selected.groups,
        indexes=selected.indexes,
        options=selected.options,
        is_stale=kind == "pylock" and is_stale(content.decode("utf-8", "replace"), asked.folder),
    )


def _is_lock(path: Path) -> bool:
    """Tell whether each requirement has a hash; a file without any is one if it is written for pip."""
    return path.suffix == ".txt" and all(each.has_hash for each in requirements_in(path))
