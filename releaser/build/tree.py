"""What modes and what bytes does a folder hold? The two things that a finished tree is checked by."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection
from pathlib import Path


def normalise_modes(folder: Path) -> None:
    """Set folders to 0755, and files to 0755 or 0644 by their owner's executable bit; links are left alone."""
    folder.chmod(0o755)
    for parent, folders, files in os.walk(folder):
        for names, is_folder in ((folders, True), (files, False)):
            for name in names:
                _normalise_mode(f"{parent}/{name}", is_folder)


def _normalise_mode(path: str, is_folder: bool) -> None:
    status = os.lstat(path)
    wanted = 0o755 if is_folder or status.st_mode & 0o100 else 0o644
    if not stat.S_ISLNK(status.st_mode) and status.st_mode & 0o7777 != wanted:
        os.chmod(path, wanted)  # noqa: PTH101 - thousands of times in a build


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
