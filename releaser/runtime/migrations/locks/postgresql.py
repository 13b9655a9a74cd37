"""How PostgreSQL locks a migration: an advisory lock of the session that works, or of a transaction behind a pooler."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ..sessions.keepalive import announced_pid
from .holder import ON_POSTGRESQL, on_postgresql
from .pooler import has_sessions, too_few_sessions
from .trust import postgresql_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sqlalchemy import Connection

    from .holder import Holder

LONGEST_WAIT_FOR_SESSIONS_S = 20.0
_MORE_SESSIONS = 2
"""Beside the one that holds the lock: for the revisions, and for the journal."""
_pinned: list[Connection] = []
"""Connections whose transaction holds a lock until this process ends, or `unpin`."""


def unpin() -> None:
    """End the transactions that hold locks. Of an asynchronous env.py, only as long as its loop runs."""
    while _pinned:
        connection = _pinned.pop()
        try:
            connection.close()
        except SQLAlchemyError:
            connection.invalidate()


def is_behind_pooler(connection: Connection) -> bool:
    """Tell whether a pooler in transaction mode lies between this process and PostgreSQL; false for other kinds.

    A driver that does not tell what the server announced is taken for a direct connection.
    """
    if connection.dialect.name != "postgresql":
        return False
    announced = announced_pid(connection.connection.driver_connection)
    return announced is not None and announced != connection.scalar(text("select pg_backend_pid()"))


def prepare_nothing(connection: Connection) -> None:
    """Keep psycopg from preparing what it is asked often: behind a pooler the next session does not know it."""
    driver: Any = connection.connection.driver_connection
    if hasattr(driver, "prepare_threshold"):
        driver.prepare_threshold = None


class PostgresqlLock:
    """The lock of the session that does the work."""

    def __init__(self, connection: Connection, key: bytes, owner: str) -> None:
        self._connection = connection
        self._owner = owner
        self._key = postgresql_number(key)

    def prepare(self) -> None:
        """Name this session, and keep the server from ending it for being idle during a long revision."""
        version = self._connection.dialect.server_version_info or (0,)
        settings = {"application_name": self._owner[:63], "idle_in_transaction_session_timeout": "0"}
        if version >= (14,):
            # A statement of a runner that was killed ends within this time instead of running to its end.
            settings |= {"client_connection_check_interval": "2s", "idle_session_timeout": "0"}
        if version >= (17,):
            settings["transaction_timeout"] = "0"
        if not self._is_set(settings):
            # The server's platform or a pooler does not have one of them; the lock does not depend on it.
            for name, value in settings.items():
                self._is_set({name: value})

    def _is_set(self, settings: Mapping[str, str]) -> bool:
        """Set them for this session, all or none; tell whether the server took them."""
        parts = [f"set_config(:name_{number}, :value_{number}, false)" for number in range(len(settings))]
        words = {f"name_{number}": name for number, name in enumerate(settings)}
        words |= {f"value_{number}": value for number, value in enumerate(settings.values())}
        try:
            self._connection.execute(text(f"select {', '.join(parts)}"), words)
            self._connection.commit()
        except DBAPIError:
            self._connection.rollback()
            return False
        return True

    def confirm(self, within_s: float) -> None:
        """Do nothing: the session is there."""

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

    def holder(self) -> Holder:
        return on_postgresql(self._row())

    def end_holder(self) -> None:
        row = self._row()
        if row is not None:
            self._connection.execute(text("select pg_terminate_backend(:pid)"), {"pid": row[1]})

    def _row(self) -> Any:
        unsigned = self._key % 2**64
        return self._connection.execute(
            text(f"{ON_POSTGRESQL} and l.classid::bigint = :high and l.objid::bigint = :low"),
            {"high": unsigned >> 32, "low": unsigned & 0xFFFFFFFF},
        ).first()


class PinnedPostgresqlLock(PostgresqlLock):
    """The lock of a transaction that stays open on a connection of its own, so that a pooler cannot give it away.

    READ COMMITTED and a utility statement at its end: with an open snapshot, CREATE INDEX CONCURRENTLY would wait for
    it for ever.
    """

    def __init__(self, connection: Connection, key: bytes, owner: str) -> None:
        pinned = connection.engine.connect().execution_options(isolation_level="READ COMMITTED")
        prepare_nothing(pinned)
        super().__init__(pinned, key, owner)
        self._is_held = False
        _pinned.append(pinned)

    def prepare(self) -> None:
        """Do nothing: what is set in a session of a pooler stays there for others."""

    def confirm(self, within_s: float) -> None:
        """See that the pooler has sessions for the work and the journal, while this one holds the lock.

        Raises:
            Failure: it has not; the work would wait until the pooler's own limit, and the database with it.
        """
        if not has_sessions(self._connection, _MORE_SESSIONS, min(within_s, LONGEST_WAIT_FOR_SESSIONS_S)):
            raise too_few_sessions()

    def is_taken(self) -> bool:
        if super().is_taken_by("pg_try_advisory_xact_lock"):
            self._connection.execute(text("set local idle_in_transaction_session_timeout = 0"))
            self._is_held = True
            return True
        self._connection.rollback()
        return False

    def holding_session(self) -> tuple[object, object] | None:
        found = super().holding_session()
        self._finish()
        return found

    def holder(self) -> Holder:
        found = super().holder()
        self._finish()
        return found

    def session(self) -> tuple[object, object]:
        found = super().session()
        self._connection.execute(text("set local idle_in_transaction_session_timeout = 0"))
        return found

    def _finish(self) -> None:
        """End the transaction of a question, unless it is the one that holds the lock."""
        if not self._is_held:
            self._connection.rollback()
