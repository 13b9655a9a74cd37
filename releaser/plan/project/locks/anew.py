"""How is a lock made anew? By the tool that has made it, with its own words, where the lock tells them."""

from __future__ import annotations

import re
from pathlib import Path

from releaser.plan.facts import Lock, LockKind
from releaser.plan.project.formats.tables import table_in
from releaser.plan.project.reading import Unreadable, text_of, toml_in

_OF_TOOLS: dict[LockKind, str] = {
    "uv": "uv lock",
    "poetry": "poetry lock",
    "pdm": "pdm lock",
    "pipenv": "pipenv lock",
}
_WRITTEN = re.compile(r"^#\s+((?:uv pip compile|uv export|pip-compile|poetry export|pdm export)\b.*)$", re.MULTILINE)
"""What the head of a requirements.txt says of how it came to be."""
AS_BEFORE = "lock again, as it was locked before"


def lock_again(kind: LockKind) -> str:
    """Return the command for locks of a tool; that for a lock that is `releaser lock`'s where there is none."""
    return _OF_TOOLS.get(kind, "releaser lock")


def made_anew_by(lock: Lock) -> str:
    """Return the hint for whoever is to make `lock` anew."""
    if lock.kind in _OF_TOOLS:
        return _OF_TOOLS[lock.kind]
    if made_by_releaser(lock.path):
        return "releaser lock"
    try:
        match = _WRITTEN.search(text_of(lock.path)) if lock.kind == "requirements" else None
    except Unreadable:
        match = None
    return f"{AS_BEFORE}: `{match[1].strip()}`" if match else AS_BEFORE


def made_by_releaser(path: Path) -> bool:
    """Tell whether the lock at `path` was made by `releaser lock`."""
    try:
        return "releaser" in table_in(toml_in(text_of(path)), "tool")
    except (Unreadable, ValueError):
        return False
