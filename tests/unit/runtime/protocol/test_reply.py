from __future__ import annotations

import _socket
import threading
from collections.abc import Iterator

import pytest
from support.waiting import eventually

from releaser.runtime.protocol import frames
from releaser.runtime.protocol.accounts import Account, Accounts
from releaser.runtime.protocol.reply import MAX_KEPT_BYTES, Reply

Pair = tuple[_socket.socket, _socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = _socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


def read_all(connection: _socket.socket) -> list[tuple[bytes, bytes]]:
    decoder = frames.Decoder()
    found: list[tuple[bytes, bytes]] = []
    while data := connection.recv(65536):
        found += decoder.feed(data)
    return found


def test_a_long_body_travels_in_frames_that_a_decoder_accepts(pair: Pair) -> None:
    ours, theirs = pair
    found: list[tuple[bytes, bytes]] = []
    reader = threading.Thread(target=lambda: found.extend(read_all(theirs)))
    reader.start()
    reply = Reply(ours, Account(Accounts(), ours))
    reply.send(frames.OUTPUT, b"x" * 20_000_000)
    reply.end(3)
    ours.close()
    reader.join(30)
    assert b"".join(body for kind, body in found if kind == frames.OUTPUT) == b"x" * 20_000_000
    assert found[-1] == (frames.EXIT, b"3")


def test_an_empty_body_is_one_frame(pair: Pair) -> None:
    ours, theirs = pair
    Reply(ours, Account(Accounts(), ours)).send(frames.INPUT, b"")
    ours.close()
    assert read_all(theirs) == [(frames.INPUT, b"")]


def test_a_client_that_has_gone_is_no_error(pair: Pair) -> None:
    ours, theirs = pair
    reply = Reply(ours, Account(Accounts(), ours))
    theirs.close()
    reply.send(frames.OUTPUT, b"x")
    reply.end(0)
    assert reply.is_gone


def test_a_client_that_takes_nothing_is_given_up(pair: Pair) -> None:
    ours, _ = pair
    reply = Reply(ours, Account(Accounts(), ours), stalled_s=0.02)
    reply.send(frames.OUTPUT, b"x" * 10_000_000)
    assert reply.is_gone


def test_a_foreign_thread_never_waits_and_what_it_wrote_comes_later(pair: Pair) -> None:
    ours, theirs = pair
    reply = Reply(ours, Account(Accounts(), ours))
    writer = threading.Thread(target=lambda: reply.send(frames.OUTPUT, b"x" * 2_000_000))
    writer.start()
    writer.join(30)
    assert not writer.is_alive()
    assert not reply.is_gone
    found: list[tuple[bytes, bytes]] = []
    reader = threading.Thread(target=lambda: found.extend(read_all(theirs)))
    reader.start()
    reply.end(0)
    ours.close()
    reader.join(30)
    assert sum(len(body) for kind, body in found if kind == frames.OUTPUT) == 2_000_000
    assert found[-1] == (frames.EXIT, b"0")


def test_what_is_kept_for_a_client_has_a_limit(pair: Pair) -> None:
    ours, _ = pair
    reply = Reply(ours, Account(Accounts(), ours))
    writer = threading.Thread(target=lambda: reply.send(frames.OUTPUT, b"x" * (MAX_KEPT_BYTES + 2_000_000)))
    writer.start()
    writer.join(30)
    assert eventually(lambda: reply.is_gone)
