"""How an SQLite database is locked for a migration: by a file beside it."""

from __future__ import annotations

import fcntl
import os

from ...release.failures import Failure
from .holder import Holder, utc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sqlalchemy import Connection

FILE_SUFFIX = ".migrate-lock"
_SINCE = ", since "

_descriptors: list[int] = []
"""Of this process: the one that holds the lock, and any that asked for it; they would wait for each other."""


def sqlite_path(connection: Connection) -> str:
    """Return the real path of the database file, "" for one in memory, without beginning a transaction."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute("PRAGMA database_list")
        files = {row[1]: row[2] for row in cursor.fetchall()}
    finally:
        cursor.close()
    return os.path.realpath(files["main"]) if files.get("main") else ""


def release_files() -> None:
    """Let go of every lock of this process, so that it can be taken again."""
    while _descriptors:
        os.close(_descriptors.pop())


class FileLock:
    """flock(2) on a file that is never removed."""

    def __init__(self, database: str, owner: str) -> None:
        self._path = database + FILE_SUFFIX
        self._owner = owner
        self._is_writable = True
        self._descriptor = self._open()
        _descriptors.append(self._descriptor)

    def prepare(self) -> None:
        """Do nothing: there is no session."""

    def confirm(self, within_s: float) -> None:
        """Do nothing: what holds the lock is what works."""

    def is_taken(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        if self._is_writable:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{self._owner}{_SINCE}{utc()}".encode("utf-8", "replace"), 0)
        return True

    def session(self) -> tuple[object, object]:
        return self._path, os.getpid()

    def holding_session(self) -> tuple[object, object] | None:
        return self.session()

    def holder(self) -> Holder:
        name, _, since = os.pread(self._descriptor, 400, 0).decode("utf-8", "replace").partition(_SINCE)
        return Holder(name or "another process", f"since {since}" if since else "its release does not say since when")

    def end_holder(self) -> None:
        raise Failure(
            f"the lock is held by a process: {self.holder().told()}",
            now="nothing was ended",
            hint="end that process; the lock goes with it",
        )

    def _open(self) -> int:
        """Return the descriptor that holds the lock; a file of another user, which cannot be written, will do."""
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except PermissionError:
            self._is_writable = False
        except OSError as error:
            raise self._failure(error) from error
        try:
            return os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> Failure:
        return Failure(f"cannot lock the database: {self._path}: {error.strerror}", now="nothing was migrated")
