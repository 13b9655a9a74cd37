"""Which file pins the project's dependencies, and are its hashes there?"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path

from packaging.utils import canonicalize_name

from releaser.plan.facts import Lock, LockKind, UnusableLock
from releaser.plan.project.pyproject import UnusableProject, read_pyproject
from releaser.plan.project.reading import Unreadable, content_of, toml_in
from releaser.plan.project.requirement_lines import folder_in, is_commit, is_hashed, logical_lines

NAMES: tuple[tuple[str, LockKind], ...] = (
    ("uv.lock", "uv"),
    ("pylock.toml", "pylock"),
    ("requirements.txt", "requirements"),
    ("poetry.lock", "poetry"),
    ("pdm.lock", "pdm"),
)
"""In order of preference: the first that lies in the project's folder is the one."""


class LockUnusable(Exception):
    """Something has the name of the lock and cannot be read; to build without it would be to build without hashes."""

    def __init__(self, lock: UnusableLock) -> None:
        super().__init__(lock.shown, lock.why)
        self.lock = lock


def find_lock(root: Path, project: Path, named: str) -> Lock | None:
    """Return the lock, or None without one.

    `named` is the profile's setting, relative to `root`; empty: the first of `NAMES` in the folder `project`.

    Raises:
        LockUnusable: it is there, and cannot be read.
    """
    if named:
        path = root / named
        return _lock(root, path, kind_of(path.name)) if os.path.lexists(path) else None
    for name, kind in NAMES:
        if os.path.lexists(project / name):
            return _lock(root, project / name, kind)
    of_workspace = _workspace_lock(project.resolve())
    return _lock(root.resolve(), of_workspace, "uv") if of_workspace else None


def kind_of(name: str) -> LockKind:
    """Return the format of a lock by its file name: `pylock.prod.toml` is a pylock, `requirements/prod.txt` is not."""
    for known, kind in NAMES:
        if name == known:
            return kind
    return "pylock" if re.fullmatch(r"pylock(\..+)?\.toml", name) else "requirements"


def unhashed_lines(text: str) -> tuple[int, ...]:
    """Return the line numbers, from 1, of requirements without a hash; options and comments need none.

    Neither do a project of the same repository, which is built, and a commit.
    """
    return tuple(
        number
        for number, line in logical_lines(text)
        if not (is_hashed(line) or is_commit(line) or folder_in(line) is not None)
    )


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


def _lock(root: Path, path: Path, kind: LockKind) -> Lock:
    shown = str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
    try:
        content = content_of(path)
    except Unreadable as error:
        raise LockUnusable(UnusableLock(shown=shown, why=str(error))) from error
    text = content.decode("utf-8", "replace")
    return Lock(
        path=path,
        shown=shown,
        kind=kind,
        sha256=hashlib.sha256(content).hexdigest(),
        packages=_count(text, kind),
        exporter=(shutil.which(kind) or "") if kind in ("poetry", "pdm") else "",
        groups=_groups(text) if kind == "pdm" else (),
        unhashed_lines=unhashed_lines(text) if kind == "requirements" else (),
    )


def _groups(text: str) -> tuple[str, ...]:
    """Return the extras and groups that a pdm.lock was made with: PDM leaves others out without a word."""
    try:
        groups = toml_in(text)["metadata"]["groups"]
        return tuple(canonicalize_name(group) for group in groups if isinstance(group, str))
    except (ValueError, LookupError, TypeError):
        return ()


def _count(text: str, kind: LockKind) -> int:
    match kind:
        case "requirements":
            return len(logical_lines(text))
        case "poetry" | "pdm":
            return len(re.findall(r"^\[\[package\]\]", text, re.MULTILINE))
        case "uv":
            # The project itself is one of them.
            return max(0, len(re.findall(r"^\[\[package\]\]", text, re.MULTILINE)) - 1)
        case "pylock":
            return len(re.findall(r"^\[\[packages\]\]", text, re.MULTILINE))
