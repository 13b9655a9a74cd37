"""Who may migrate a database: one runner at a time, whoever else boots.

The lock is taken on the connection that does the work, so that it can neither outlive the work nor be outlived by it:
a runner that is killed with -9 frees its lock when the server has ended its statement. It is waited for by polling,
each poll in a transaction of its own: a waiter with an open transaction would make `CREATE INDEX CONCURRENTLY` wait
for ever, and a blocking lock function deadlocks with it. Nothing unlocks; the end of the session does.

    PostgreSQL          pg_try_advisory_lock(key), per database
    MySQL, MariaDB      get_lock(name, 0), one space of names for the whole server
    SQLite              flock(2) on a file beside the database: a lock inside it would stop the migration itself

A pooler in transaction mode hands each transaction to any of its sessions, so that two runners would "hold" one
session's lock. It is found out by the process id that the server announced when the connection was made, which is not
that of the session. Then the lock is a transaction's, on a second connection whose transaction stays open.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import random
import time

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from .failures import Failure
from .migration_failures import LOCK_WAIT_OVER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    from sqlalchemy import Connection

    class Lock(Protocol):
        """What each kind of database has to offer."""

        def prepare(self) -> None: ...
        def is_taken(self) -> bool: ...
        def session(self) -> tuple[object, object]: ...
        def holding_session(self) -> tuple[object, object] | None: ...
        def holder(self) -> str: ...
        def end_holder(self) -> None: ...


FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 1.0
FILE_SUFFIX = ".migrate-lock"
_EXTERNAL = 'if something else lets one runner in at a time, lock = "external" in [release.NAME.migrations] says so'

_own_sessions: set[tuple[object, object]] = set()
"""Sessions of this process that hold a lock: an env.py may open a second one to the same database."""
_pinned: list[Connection] = []
"""Connections whose transaction holds a lock until this process ends."""


def hold(
    connection: Connection,
    *,
    version_table: str,
    schema: str,
    owner: str,
    wait_s: float,
    is_satisfied: Callable[[], bool],
    tell: Callable[[str], None],
) -> bool:
    """Wait until this runner holds the lock of the version table; false if meanwhile there is nothing left to do.

    `owner` names this runner to others. `tell` is called once if the lock has to be waited for, `is_satisfied` at
    every poll, and may raise. Transactions begun here are ended here, unless the caller's was already open.

    Raises:
        Failure: another runner still holds it after `wait_s` seconds; it is named.
        Failure: this kind of database has no lock here.
    """
    is_ours = not connection.in_transaction()

    def settle() -> None:
        if is_ours:
            connection.commit()

    lock = _lock_for(connection, version_table, schema, owner, tell)
    # Before anything is asked on a second connection: many runners, each with one session of a pooler and in want of
    # another, would wait for ever.
    settle()
    if lock is None:
        return True
    if is_ours:
        lock.prepare()
    deadline = time.monotonic() + wait_s
    pause_s, is_told = FIRST_PAUSE_S, False
    while True:
        taken = lock.is_taken()
        if taken:
            _own_sessions.add(lock.session())
        taken = taken or lock.holding_session() in _own_sessions
        settle()
        if taken:
            return True
        if not is_told:
            tell(f"waiting for the migration lock, held by {lock.holder()}")
            settle()
            is_told = True
        satisfied = is_satisfied()
        settle()
        if satisfied:
            return False
        if time.monotonic() > deadline:
            raise Failure(
                f"the database's migration lock was not free within {wait_s:g} s: held by {lock.holder()}",
                LOCK_WAIT_OVER,
                now="this process migrated nothing; the other one may still be at work",
            )
        time.sleep(pause_s * random.uniform(0.5, 1.0))
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def end_holder(connection: Connection, *, version_table: str, schema: str, owner: str) -> str:
    """End the session that holds the lock of the version table, and return who it was, "" if nobody does.

    Raises:
        Failure: it is a process, of an SQLite database, and no session of a server.
    """
    lock = _lock_for(connection, version_table, schema, owner, lambda text: None)
    if lock is None or lock.is_taken():
        return ""
    holder = lock.holder()
    lock.end_holder()
    return holder


def key_of(database: str, schema: str, version_table: str) -> bytes:
    """Return the 32 bytes that name the lock of a version table.

    Never to be changed, and made of nothing that differs between two releases: runners of different versions must
    exclude each other. `database` is empty where names are per database.
    """
    return hashlib.sha256(f"releaser1|{database}|{schema}|{version_table}".encode()).digest()


def is_behind_pooler(connection: Connection) -> bool:
    """Tell whether a pooler in transaction mode lies between this process and PostgreSQL; false for other kinds.

    A driver that does not tell what the server announced is taken for a direct connection.
    """
    if connection.dialect.name != "postgresql":
        return False
    driver: Any = connection.connection.driver_connection
    info = getattr(driver, "info", None)
    announced = getattr(info, "backend_pid", None)
    if announced is None and hasattr(driver, "get_server_pid"):
        announced = driver.get_server_pid()
    return announced is not None and announced != connection.scalar(text("select pg_backend_pid()"))


def prepare_nothing(connection: Connection) -> None:
    """Keep psycopg from preparing what it is asked often: behind a pooler the next session does not know it."""
    driver: Any = connection.connection.driver_connection
    if hasattr(driver, "prepare_threshold"):
        driver.prepare_threshold = None


def forget() -> None:
    """Forget which sessions hold a lock, because all of them have been ended."""
    _own_sessions.clear()


def _lock_for(
    connection: Connection, version_table: str, schema: str, owner: str, tell: Callable[[str], None]
) -> Lock | None:
    """Return the lock for this kind of database; None when no one else can reach it (SQLite in memory)."""
    match connection.dialect.name:
        case "postgresql":
            _refuse_imitations(connection)
            key = key_of("", schema, version_table)
            if not is_behind_pooler(connection):
                return _PostgresqlLock(connection, key, owner)
            prepare_nothing(connection)
            tell("warning: a pooler in transaction mode is in front of the database; give migrations.url the server")
            return _PinnedPostgresqlLock(connection, key, owner)
        case "mysql" | "mariadb":
            _refuse_clusters(connection)
            database = str(connection.scalar(text("select database()")) or "")
            return _MysqlLock(connection, key_of(database.lower(), schema, version_table))
        case "sqlite":
            path = sqlite_path(connection)
            return _FileLock(path + FILE_SUFFIX, owner) if path else None
        case other:
            raise Failure(
                f"cannot migrate a database of the kind {other}: there is no migration lock for it",
                now="nothing was migrated",
                hint=_EXTERNAL,
            )


def _refuse_imitations(connection: Connection) -> None:
    version = str(connection.scalar(text("select version()")))
    for word, name in (("CockroachDB", "CockroachDB"), ("-YB-", "YugabyteDB")):
        if word in version:
            raise Failure(
                f"cannot migrate: {name} takes PostgreSQL's advisory locks and does not keep them",
                now="nothing was migrated",
                hint=_EXTERNAL,
            )


def _refuse_clusters(connection: Connection) -> None:
    found = connection.execute(text("show variables like 'wsrep_on'")).first()
    if found is not None and str(found[1]).upper() in ("ON", "1"):
        raise Failure(
            "cannot migrate: the locks of a Galera cluster are those of one node",
            now="nothing was migrated",
            hint=_EXTERNAL,
        )


def sqlite_path(connection: Connection) -> str:
    """Return the real path of the database file, "" for one in memory, without beginning a transaction."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute("PRAGMA database_list")
        files = {row[1]: row[2] for row in cursor.fetchall()}
    finally:
        cursor.close()
    return os.path.realpath(files["main"]) if files.get("main") else ""


