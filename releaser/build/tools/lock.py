"""Who may build now? One build per environment at a time; the others wait."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from releaser.build.tools.report import Report

LOCK_NAME = ".lock"
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


def _acquire(target: Path, report: Report) -> int:
    while True:
        target.mkdir(parents=True, exist_ok=True)
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
