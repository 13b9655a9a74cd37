"""How is what builds have made removed again? All of it but what releases themselves have written, unless that too.

What no build has made stays, wherever it lies: a build's things are known by their names (the release's, the endings)
and by the checksums that it left beside them; a release's folder by what is in it.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from releaser.artifacts.checksums import read_checksums
from releaser.build.publish.publishing import is_running
from releaser.build.tools.cache import ENTRIES as CACHE_ENTRIES
from releaser.build.tools.cache import NAME as CACHE_NAME
from releaser.build.tools.cache import Cache
from releaser.build.tools.lock import IGNORE, LOCK_NAME, STAGING, build_lock, is_only_ignored
from releaser.build.tools.report import Report
from releaser.build.tools.tree import size_bytes
from releaser.errors import BusyError, ReleaserError

_CHECKSUMS: Final = ".sha256"
_ENDINGS: Final = (
    ".tar.gz",
    ".tar.zst",
    ".run",
    ".cdx.json",
    ".provenance.json",
    ".mtree",
    _CHECKSUMS,
    f"{_CHECKSUMS}.sig",
)
_SAVED: Final = "-var-saved-"
"""In the name of a folder that a build has put aside, with what a release has written."""


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
    kept: tuple[Path, ...] = ()
    """Folders with what releases have written."""
    others: tuple[Path, ...] = ()
    """What no build has made."""


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


def clean(target: Path, *, names: Collection[str], implode: bool, report: Report) -> Cleaned:
    """Remove what builds of the releases `names` have made in `target`; with `implode` what they have written too.

    Waits for a build that is under way.
    """
    if not (target / LOCK_NAME).exists():
        return Cleaned(removed=())
    with build_lock(target, report):
        removed = [_remove(path) for path in _made(target, names, implode)]
        kept = tuple(path for folder in _releases(target) for path in sorted(folder.iterdir()))
        kept += tuple(sorted((target / "rel").glob(f"*{_SAVED}*")))
        for folder in (*_releases(target), target / "rel"):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        others = tuple(_others(target, {path.parent for path in kept}))
        if not (target / "rel").exists():
            (target / LOCK_NAME).unlink()
            _remove_if_empty(target)
    _remove_output_if_empty(target.parent)
    return Cleaned(removed=tuple(removed), kept=kept, others=others)


def clean_cache(output: Path, report: Report) -> Cleaned:
    """Remove what builds of all environments below the folder `output` have kept for the next one."""
    cache = Cache(folder=output / CACHE_NAME)
    if not cache.is_there:
        return Cleaned(removed=())
    with cache.lock_all(report):
        others = sorted(path for path in cache.folder.iterdir() if path.name not in CACHE_ENTRIES)
        ours = [path for path in sorted(cache.folder.iterdir()) if path not in others] if others else [cache.folder]
        removed = [_remove(path) for path in ours]
    _remove_output_if_empty(output)
    return Cleaned(removed=tuple(removed), others=tuple(others))


def _made(target: Path, names: Collection[str], implode: bool) -> list[Path]:
    releases = _releases(target)
    known = {*names, *(folder.name for folder in releases)}
    listed = {name for path in target.glob(f"*{_CHECKSUMS}") for name in _listed(path)}
    of_builds = (path for path in sorted(target.iterdir()) if path.name in listed or _is_builds(path.name, known))
    found = [path for path in of_builds if path.name not in (LOCK_NAME, "rel")]
    for folder in releases:
        if implode or not (folder / "var").is_dir():
            found.append(folder)
        else:
            found += (entry for entry in sorted(folder.iterdir()) if entry.name != "var")
    if implode:
        found += sorted((target / "rel").glob(f"*{_SAVED}*"))
    return found


def _is_builds(name: str, releases: Collection[str]) -> bool:
    """Tell whether a build gives this name to something beside a release's folder."""
    is_package = name.endswith(_ENDINGS) and any(name.startswith(f"{release}-") for release in releases)
    return is_package or name.startswith(STAGING)


def _listed(checksums: Path) -> Iterator[str]:
    """Yield the names of what a build's file of checksums vouches for, and its own, and that of its signature."""
    try:
        names = read_checksums(checksums)
    except ReleaserError:
        return
    if checksums.name.replace(_CHECKSUMS, ".provenance.json") in names:
        yield from (*names, checksums.name, f"{checksums.name}.sig")


def _others(target: Path, releases: Collection[Path]) -> Iterator[Path]:
    """Yield what is still there, and no build's."""
    rel = target / "rel"
    for path in sorted(target.iterdir()):
        if path.name not in (LOCK_NAME, "rel"):
            yield path
    for path in sorted(rel.iterdir()) if rel.is_dir() else ():
        if path not in releases and _SAVED not in path.name:
            yield path


def _releases(target: Path) -> list[Path]:
    folders = sorted((target / "rel").iterdir()) if (target / "rel").is_dir() else []
    return [folder for folder in folders if _SAVED not in folder.name and _is_release(folder)]


def _is_release(folder: Path) -> bool:
    return not folder.is_symlink() and any((folder / name).is_dir() for name in ("releases", "var"))


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


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _remove_output_if_empty(output: Path) -> None:
    """Remove the folder of all builds once only the file is left with which a build has hidden it from git."""
    if output.is_dir() and is_only_ignored(output):
        (output / IGNORE).unlink()
    _remove_if_empty(output)
