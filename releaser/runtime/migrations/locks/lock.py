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

import random
import time

from sqlalchemy import text

from ...release.failures import Failure
from ..failures import EXTERNAL_HINT, lock_wait_over
from .mysql import MysqlLock
from .postgresql import PinnedPostgresqlLock, PostgresqlLock, is_behind_pooler, prepare_nothing
from .sqlite import FileLock, release_files, sqlite_path
from .trust import key_of, refuse_cluster, refuse_imitation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from sqlalchemy import Connection

    from ..journal.attempts import Entry
    from .holder import Holder

    class Lock(Protocol):
        """What each kind of database has to offer."""

        def prepare(self) -> None: ...
        def is_taken(self) -> bool: ...
        def confirm(self, within_s: float) -> None: ...
        def session(self) -> tuple[object, object]: ...
        def holding_session(self) -> tuple[object, object] | None: ...
        def holder(self) -> Holder: ...
        def end_holder(self) -> None: ...


FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 1.0

_own_sessions: set[tuple[object, object]] = set()
"""Sessions of this process that hold a lock: an env.py may open a second one to the same database."""


def hold(
    connection: Connection,
    *,
    version_table: str,
    schema: str,
    owner: str,
    wait_s: float,
    is_satisfied: Callable[[], bool],
    at_work: Callable[[], Entry | None],
    unlock: str,
    tell: Callable[[str], None],
) -> bool:
    """Wait until this runner holds the lock of the version table; false if meanwhile there is nothing left to do.

    `owner` names this runner to others, `at_work` returns what the journal says to be at work, `unlock` is the command
    that ends the holder's session. `tell` is called once if the lock has to be waited for, `is_satisfied` at
    every poll, and may raise. Transactions begun here are ended here, unless the caller's was already open.

    Raises:
        Failure: another runner still holds it after `wait_s` seconds; it is named.
        Failure: this kind of database has no lock here, or a pooler in front of it too few sessions.
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
            settle()
            lock.confirm(wait_s)
        taken = taken or lock.holding_session() in _own_sessions
        settle()
        if taken:
            return True
        if not is_told:
            tell(f"waiting for the migration lock, held by {lock.holder().told(at_work())}")
            settle()
            is_told = True
        satisfied = is_satisfied()
        settle()
        if satisfied:
            return False
        if time.monotonic() > deadline:
            holder = lock.holder()
            raise lock_wait_over(wait_s, holder.told(at_work()), unlock if holder.is_idle else "")
        time.sleep(pause_s * random.uniform(0.5, 1.0))
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def is_held(connection: Connection, *, version_table: str, schema: str, owner: str) -> bool:
    """Tell whether another runner holds the lock of the version table; if nobody does, this session has it now."""
    lock = _lock_for(connection, version_table, schema, owner, lambda text: None)
    return lock is not None and not lock.is_taken()


def end_holder(
    connection: Connection, *, version_table: str, schema: str, owner: str, at_work: Callable[[], Entry | None]
) -> str:
    """End the session that holds the lock of the version table, and return who it was, "" if nobody does.

    Raises:
        Failure: it is a process, of an SQLite database, and no session of a server.
    """
    lock = _lock_for(connection, version_table, schema, owner, lambda text: None)
    if lock is None or lock.is_taken():
        return ""
    holder = lock.holder().told(at_work())
    lock.end_holder()
    return holder


def forget() -> None:
    """Forget which sessions hold a lock, because all of them have been ended; that of a file ends here."""
    _own_sessions.clear()
    release_files()


def _lock_for(
    connection: Connection, version_table: str, schema: str, owner: str, tell: Callable[[str], None]
) -> Lock | None:
    """Return the lock for this kind of database; None when no one else can reach it (SQLite in memory)."""
    match connection.dialect.name:
        case "postgresql":
            refuse_imitation(str(connection.scalar(text("select version()"))))
            key = key_of("", schema, version_table)
            if not is_behind_pooler(connection):
                return PostgresqlLock(connection, key, owner)
            prepare_nothing(connection)
            tell("warning: a pooler in transaction mode is in front of the database; give migrations.url the server")
            return PinnedPostgresqlLock(connection, key, owner)
        case "mysql" | "mariadb":
            found = connection.execute(text("show variables like 'wsrep_on'")).first()
            refuse_cluster(found[1] if found is not None else "")
            database = str(connection.scalar(text("select database()")) or "")
            return MysqlLock(connection, key_of(database.lower(), schema, version_table))
        case "sqlite":
            path = sqlite_path(connection)
            return FileLock(path, owner) if path else None
        case other:
            raise Failure(
                f"cannot migrate a database of the kind {other}: there is no migration lock for it",
                now="nothing was migrated",
                hint=EXTERNAL_HINT,
            )
