"""Has what a lock was made from changed since? `releaser lock` notes in it what it has read."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from releaser.plan.project.formats.inline_script import inline_metadata
from releaser.plan.project.formats.tables import table_in
from releaser.plan.project.reading import Unreadable, content_of, toml_in


def digests_of(files: Iterable[Path], folder: Path) -> dict[str, str]:
    """Return the hash of each file, by its path relative to `folder`; of one that cannot be read an empty one."""
    return {os.path.relpath(path, folder): _digest(path) for path in files}


def is_stale(text: str, folder: Path) -> bool:
    """Tell whether a pylock.toml of that `text` names files of the project in `folder` that are others now."""
    try:
        noted = table_in(table_in(table_in(toml_in(text), "tool"), "releaser"), "inputs")
    except ValueError:
        return False
    return any(_digest(folder / name) != digest for name, digest in noted.items())


def _digest(path: Path) -> str:
    try:
        content = content_of(path)
    except Unreadable:
        return ""
    if path.name == "pyproject.toml":
        content = _what_is_asked(content)
    elif path.suffix == ".py" and (said := inline_metadata(path)):
        content = json.dumps(said, sort_keys=True, default=str).encode()
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _what_is_asked(pyproject: bytes) -> bytes:
    """Return what of a pyproject.toml decides what is installed: its version, for one, changes nothing of that."""
    try:
        data = toml_in(pyproject.decode("utf-8", "replace"))
    except ValueError:
        return pyproject
    project, poetry = table_in(data, "project"), table_in(table_in(data, "tool"), "poetry")
    asked = [project.get(name) for name in ("requires-python", "dependencies", "optional-dependencies")]
    asked += [data.get("dependency-groups"), poetry.get("dependencies"), poetry.get("group")]
    return json.dumps(asked, sort_keys=True, default=str).encode()
