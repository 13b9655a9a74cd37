"""What can a database be brought back to, if a migration turns out to be a mistake?

A database of SQLite is a file, and copied before the first pending revision. Of a server its own position in its log
is noted in the journal: the target of a point-in-time recovery.
"""

from __future__ import annotations

import os
import sqlite3
import time

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from .failures import FAILED, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sqlalchemy import Connection

KEPT = 3
_PARTIAL = ".partial"
_POSITIONS = {
    "postgresql": ("select pg_current_wal_lsn()::text",),
    "mysql": ("select @@global.gtid_executed",),
    "mariadb": ("select @@gtid_current_pos",),
}


def copy_sqlite(path: str, folder: str, name: str) -> str:
    """Copy the database `path` into `folder`, and return the copy; all but the newest three of `name` are removed.

    A database that does not exist yet, or is empty, is not copied: "". The copy appears by a rename, complete.

    Raises:
        Failure: it cannot be copied.
    """
    try:
        if not os.path.exists(path) or not os.path.getsize(path):
            return ""
        os.makedirs(folder, mode=0o700, exist_ok=True)
        moment = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}.{time.time_ns() % 10**9 // 1000:06}"
        target = os.path.join(folder, f"{name}-{moment}.db")
        _copy(path, target + _PARTIAL)
        os.rename(target + _PARTIAL, target)
        copies = sorted(file for file in os.listdir(folder) if file.startswith(f"{name}-") and file.endswith(".db"))
        for old in copies[:-KEPT]:
            os.unlink(os.path.join(folder, old))
    except (OSError, sqlite3.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise Failure(
            f"cannot copy the database {path} into {folder}: {reason}",
            FAILED,
            now="nothing was migrated",
            hint='backup = "off" in [release.NAME.migrations] migrates without a copy',
        ) from error
    return target


def position(connection: Connection) -> str:
    """Return where the server's log is now, "" where it does not tell; `connection` commits each statement."""
    for statement in _POSITIONS.get(connection.dialect.name, ()):
        try:
            return str(connection.execute(text(statement)).scalar() or "")
        except SQLAlchemyError:
            return ""
    return ""


def _copy(path: str, target: str) -> None:
    source = sqlite3.connect(path)
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        copy = sqlite3.connect(target)
        try:
            source.backup(copy)
        except BaseException:
            copy.close()
            os.unlink(target)
            raise
        copy.close()
    finally:
        source.close()
    descriptor = os.open(target, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
