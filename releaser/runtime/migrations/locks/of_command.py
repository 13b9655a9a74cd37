"""The lock around a command that migrates: of a session of ours, as the command's own connections are not.

No SQLAlchemy here: the bundle of such a release has the bare driver. The command inherits the session's socket, or the
lock's file, without knowing it; neither ends before the last process that has it. So a runner that is killed keeps
the others out until its command has ended as well::

    runner   ── takes the lock ── starts the command ────────── waits ── ends: socket closed
    command                       has the socket too ── migrates ── ends: socket closed
                                                                         ▲ the server ends the session, the lock is free

A pooler in transaction mode would give the session to others; there the lock is that of a transaction, which stays
open (see `releaser.runtime.migrations.locks.lock`).
"""

from __future__ import annotations

import os
import random
import time

from ...release.failures import Failure
from ..check import Doubt, Url, mysql_settings, postgresql_settings
from ..failures import EXTERNAL_HINT, lock_wait_over
from ..sessions.keepalive import keep_alive, set_on_postgresql
from .holder import NAME_ON_MYSQL, ON_MYSQL, ON_POSTGRESQL, on_mysql, on_postgresql
from .sqlite import FileLock
from .trust import key_of, mysql_name, postgresql_number, refuse_cluster, refuse_imitation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    from .holder import Holder

    class CommandLock(Protocol):
        """What each kind of database has to offer."""

        def is_taken(self) -> bool: ...
        def holder(self) -> Holder: ...
        def is_held(self) -> bool: ...
        def descriptors(self) -> list[int]: ...


VERSION_TABLE = "the command's own"
"""In the place of the name of alembic's version table."""
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 1.0
CONNECT_TIMEOUT_S = 10
_DRIVERS = {"postgresql": ("psycopg", "psycopg2"), "mysql": ("MySQLdb", "pymysql")}
_KINDS = {
    **dict.fromkeys(("postgres", "postgresql", "postgis"), "postgresql"),
    **dict.fromkeys(("mysql", "mariadb"), "mysql"),
    "sqlite": "sqlite",
}


def open_lock(url: str, folder: str, owner: str) -> CommandLock:
    """Return the lock of the database `url`, on a session of its own; not taken yet. `owner` names this runner.

    A relative path of an SQLite database starts in `folder`.

    Raises:
        Failure: there is no driver for it, it cannot be connected to, or its locks cannot be relied on.
    """
    try:
        parts = Url(url)
    except Doubt:
        raise _unusable("expected driver://user:password@host:port/name, found something else") from None
    kind = _KINDS.get(parts.driver.partition("+")[0], "")
    if kind == "sqlite":
        return _File(os.path.realpath(os.path.join(folder, parts.database)), owner)
    if not kind:
        raise _unusable(f"there is no migration lock for {parts.driver}://")
    driver = _driver(kind)
    try:
        return _Postgresql(driver, parts, owner) if kind == "postgresql" else _Mysql(driver, parts, owner)
    except TypeError as error:  # a word of the URL that the driver does not know
        raise _unusable(str(error)) from error
    except driver.Error as error:
        shown = f"{parts.driver}://{parts.user}:***@{parts.host}{':' * bool(parts.port)}{parts.port}/{parts.database}"
        details = [line for line in str(error).replace(parts.password or "\0", "***").splitlines() if line.strip()]
        raise Failure(
            "cannot connect to the database", details=(*details, f"url: {shown}"), now="nothing was migrated"
        ) from error


def hold(lock: CommandLock, wait_s: float, tell: Callable[[str], None], check_heard: Callable[[], None]) -> bool:
    """Wait until this process holds `lock`, and return whether it had to be waited for.

    Raises:
        Failure: another one still holds it after `wait_s` seconds; it is named.
    """
    deadline = time.monotonic() + wait_s
    pause_s, is_told = FIRST_PAUSE_S, False
    while not lock.is_taken():
        if not is_told:
            tell(f"waiting for the migration lock, held by {lock.holder().told()}")
            is_told = True
        check_heard()
        if time.monotonic() > deadline:
            raise lock_wait_over(wait_s, lock.holder().told())
        time.sleep(pause_s * random.uniform(0.5, 1.0))
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
    return is_told


