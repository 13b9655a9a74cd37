"""How is what builds have made removed again? All of it but what releases themselves have written, unless that too.

Builds own `OUTPUT_DIR/ENV`: whatever lies there was made by one, or by a release that was run from there (`var`).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from releaser.build.cache import NAME as CACHE_NAME
from releaser.build.cache import Cache
from releaser.build.lock import LOCK_NAME, build_lock
from releaser.build.publish import is_running
from releaser.build.report import Report
from releaser.build.tree import size_bytes
from releaser.errors import BusyError, ReleaserError


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """Something that was removed."""

    path: Path
    is_folder: bool
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """What a cleaning has done to one environment."""

    removed: tuple[Removed, ...]
    kept: tuple[Path, ...]
    """Folders with what releases have written."""


def check_clean(target: Path, root: Path) -> None:
    """Check that what builds have made in `target`, an environment's folder, may be removed.

    Raises:
        BusyError: a release is running from there.
        ReleaserError: the folder holds the project itself.
    """
    if root.resolve().is_relative_to(target.resolve()):
        raise ReleaserError(f"{target} holds the project itself", now="nothing was removed")
    for folder in _releases(target):
        if is_running(folder):
            raise BusyError(
                f"a release is running from {folder}",
                now="nothing was removed",
                hint=f"stop it first: {folder}/bin/{folder.name} stop",
            )


def clean(target: Path, *, implode: bool, report: Report) -> Cleaned:
    """Remove what builds have made in `target`; with `implode` what releases have written too, and `target` itself.

    Waits for a build that is under way.
    """
    if not (target / LOCK_NAME).exists():
        return Cleaned(removed=(), kept=())
    with build_lock(target, report):
        removed = [_remove(path) for path in _made(target, implode)]
        kept = tuple(path for folder in _releases(target) for path in sorted(folder.iterdir()))
        kept += tuple(sorted((target / "rel").glob("*-var-saved-*")))
        for folder in (*_releases(target), target / "rel"):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        if not (target / "rel").exists():
            (target / LOCK_NAME).unlink()
            target.rmdir()
    if target.parent.is_dir() and not any(target.parent.iterdir()):
        target.parent.rmdir()
    return Cleaned(removed=tuple(removed), kept=tuple(path for path in kept if path.exists()))


def clean_cache(output: Path, report: Report) -> Cleaned:
    """Remove what builds of all environments below the folder `output` have kept for the next one."""
    cache = Cache(folder=output / CACHE_NAME)
    if not cache.folder.is_dir():
        return Cleaned(removed=(), kept=())
    with cache.lock_all(report):
        removed = _remove(cache.folder)
    if not any(output.iterdir()):
        output.rmdir()
    return Cleaned(removed=(removed,), kept=())


def _made(target: Path, implode: bool) -> Iterator[Path]:
    for path in sorted(target.iterdir()):
        if path.name == LOCK_NAME:
            continue
        if path.name != "rel" or implode:
            yield path
            continue
        for folder in sorted(path.iterdir()):
            if "-var-saved-" in folder.name:
                continue
            if (folder / "var").is_dir():
                yield from (entry for entry in sorted(folder.iterdir()) if entry.name != "var")
            else:
                yield folder


def _releases(target: Path) -> list[Path]:
    folders = sorted((target / "rel").iterdir()) if (target / "rel").is_dir() else []
    return [folder for folder in folders if folder.is_dir() and "-var-saved-" not in folder.name]


def _remove(path: Path) -> Removed:
    is_folder = path.is_dir() and not path.is_symlink()
    removed = Removed(
        path=path, is_folder=is_folder, size_bytes=size_bytes(path) if is_folder else path.lstat().st_size
    )
    if is_folder:
        shutil.rmtree(path)
    else:
        path.unlink()
    return removed
