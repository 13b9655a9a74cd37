"""What modes and what bytes does a folder hold? The two things that a finished tree is checked by."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection
from pathlib import Path


def normalise_modes(folder: Path) -> None:
    """Set folders to 0755, and files to 0755 or 0644 by their owner's executable bit; links are left alone."""
    folder.chmod(0o755)
    for parent, folders, files in os.walk(folder):
        for name in folders:
            path = Path(parent, name)
            if not path.is_symlink():
                _chmod(path, 0o755)
        for name in files:
            path = Path(parent, name)
            if not path.is_symlink():
                _chmod(path, 0o755 if path.stat().st_mode & 0o100 else 0o644)


def _chmod(path: Path, mode: int) -> None:
    if path.stat().st_mode & 0o7777 != mode:
        path.chmod(mode)


def hash_of(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hashes_of(folder: Path, without: Collection[str]) -> dict[str, str]:
    """Return the sha256 of each file below `folder` by its relative path, without links and the paths in `without`."""
    found: dict[str, str] = {}
    for parent, _, files in os.walk(folder):
        for name in files:
            path = Path(parent, name)
            relative = str(path.relative_to(folder))
            if relative not in without and not path.is_symlink():
                found[relative] = hash_of(path)
    return dict(sorted(found.items()))


def size_bytes(folder: Path, without: Collection[str] = ()) -> int:
    """Return the sum of the sizes of the files below `folder`, links not followed, top-level `without` left out."""
    total = 0
    for entry in folder.iterdir():
        if entry.name in without:
            continue
        if entry.is_dir() and not entry.is_symlink():
            total += size_bytes(entry)
        else:
            total += entry.lstat().st_size
    return total
