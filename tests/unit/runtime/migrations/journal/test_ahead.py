"""Which lines are sent ahead: only where the answer can be read later, and nothing else is under way."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from sqlalchemy import Column, Connection, Integer, MetaData, String, Table

from releaser.runtime.migrations.journal.ahead import Ahead

TABLE = Table("lines", MetaData(schema="kept"), Column("number", Integer), Column("release", String(9)))
IDLE, IN_TRANSACTION, ROWS, ERROR = 0, 2, 2, 7


class Libpq:
    """A connection of libpq that answers at once, with `result`."""

    def __init__(self, *, status: int = IDLE, result: int = ROWS, is_lost: bool = False) -> None:
        self.transaction_status = status
        self.sent: list[tuple[bytes, list[bytes]]] = []
        self._answers: list[Any] = [SimpleNamespace(status=result, get_value=lambda *place: b"7"), None]
        self._is_lost = is_lost

    def send_query_params(self, statement: bytes, values: list[bytes]) -> None:
        if self._is_lost:
            raise LookupError("the connection is lost")
        self.sent.append((statement, values))

    def flush(self) -> int:
        return 0

    def consume_input(self) -> None:
        pass

    def is_busy(self) -> int:
        return 0

    def get_result(self) -> Any:
        return self._answers.pop(0)


class Session:
    """What SQLAlchemy has around a connection of psycopg."""

    def __init__(
        self, libpq: Libpq, *, driver: str = "psycopg", autocommit: bool = True, encoding: str = "utf-8"
    ) -> None:
        self.dialect = SimpleNamespace(driver=driver)
        self.invalidated = False
        info = SimpleNamespace(encoding=encoding)
        driven = SimpleNamespace(pgconn=libpq, autocommit=autocommit, info=info)
        self.connection = SimpleNamespace(driver_connection=driven)

    def invalidate(self) -> None:
        self.invalidated = True


def sent(session: Session, ahead: Ahead | None = None) -> bool:
    return (ahead or Ahead(TABLE)).send(cast(Connection, session), {"release": "über"})


def test_a_line_is_sent_and_its_number_read_later() -> None:
    libpq, ahead = Libpq(), Ahead(TABLE)
    session = Session(libpq)
    assert sent(session, ahead)
    ((statement, values),) = libpq.sent
    assert statement.startswith(b'insert into kept.lines ("release") values ($1) returning number, ')
    assert values == ["über".encode()]
    assert ahead.is_on_its_way
    assert ahead.answer(cast(Connection, session)) == 7
    assert (ahead.is_on_its_way, session.invalidated) == (False, False)


def test_no_line_is_sent_where_it_would_not_stand_for_itself() -> None:
    for session in (
        Session(Libpq(), driver="psycopg2"),
        Session(Libpq(), autocommit=False),
        Session(Libpq(status=IN_TRANSACTION)),
        Session(Libpq(), encoding="ascii"),
    ):
        assert not sent(session)
        assert session.connection.driver_connection.pgconn.sent == []
        assert not session.invalidated


def test_a_session_that_is_lost_or_refuses_the_line_is_given_up() -> None:
    lost = Session(Libpq(is_lost=True))
    assert not sent(lost)
    assert lost.invalidated
    assert not sent(lost)
    refused, ahead = Session(Libpq(result=ERROR)), Ahead(TABLE)
    assert sent(refused, ahead)
    assert ahead.answer(cast(Connection, refused)) == 0
    assert (ahead.is_on_its_way, refused.invalidated) == (False, True)
