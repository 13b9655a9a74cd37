"""What can a database be brought back to, if a migration turns out to be a mistake?

A database of SQLite is a file, and copied before the first pending revision. Of a server its own position in its log
is noted in the journal: the target of a point-in-time recovery.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from urllib.parse import quote

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from ...release.failures import FAILED, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sqlalchemy import Connection

KEPT = 3
_PARTIAL = ".partial"
_MOST_CHARACTERS = 60
"""Of a restore point's name: PostgreSQL takes 63 bytes."""


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
        target = os.path.join(folder, f"{name}-{_moment()}.db")
        _copy(path, target + _PARTIAL)
        os.rename(target + _PARTIAL, target)
        copies = sorted(file for file in os.listdir(folder) if _is_copy_of(name, file))
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


def copy_name(database: str, target: str) -> str:
    """Return what the copies of a database are called, of each tenant differently, whatever its name holds."""
    if not target:
        return database
    quoted = quote(target, safe="")
    return f"{database}@{quoted if len(quoted) <= _MOST_CHARACTERS else hashlib.sha256(target.encode()).hexdigest()}"


def _is_copy_of(name: str, file: str) -> bool:
    """Tell whether `file` is a copy of `name`, and not of another database whose name begins like it."""
    moment = file.removeprefix(f"{name}-")
    return moment != file and moment.endswith(".db") and "-" not in moment


def position(connection: Connection, name: str) -> str:
    """Return where the server's log is now, "" where it does not tell; `connection` commits each statement.

    Of PostgreSQL that is an LSN, and a restore point of that `name` and moment if the user may make one. Of MySQL and
    MariaDB it is the set of transactions (GTID), or else file and position of the binary log.
    """
    kind = connection.dialect.name
    if kind == "postgresql":
        # Recovery stops at the first of two that have one name.
        point = f"{name} {_moment()}Z"[-_MOST_CHARACTERS:].replace(" ", "-")
        made = _first(connection, "select pg_create_restore_point(:name)::text", name=point)
        return f"{made} {point}" if made else _first(connection, "select pg_current_wal_lsn()::text")
    if kind in ("mysql", "mariadb"):
        is_mariadb = getattr(connection.dialect, "is_mariadb", False)
        variable = "gtid_current_pos" if is_mariadb else "global.gtid_executed"
        return _first(connection, f"select @@{variable}") or _binary_log(connection)
    return ""


def _moment() -> str:
    """Return the time to the microsecond, UTC, as it stands in names."""
    seconds, rest_ns = divmod(time.time_ns(), 10**9)
    return f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(seconds))}.{rest_ns // 1000:06}"


def _binary_log(connection: Connection) -> str:
    for words in ("binary log status", "binlog status", "master status"):  # MySQL 8.2, MariaDB 10.5, older ones
        try:
            row = connection.execute(text(f"show {words}")).first()
        except SQLAlchemyError:
            continue
        return f"{row[0]}:{row[1]}" if row is not None else ""
    return ""


def _first(connection: Connection, statement: str, **values: str) -> str:
    """Return the one value of a question, "" if it is not answered."""
    try:
        return str(connection.execute(text(statement), values).scalar() or "")
    except SQLAlchemyError:
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
