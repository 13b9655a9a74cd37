"""How long a server may be silent while a connection to it is made."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from sqlalchemy import NullPool, create_engine, event
from sqlalchemy.exc import OperationalError

from releaser.runtime.migrations.sessions.connect_limits import Sessions, connecting_within


@pytest.fixture
def silent_port() -> Iterator[int]:
    """The port of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_server_that_never_greets_is_given_up(silent_port: int) -> None:
    engine = create_engine(f"mysql+pymysql://app:secret@127.0.0.1:{silent_port}/x", poolclass=NullPool)
    # On a busy machine the attempt may end before the driver waits; then no error of its own is around it.
    given_up = (OperationalError, TimeoutError)
    with connecting_within(0.5), pytest.raises(given_up, match=r"no answer within 0\.5 s"), engine.connect():
        pass


def test_env_py_may_listen_to_connecting_too_to_put_a_token_in() -> None:
    engine = create_engine("mysql+pymysql://app@127.0.0.1/x", poolclass=NullPool)

    @event.listens_for(engine, "do_connect")
    def put_in(dialect: object, record: object, words: object, settings: dict[str, object]) -> None:
        raise LookupError(f"a token for {settings['user']}")

    with connecting_within(5), pytest.raises(LookupError, match="a token for app"), engine.connect():
        pass


def test_sessions_that_are_cut_answer_no_more_and_those_made_later_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        sessions = Sessions()
        with socket.create_connection(server.getsockname()) as first:
            sessions.add(first)
            sessions.cut()
            assert first.recv(1) == b""
        with socket.create_connection(server.getsockname()) as second:
            second.setblocking(False)
            with pytest.raises(BlockingIOError):
                second.recv(1)
