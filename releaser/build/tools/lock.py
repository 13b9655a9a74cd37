"""Who may build now? One build per environment at a time; the others wait."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from releaser.build.tools.report import Report

LOCK_NAME = ".lock"
IGNORE = ".gitignore"
"""In the folder of all builds, so that no repository takes what is built for sources."""
_EVERYTHING = "*\n"
STAGING = ".staging-"
"""Begins the name of the folder of a build that is under way, or was killed."""


@contextmanager
def build_lock(target: Path, report: Report) -> Iterator[None]:
    """Hold `.lock` in `target` with flock(2), after waiting for another build if there is one.

    A build leaves the file where it is: removing it would let two builds lock two files of one name. `releaser clean`
    removes it, so whoever waited looks whether what they hold is still the file of that name.
    """
    lock = _acquire(target, report)
    try:
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(lock)


@contextmanager
def try_build_lock(target: Path) -> Iterator[bool]:
    """Hold the lock if nobody else does, and tell whether that is so; nothing is made where no build has been."""
    try:
        lock = os.open(target / LOCK_NAME, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        yield False
        return
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield _is_file(lock, target / LOCK_NAME)
    finally:
        os.close(lock)


def is_only_ignored(output: Path) -> bool:
    """Tell whether nothing is in the folder of all builds but what hides it from git."""
    names = [path.name for path in output.iterdir()]
    return names == [IGNORE] and (output / IGNORE).read_text(encoding="utf-8", errors="replace") == _EVERYTHING


def _make(target: Path) -> None:
    """Make the folder, and let git ignore that of all builds if it is made now: another may hold more than builds."""
    output = target.parent
    is_new = not output.exists()
    target.mkdir(parents=True, exist_ok=True)
    if is_new:
        with suppress(FileExistsError), (output / IGNORE).open("x", encoding="utf-8") as file:
            file.write(_EVERYTHING)


def _acquire(target: Path, report: Report) -> int:
    while True:
        _make(target)
        lock = os.open(target / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(lock, 32, 0).decode("ascii", "replace").strip()
            report.note(f"waiting for another build of {target.name} (pid {holder or 'unknown'})")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
            except BaseException:
                os.close(lock)
                raise
        if _is_file(lock, target / LOCK_NAME):
            return lock
        os.close(lock)


def _is_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
