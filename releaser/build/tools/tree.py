"""What modes and what bytes does a folder hold? The two things that a finished tree is checked by."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection
from pathlib import Path

from releaser.runtime.release.checking.record import Member, look_at, paths_below, sha256_of


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


def members_of(folder: Path, without: str = "") -> dict[str, Member]:
    """Return every file, folder and link below `folder` by its relative path, without what is inside `without`."""
    root = str(folder)
    found = paths_below(root, lambda path: bool(without) and path.startswith(f"{without}/"))
    return {path: look_at(f"{root}/{path}", sha256_of) for path in found}


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