def _driver(kind: str) -> Any:
    from importlib import import_module

    for name in _DRIVERS[kind]:
        try:
            return import_module(name)
        except ImportError:
            continue
    raise _unusable(f"neither {' nor '.join(_DRIVERS[kind])} is in the bundle")


def _unusable(why: str) -> Failure:
    return Failure(f"cannot lock the database: {why}", now="nothing was migrated", hint=EXTERNAL_HINT)


class _File(FileLock):
    """flock(2) on a file beside the database, which the command inherits."""

    def is_held(self) -> bool:
        return True

    def descriptors(self) -> list[int]:
        return [self._descriptor]


class _Session:
    """A connection of a bare driver that commits each statement."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        keep_alive(connection)

    def _row(self, statement: str, *values: object) -> Any:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchone() if cursor.description else None

    def _value(self, statement: str, *values: object) -> Any:
        row = self._row(statement, *values)
        return row[0] if row else None


class _Postgresql(_Session):
    def __init__(self, driver: Any, url: Url, owner: str) -> None:
        wanted = {"connect_timeout": str(CONNECT_TIMEOUT_S), **postgresql_settings(url)}
        connection = driver.connect(**wanted, application_name=owner[:63])
        super().__init__(connection)
        self._connection.autocommit = True
        if hasattr(self._connection, "prepare_threshold"):
            self._connection.prepare_threshold = None
        self._key = postgresql_number(key_of("", "", VERSION_TABLE))
        refuse_imitation(str(self._value("select version()")))
        self._is_pooled = self._connection.info.backend_pid != self._value("select pg_backend_pid()")
        self._row(set_on_postgresql(connection))
        if not self._is_pooled and int(self._value("show server_version_num")) >= 140000:
            self._row("set idle_session_timeout = 0")

    def is_taken(self) -> bool:
        if not self._is_pooled:
            return bool(self._value("select pg_try_advisory_lock(%s)", self._key))
        self._row("begin isolation level read committed")
        if self._value("select pg_try_advisory_xact_lock(%s)", self._key):
            # A utility statement at the end lets go of the snapshot, for which CREATE INDEX CONCURRENTLY would wait.
            self._row("set local idle_in_transaction_session_timeout = 0")
            return True
        self._row("rollback")
        return False

    def holder(self) -> Holder:
        unsigned = self._key % 2**64
        key = " and l.classid::bigint = %s and l.objid::bigint = %s"
        return on_postgresql(self._row(ON_POSTGRESQL + key, unsigned >> 32, unsigned & 0xFFFFFFFF))

    def is_held(self) -> bool:
        try:
            return bool(self._value("select 1"))
        except Exception:  # whatever the driver calls it: the session is gone
            return False

    def descriptors(self) -> list[int]:
        return [self._connection.fileno()]


class _Mysql(_Session):
    def __init__(self, driver: Any, url: Url, owner: str) -> None:
        name = {"program_name": owner} if driver.__name__ == "pymysql" else {}
        super().__init__(driver.connect(**{"connect_timeout": CONNECT_TIMEOUT_S, **name, **mysql_settings(url)}))
        self._connection.autocommit(True)
        found = self._row("show variables like 'wsrep_on'")
        refuse_cluster(found[1] if found else "")
        self._row("set session wait_timeout = 86400")
        self._name = mysql_name(key_of(url.database.lower(), "", VERSION_TABLE))

    def is_taken(self) -> bool:
        return bool(self._value("select get_lock(%s, 0)", self._name))

    def holder(self) -> Holder:
        thread = self._value("select is_used_lock(%s)", self._name)
        return on_mysql(thread, self._told(ON_MYSQL, thread), (self._told(NAME_ON_MYSQL, thread) or [""])[0])

    def _told(self, question: str, thread: Any) -> Any:
        try:
            return self._row(f"{question}{int(thread)}")
        except Exception:  # whatever the driver calls it: this user may not know, or there is none
            return None

    def is_held(self) -> bool:
        try:
            return bool(self._value("select is_used_lock(%s) = connection_id()", self._name))
        except Exception:  # whatever the driver calls it: the session is gone
            return False

    def descriptors(self) -> list[int]:
        """Return the socket's number, where the driver tells it: PyMySQL has it in a private place only."""
        stream = getattr(self._connection, "_sock", self._connection)
        return [stream.fileno()] if hasattr(stream, "fileno") else []
