"""What does a build keep for the next one? Folders named by a hash of everything that they were made from.

They lie in `OUTPUT_DIR/.cache/KIND/KEY`, for all environments. Each kind has a lock, flock(2), which is held while
folders of it are made, used and removed: a folder appears under its name by one rename, complete, so that a killed
build leaves nothing that another one would take for whole. Removing `.cache` costs time only.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from releaser.build.tools.report import Report

NAME: Final = ".cache"
Kind = Literal["build-envs", "graphs", "layers", "members", "pythons", "runtimes"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
ENTRIES: Final = frozenset({*KINDS, *(f".{kind}.lock" for kind in KINDS), "pieces", "receipts"})
"""Names of what lies in the cache: pieces of archives and receipts are under the locks of their environments."""
KEPT: Final = 6
"""How many folders of a kind stay, those used last."""
_PARTIAL = ".partial-"
_KEY_CHARACTERS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """The folders that builds below one output folder share."""

    folder: Path

    @property
    def is_there(self) -> bool:
        """Whether a build has made it: another folder of that name has none of its locks."""
        return any((self.folder / f".{kind}.lock").exists() for kind in KINDS)

    @contextmanager
    def lock(self, kind: Kind, report: Report) -> Iterator[None]:
        """Hold the lock of one kind; wait for another build that makes something of it. Never two at a time."""
        lock = self._acquire(kind, report)
        try:
            yield
        finally:
            os.close(lock)

    @contextmanager
    def lock_all(self, report: Report) -> Iterator[None]:
        """Hold the locks of all kinds, to remove everything."""
        with ExitStack() as held:
            for kind in KINDS:
                held.enter_context(self.lock(kind, report))
            yield

    def _acquire(self, kind: Kind, report: Report) -> int:
        path = self.folder / f".{kind}.lock"
        while True:
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            except FileNotFoundError:
                continue  # the folder has just been removed
            try:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    report.note("waiting for another build, which fills the cache")
                    fcntl.flock(lock, fcntl.LOCK_EX)
                if _is_file(lock, path):
                    return lock
            except BaseException:
                os.close(lock)
                raise
            os.close(lock)

    def find_or_make(
        self, kind: Kind, key: str, *, is_whole: Callable[[Path], bool], make: Callable[[Path], None]
    ) -> Path:
        """Return the folder of `key`, made now if it is missing or not whole; to be called under the lock of `kind`.

        `make` fills an empty folder; what it raises leaves nothing behind.
        """
        of_kind = self.folder / kind
        path = of_kind / key
        if path.is_dir():
            if is_whole(path):
                os.utime(path)
                return path
            shutil.rmtree(path)
        of_kind.mkdir(parents=True, exist_ok=True)
        for left in of_kind.glob(f"{_PARTIAL}*"):
            shutil.rmtree(left)
        partial = of_kind / f"{_PARTIAL}{key}"
        partial.mkdir()
        try:
            make(partial)
            partial.rename(path)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        os.utime(path)
        _prune(of_kind, keep=path)
        return path


def _is_file(descriptor: int, path: Path) -> bool:
    """Tell whether `path` still names what was opened: removing the cache removes its locks."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def key_of(*parts: object) -> str:
    """Return a name made of everything that is given: texts, numbers, and lists and mappings of them."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:_KEY_CHARACTERS]


def _prune(of_kind: Path, keep: Path) -> None:
    """Remove the folders that were not used for longest."""
    folders = sorted((path for path in of_kind.iterdir() if path != keep), key=lambda path: path.stat().st_mtime_ns)
    for path in folders[: max(0, len(folders) + 1 - KEPT)]:
        partial = of_kind / f"{_PARTIAL}{path.name}"
        path.rename(partial)
        shutil.rmtree(partial)
