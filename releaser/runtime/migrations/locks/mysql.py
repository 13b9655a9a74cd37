"""How MySQL and MariaDB lock a migration: a named lock of the session that works, in one space for the whole server."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from .holder import NAME_ON_MYSQL, ON_MYSQL, on_mysql
from .trust import mysql_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sqlalchemy import Connection

    from .holder import Holder


class MysqlLock:
    """The lock of the session that does the work."""

    def __init__(self, connection: Connection, key: bytes) -> None:
        self._connection = connection
        self._name = mysql_name(key)

    def prepare(self) -> None:
        """Keep the server from ending this session for being idle during a long revision."""
        self._connection.execute(text("set session wait_timeout = 86400"))
        self._connection.commit()

    def confirm(self, within_s: float) -> None:
        """Do nothing: what holds the lock is what works."""

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

    def holder(self) -> Holder:
        thread = self._thread()
        return on_mysql(thread, self._first(ON_MYSQL, thread), (self._first(NAME_ON_MYSQL, thread) or [""])[0])

    def _first(self, question: str, thread: object) -> Any:
        """Return the first row about a session; None if there is none, or this user may not know."""
        if thread is None:
            return None
        try:
            return self._connection.exec_driver_sql(f"{question}{int(str(thread))}").first()
        except DBAPIError:
            return None