class _PostgresqlLock:
    def __init__(self, connection: Connection, key: bytes, owner: str) -> None:
        self._connection = connection
        self._owner = owner
        self._key = int.from_bytes(key[:8], "big", signed=True)

    def prepare(self) -> None:
        """Name this session, and keep the server from ending it for being idle during a long revision."""
        version = self._connection.dialect.server_version_info or (0,)
        settings = {"application_name": self._owner[:63], "idle_in_transaction_session_timeout": "0"}
        if version >= (14,):
            # A statement of a runner that was killed ends within this time instead of running to its end.
            settings |= {"client_connection_check_interval": "2s", "idle_session_timeout": "0"}
        if version >= (17,):
            settings["transaction_timeout"] = "0"
        for name, value in settings.items():
            try:
                self._connection.execute(
                    text("select set_config(:name, :value, false)"), {"name": name, "value": value}
                )
                self._connection.commit()
            except DBAPIError:  # the server's platform or a pooler does not have it; the lock does not depend on it
                self._connection.rollback()

    def is_taken(self) -> bool:
        return self.is_taken_by("pg_try_advisory_lock")

    def is_taken_by(self, function: str) -> bool:
        """Tell whether the server's `function` has given the lock to this session."""
        return bool(self._connection.scalar(text(f"select {function}(:key)"), {"key": self._key}))

    def session(self) -> tuple[object, object]:
        return self._connection.engine.url, self._pid()

    def _pid(self) -> object:
        return self._connection.scalar(text("select pg_backend_pid()"))

    def holding_session(self) -> tuple[object, object] | None:
        row = self._row()
        return (self._connection.engine.url, row[1]) if row is not None else None

    def holder(self) -> str:
        row = self._row()
        if row is None:
            return "a session that has just ended"
        return f"{row[0] or 'an unnamed session'} (server pid {row[1]}, from {row[2]}, connected {row[3]}, {row[4]})"

    def end_holder(self) -> None:
        row = self._row()
        if row is not None:
            self._connection.execute(text("select pg_terminate_backend(:pid)"), {"pid": row[1]})

    def _row(self) -> Any:
        unsigned = self._key % 2**64
        return self._connection.execute(
            text(
                "select a.application_name, a.pid, coalesce(host(a.client_addr), 'a local socket'),"
                " to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS'), coalesce(a.state, 'unknown')"
                " from pg_locks l join pg_stat_activity a on a.pid = l.pid"
                " where l.locktype = 'advisory' and l.granted and l.objsubid = 1"
                " and l.database = (select oid from pg_database where datname = current_database())"
                " and l.classid::bigint = :high and l.objid::bigint = :low"
            ),
            {"high": unsigned >> 32, "low": unsigned & 0xFFFFFFFF},
        ).first()


