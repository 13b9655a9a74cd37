"""Which file pins the project's dependencies, and are its hashes there?"""

from __future__ import annotations

import hashlib
import re
import shutil
import tomllib
from pathlib import Path

from packaging.utils import canonicalize_name

from releaser.plan.facts import Lock, LockKind

NAMES: tuple[tuple[str, LockKind], ...] = (
    ("uv.lock", "uv"),
    ("pylock.toml", "pylock"),
    ("requirements.txt", "requirements"),
    ("poetry.lock", "poetry"),
    ("pdm.lock", "pdm"),
)
"""In order of preference: the first that lies in the project's folder is the one."""
_LOCAL = re.compile(r"\s*(?:-e\s+|--editable[\s=]+)?(?:\.{1,2}(?:/|\s|$)|/|file:)(?!\S*\.(?:whl|tar\.gz|zip)\b)")
"""A project of the same repository: it is built, and has no hash."""


def find_lock(root: Path, project: Path, named: str) -> Lock | None:
    """Return the lock, or None without one.

    `named` is the profile's setting, relative to `root`; empty: the first of `NAMES` in the folder `project`.
    """
    if named:
        path = root / named
        return _lock(root, path, kind_of(path.name)) if path.is_file() else None
    for name, kind in NAMES:
        if (project / name).is_file():
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
    """Return the line numbers, from 1, of requirements without a hash; options and comments need none."""
    return tuple(number for number, line in _logical_lines(text) if not ("--hash" in line or _LOCAL.match(line)))


def _workspace_lock(project: Path) -> Path | None:
    """Return the uv.lock of the workspace that the project is a member of: it lies in a folder above, if anywhere."""
    for folder in project.parents:
        try:
            table = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if "workspace" in table.get("tool", {}).get("uv", {}) and (folder / "uv.lock").is_file():
            return folder / "uv.lock"
    return None


def _lock(root: Path, path: Path, kind: LockKind) -> Lock:
    content = path.read_bytes()
    text = content.decode("utf-8", "replace")
    return Lock(
        path=path,
        shown=str(path.relative_to(root)) if path.is_relative_to(root) else str(path),
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
        groups = tomllib.loads(text)["metadata"]["groups"]
    except (ValueError, LookupError, TypeError):
        return ()
    return tuple(canonicalize_name(group) for group in groups if isinstance(group, str))


def _count(text: str, kind: LockKind) -> int:
    match kind:
        case "requirements":
            return len(_logical_lines(text))
        case "poetry" | "pdm":
            return len(re.findall(r"^\[\[package\]\]", text, re.MULTILINE))
        case "uv":
            # The project itself is one of them.
            return max(0, len(re.findall(r"^\[\[package\]\]", text, re.MULTILINE)) - 1)
        case "pylock":
            return len(re.findall(r"^\[\[packages\]\]", text, re.MULTILINE))


def _logical_lines(text: str) -> list[tuple[int, str]]:
    """Return the requirements of a requirements.txt with continuation lines joined, each with its first line's number.

    Options of their own line (`-r`, `--index-url`) are left out: a file that is included is the installer's to check.
    """
    lines: list[tuple[int, str]] = []
    start, joined = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        start = start or number
        joined += re.sub(r"(^|\s)#.*$", "", line)
        if joined.endswith("\\"):
            joined = joined[:-1] + " "
            continue
        if joined.strip() and not re.match(r"\s*-[^e]", joined):
            lines.append((start, joined))
        start, joined = 0, ""
    return lines
