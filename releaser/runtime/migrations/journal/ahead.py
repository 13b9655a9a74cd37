"""A line of the journal that PostgreSQL is sent, and whose answer is read later: while the revision is at work.

A revision that changes the database in a transaction needs its line before it commits, not before it begins: until
then a rollback takes everything back. So the server writes the line in the journal's session while it carries out the
first statement in the other one, and who waits for it at the COMMIT finds the answer there. Whatever commits itself
waits for the answer before it is sent (`Journal.note`).

It is psycopg's libpq that is used, as it is documented for asynchronous commands: PQsendQueryParams, PQflush,
PQconsumeInput, PQisBusy, PQgetResult (https://www.postgresql.org/docs/current/libpq-async.html, psycopg.pq.PGconn).
With any other driver nothing is sent ahead.
"""

from __future__ import annotations

import select
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sqlalchemy import Connection, Table

_IDLE = 0  # PQTRANS_IDLE
_ACTIVE = 1  # PQTRANS_ACTIVE
_ROWS = 2  # PGRES_TUPLES_OK
_CANCEL_S = 1.0
"""How long the server is asked to end what it waits to write: it may be the one that is silent."""
KEPT_LATER = "set_config('synchronous_commit', 'off', true)"
"""What a statement computes beside its work, so that PostgreSQL answers before the line is on its disk."""


class Ahead:
    """At most one line on its way into `table`."""

    def __init__(self, table: Table) -> None:
        self._names = [column.name for column in table.columns if column.name != "number"]
        columns = ", ".join(f'"{name}"' for name in self._names)
        places = ", ".join(f"${number}" for number in range(1, len(self._names) + 1))
        insert = f"insert into {table.fullname} ({columns}) values ({places}) returning number, {KEPT_LATER}"
        self._insert = insert.encode()
        self._libpq: Any = None
        """The connection that an answer has to be read from."""
        self._driver: Any = None
        """What the driver has around it."""

    @property
    def is_on_its_way(self) -> bool:
        """Whether there is an answer to be read, before anything else is sent on that connection."""
        return self._libpq is not None

    def send(self, connection: Connection, row: Mapping[str, Any]) -> bool:
        """Send `row`, and do not wait; false if it was not sent, whatever the reason."""
        if connection.dialect.driver != "psycopg" or connection.invalidated:
            return False
        driver: Any = connection.connection.driver_connection
        libpq = driver.pgconn
        if not driver.autocommit or libpq.transaction_status != _IDLE:
            return False
        try:
            values = [str(row[name]).encode(driver.info.encoding) for name in self._names]
        except UnicodeEncodeError:
            return False
        try:
            libpq.send_query_params(self._insert, values)
            self._libpq, self._driver = libpq, driver
            while libpq.flush():
                _wait(libpq, select.POLLIN | select.POLLOUT)
                libpq.consume_input()
        except Exception:  # of psycopg, which is not imported here: the session is lost
            self._give_up(connection)
            return False
        except BaseException:
            self._give_up(connection)
            raise
        return True

    def answer(self, connection: Connection, within_s: float | None = None) -> int:
        """Return the number of the line that was sent; 0 if it is not there as far as anyone knows.

        Then, and when this is interrupted, the connection is given up. Without a limit here that of PostgreSQL holds,
        `lock_timeout`, and what notices that a connection is silent.
        """
        number = 0
        try:
            while (result := self._result(within_s)) is not None:
                number = int(result.get_value(0, 0)) if result.status == _ROWS else 0
            self._libpq = None
        except Exception:
            number = 0
        finally:
            if not number:
                self._give_up(connection)
        return number

    def _result(self, within_s: float | None) -> Any:
        self._libpq.consume_input()
        while self._libpq.is_busy():
            _wait(self._libpq, select.POLLIN, within_s)
            self._libpq.consume_input()
        return self._libpq.get_result()

    def _give_up(self, connection: Connection) -> None:
        """Let go of the session, and of the line: a server that waits for a lock would write it later."""
        libpq, self._libpq = self._libpq, None
        driver, self._driver = self._driver, None
        try:
            if libpq is not None and libpq.transaction_status == _ACTIVE:
                _cancel(driver)
        except Exception:  # it cannot be asked, or takes too long; `attempts.newest` knows of lines that come late
            pass
        finally:
            connection.invalidate()


def _cancel(driver: Any) -> None:
    """Ask the server to end what it does for `driver`, if that can be asked with a limit (libpq 17, psycopg 3.2)."""
    capabilities = getattr(sys.modules.get("psycopg"), "capabilities", None)
    if capabilities is not None and capabilities.has_cancel_safe() and type(driver).__name__ == "Connection":
        driver.cancel_safe(timeout=_CANCEL_S)


def _wait(libpq: Any, events: int, within_s: float | None = None) -> None:
    """Wait for the server, or for a signal: its handler may raise.

    Raises:
        TimeoutError: nothing came.
    """
    poll = select.poll()
    poll.register(libpq.socket, events)
    if not poll.poll(None if within_s is None else within_s * 1000):
        raise TimeoutError
