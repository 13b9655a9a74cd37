"""When a silent other end is noticed: the options of a socket, whose it is, and what somebody else has set."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from releaser.runtime.migrations.sessions.keepalive import descriptor_of, keep_alive, set_on_postgresql

OURS = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 60_000}


@pytest.fixture
def end() -> Iterator[socket.socket]:
    """One end of a TCP connection."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        yield client


def options(end: socket.socket) -> dict[str, int]:
    return {name: end.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in OURS}


def is_probed(end: socket.socket) -> bool:
    return bool(end.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))


def libpq(end: socket.socket, **words: str) -> SimpleNamespace:
    """Return what looks like a connection of psycopg that was given these words."""
    info = SimpleNamespace(get_parameters=lambda: words, backend_pid=7)
    return SimpleNamespace(fileno=end.fileno, info=info)


def test_both_a_silent_and_an_unanswered_end_are_noticed_after_a_minute(end: socket.socket) -> None:
    keep_alive(SimpleNamespace(_sock=end))  # PyMySQL's
    assert is_probed(end)
    assert options(end) == OURS


def test_what_somebody_has_set_on_the_socket_stays(end: socket.socket) -> None:
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 300)
    keep_alive(end)
    assert options(end) == {**OURS, "TCP_KEEPIDLE": 300}


def test_words_given_to_libpq_stay_also_where_they_say_what_the_system_does(end: socket.socket) -> None:
    before = options(end)
    keep_alive(libpq(end, keepalives="0", keepalives_idle="0", tcp_user_timeout="0"))
    assert not is_probed(end)
    told = options(end)
    assert (told["TCP_KEEPIDLE"], told["TCP_USER_TIMEOUT"]) == (before["TCP_KEEPIDLE"], 0)
    assert told["TCP_KEEPCNT"] == 3


def test_psycopg2_tells_its_words_in_another_way(end: socket.socket) -> None:
    info = SimpleNamespace(dsn_parameters={"tcp_user_timeout": "0"})
    keep_alive(SimpleNamespace(fileno=end.fileno, info=info))
    assert options(end) == {**OURS, "TCP_USER_TIMEOUT": 0}


def test_a_unix_socket_and_a_closed_connection_are_left_alone(end: socket.socket) -> None:
    one, other = socket.socketpair()
    with one, other:
        keep_alive(one)
        assert not is_probed(one)
    keep_alive(one)
    keep_alive(object())
    end.close()
    keep_alive(end)


def test_the_sockets_of_asyncio_drivers_are_found(end: socket.socket) -> None:
    transport = SimpleNamespace(get_extra_info=lambda name: end if name == "socket" else None)
    assert descriptor_of(SimpleNamespace(_transport=transport)) == end.fileno()  # asyncpg
    assert descriptor_of(SimpleNamespace(_writer=transport)) == end.fileno()  # aiomysql
    assert descriptor_of(SimpleNamespace(_writer=None)) == -1


def test_nothing_is_set_in_the_session_of_a_pooler(end: socket.socket) -> None:
    assert set_on_postgresql(libpq(end)).endswith(" and pg_backend_pid() = 7")
    assert "pg_backend_pid" not in set_on_postgresql(object())
