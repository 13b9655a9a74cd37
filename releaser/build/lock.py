"""Who may build now? One build per environment at a time; the others wait."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from releaser.build.report import Report


@contextmanager
def build_lock(target: Path, report: Report) -> Iterator[None]:
    """Hold `.lock` in `target` with flock(2), after waiting for another build if there is one.

    The file stays: removing it would let two builds lock two files of one name.
    """
    target.mkdir(parents=True, exist_ok=True)
    lock = os.open(target / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(lock, 32, 0).decode("ascii", "replace").strip()
            report.note(f"waiting for another build of {target.name} (pid {holder or 'unknown'})")
            fcntl.flock(lock, fcntl.LOCK_EX)
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(lock)