class _PinnedPostgresqlLock(_PostgresqlLock):
    """The lock of a transaction that stays open on a connection of its own, so that a pooler cannot give it away.

    READ COMMITTED and a utility statement at its end: with an open snapshot, CREATE INDEX CONCURRENTLY would wait for
    it for ever.
    """

    def __init__(self, connection: Connection, key: bytes, owner: str) -> None:
        pinned = connection.engine.connect().execution_options(isolation_level="READ COMMITTED")
        prepare_nothing(pinned)
        super().__init__(pinned, key, owner)
        _pinned.append(pinned)

    def prepare(self) -> None:
        """Do nothing: what is set in a session of a pooler stays there for others."""

    def is_taken(self) -> bool:
        if super().is_taken_by("pg_try_advisory_xact_lock"):
            self._connection.execute(text("set local idle_in_transaction_session_timeout = 0"))
            return True
        self._connection.rollback()
        return False

    def holding_session(self) -> tuple[object, object] | None:
        found = super().holding_session()
        self._finish()
        return found

    def holder(self) -> str:
        found = super().holder()
        self._finish()
        return found

    def session(self) -> tuple[object, object]:
        found = super().session()
        self._connection.execute(text("set local idle_in_transaction_session_timeout = 0"))
        return found

    def _finish(self) -> None:
        """End the transaction of a question, unless it is the one that holds the lock."""
        if (self._connection.engine.url, self._pid()) not in _own_sessions:
            self._connection.rollback()


class _MysqlLock:
    def __init__(self, connection: Connection, key: bytes) -> None:
        self._connection = connection
        self._name = f"releaser1:{key.hex()[:40]}"

    def prepare(self) -> None:
        """Keep the server from ending this session for being idle during a long revision."""
        self._connection.execute(text("set session wait_timeout = 86400"))
        self._connection.commit()

    def is_taken(self) -> bool:
        return bool(self._connection.scalar(text("select get_lock(:name, 0)"), {"name": self._name}))

    def session(self) -> tuple[object, object]:
        return self._connection.engine.url, self._connection.scalar(text("select connection_id()"))

    def holding_session(self) -> tuple[object, object] | None:
        return self._connection.engine.url, self._thread()

    def end_holder(self) -> None:
        thread = self._thread()
        if thread is not None:
            self._connection.exec_driver_sql(f"kill {int(thread)}")

    def _thread(self) -> Any:
        return self._connection.scalar(text("select is_used_lock(:name)"), {"name": self._name})

    def holder(self) -> str:
        thread = self._thread()
        if thread is None:
            return "a session that has just ended"
        row = self._connection.execute(
            text("select user, host, command, time from information_schema.processlist where id = :id"), {"id": thread}
        ).first()
        if row is None:
            return f"connection {thread}"
        return f"connection {thread} of {row[0]} from {row[1]} ({row[2].lower()} for {row[3]} s)"


class _FileLock:
    def __init__(self, path: str, owner: str) -> None:
        self._path = path
        self._owner = owner
        self._is_writable = True
        self._descriptor = self._open()

    def prepare(self) -> None:
        """Do nothing: there is no session."""

    def is_taken(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        if self._is_writable:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, self._owner.encode("utf-8", "replace"), 0)
        return True

    def session(self) -> tuple[object, object]:
        return self._path, os.getpid()

    def holding_session(self) -> tuple[object, object] | None:
        return self.session()

    def holder(self) -> str:
        return os.pread(self._descriptor, 200, 0).decode("utf-8", "replace") or "another process"

    def end_holder(self) -> None:
        raise Failure(
            f"the lock is held by a process: {self.holder()}",
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
