"""Has anything changed since the last build? If nothing has, what it made is what this one would make.

A build leaves a receipt in the cache: a hash of its plan and of what surrounds it, each file that it read, each that it
made. The next build with the same plan looks at those files: by size, time, mode and inode, and where these differ, or
are too young to be trusted, by content. It builds unless everything is as it was. A build removes the receipt before it
does anything, and writes a new one at its end only if no input has changed meanwhile.

    1  snapshot: each input's status and content       the receipt of the build before is removed
    2  the build
    3  the inputs again, which must be the same; what was made; the receipt appears by one rename
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from releaser.build.publish.built import Built
from releaser.build.publish.inputs import NotCertain, check_certain, input_files, key_of_surroundings, status_of
from releaser.build.tools.cache import NAME as CACHE
from releaser.build.tools.lock import STAGING, try_build_lock
from releaser.build.tools.tree import hash_of
from releaser.plan.plan import Plan

_FORMAT: Final = 1
_READ_BYTES: Final = 1024 * 1024
"""Of a larger file only the status is compared: it is the same or it has changed."""
_YOUNG_NS: Final = 1_000_000_000
"""A file that changed so shortly before it was looked at may change again without another time: it is read."""
_File = list[object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a build was about to read."""

    surroundings: str
    files: list[_File]
    """Of each: path, size, time, mode and inode as `status_of` has them, and the digest or empty text."""
    taken_ns: int


def take_snapshot(plan: Plan, *, epoch: int, is_offline: bool) -> Snapshot | None:
    """Forget the last build of the same release, and look at what this one will read; None: that is not certain."""
    _path(plan).unlink(missing_ok=True)
    try:
        check_certain(plan)
        taken_ns = time.time_ns()
        surroundings = key_of_surroundings(plan, epoch=epoch, is_offline=is_offline)
        files = [_recorded(path) for path in input_files(plan)]
    except (NotCertain, OSError, ValueError):
        return None
    return Snapshot(surroundings=surroundings, files=files, taken_ns=taken_ns)


def keep_receipt(snapshot: Snapshot, plan: Plan, built: Built) -> None:
    """Let the next build know of this one, unless an input has changed while it went on, or it cannot be written."""
    try:
        _keep_receipt(snapshot, plan, built)
    except (NotCertain, OSError):
        return


def _keep_receipt(snapshot: Snapshot, plan: Plan, built: Built) -> None:
    paths = input_files(plan)
    if not _are_same(snapshot.files, paths, snapshot.taken_ns):
        return
    receipt = {
        "format": _FORMAT,
        "surroundings": snapshot.surroundings,
        "taken_ns": snapshot.taken_ns,
        "files": snapshot.files,
        "made": list(_made(plan)),
        "sizes": [built.folder_bytes, built.archive_bytes, built.run_file_bytes],
        "warnings": built.warnings,
    }
    path = _path(plan)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps(receipt, separators=(",", ":")), encoding="utf-8")
    partial.rename(path)


def find_unchanged(plan: Plan, *, epoch: int, is_offline: bool) -> Built | None:
    """Return what the last build has made, if a build of `plan` would make the same; None: build it.

    A build under way has the answer "build it": that one waits.
    """
    with try_build_lock(plan.target) as is_held:
        if not is_held or any(plan.target.glob(f"{STAGING}*")):
            return None
        try:
            receipt = json.loads(_path(plan).read_text(encoding="utf-8"))
            if not _is_current(receipt, plan, epoch, is_offline):
                return None
            folder_bytes, archive_bytes, run_file_bytes = map(int, receipt["sizes"])
            return Built(
                folder=plan.published,
                folder_bytes=folder_bytes,
                archive=plan.archive if plan.has_archive else None,
                archive_bytes=archive_bytes,
                run_file=plan.run_file if plan.has_run_file else None,
                run_file_bytes=run_file_bytes,
                warnings=tuple(map(str, receipt["warnings"])),
                is_unchanged=True,
            )
        except (NotCertain, OSError, ValueError, KeyError, TypeError, RecursionError):
            return None


def _is_current(receipt: dict[str, Any], plan: Plan, epoch: int, is_offline: bool) -> bool:
    return (
        receipt["format"] == _FORMAT
        and receipt["surroundings"] == key_of_surroundings(plan, epoch=epoch, is_offline=is_offline)
        and receipt["made"] == list(_made(plan))
        and _are_same(receipt["files"], input_files(plan), receipt["taken_ns"])
    )


def _are_same(files: list[_File], paths: list[Path], taken_ns: int) -> bool:
    return [file[0] for file in files] == [str(path) for path in paths] and all(
        _is_same(path, file, taken_ns) for path, file in zip(paths, files, strict=True)
    )


def _is_same(path: Path, file: _File, taken_ns: int) -> bool:
    status, before, digest = status_of(path), file[:-1], file[-1]
    if status[1] is None or before[1] is None:
        return status == before
    time_ns = status[2]
    assert isinstance(time_ns, int)
    if status == before and time_ns < taken_ns - _YOUNG_NS:
        return True
    _, size, _, mode, _ = status
    return bool(digest) and [size, mode] == [before[1], before[3]] and digest == hash_of(path)


def _recorded(path: Path) -> _File:
    status = status_of(path)
    size = status[1]
    return [*status, hash_of(path) if isinstance(size, int) and size <= _READ_BYTES and path.is_file() else ""]


def _made(plan: Plan) -> Iterator[list[object]]:
    """Yield a row for each published file, `var` left out: it is the release's own."""
    names = [os.fspath(path) for path in (*plan.packages, plan.sbom, plan.provenance, plan.record, plan.checksums)]
    top = os.fspath(plan.published)
    for parent, folders, files in os.walk(top):
        folders.sort()
        if parent == top and "var" in folders:
            folders.remove("var")
        names += [f"{parent}/{name}" for name in (*folders, *sorted(files))]
    for name in names:
        try:
            status = os.lstat(name)
        except OSError:
            yield [name, None]
        else:
            is_folder = status.st_mode & 0o170000 == 0o040000
            yield [name, status.st_mode, *(() if is_folder else (status.st_size, status.st_mtime_ns, status.st_ino))]


def _path(plan: Plan) -> Path:
    return plan.target.parent / CACHE / "receipts" / f"{plan.target.name}-{plan.sketch.name}.json"
