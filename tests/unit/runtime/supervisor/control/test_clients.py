"""The control socket's clients: served, bounded, and let go when they neither ask nor read."""

from __future__ import annotations

import _socket
import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from releaser.runtime.protocol import frames, requests, sockets
from releaser.runtime.supervisor.control import clients


class Server:
    """A control socket in a folder, its clock in the test's hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = 100.0
        self.environ = "A=1\0"
        self.faults: list[str] = []
        self.control = clients.Control(sockets.bind(str(folder), "c.sock"), self._answer, self._on_fault)

    def _answer(self, words: list[str], client: clients.Client) -> bytes:
        if words[0] == "restart":
            raise ZeroDivisionError
        return frames.reply(self.environ if words[0] == "environ" else " ".join(words), 0)

    def _on_fault(self, what: str) -> str:
        self.faults.append(what)
        return f"a fault in releaser itself while {what}"

    def connect(self) -> _socket.socket:
        client = sockets.connect(str(self.folder), "c.sock", 5.0)
        self.control.accept(self.now)
        return client

    def serve_all(self) -> None:
        for descriptor in list(self.control.clients):
            if descriptor in self.control.clients:
                self.control.serve(descriptor)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    for client in server.control.clients.values():
        client.socket.close()
    server.control.listener.close()


def test_a_request_is_answered_and_the_connection_closed(server: Server) -> None:
    client = server.connect()
    client.sendall(frames.encode_request("status", "--json"))
    server.serve_all()
    server.serve_all()
    assert client.recv(100) == frames.reply("status --json", 0)
    assert client.recv(100) == b""
    assert server.control.clients == {}
    client.close()


def test_half_a_request_waits_and_is_let_go_at_its_deadline(server: Server) -> None:
    client = server.connect()
    client.sendall(frames.encode_request("alive")[:3])
    server.serve_all()
    server.control.close_overdue(server.now + clients.REQUEST_WITHIN_S - 0.1)
    assert len(server.control.clients) == 1
    assert server.control.next_deadline() == server.now + clients.REQUEST_WITHIN_S
    server.control.close_overdue(server.now + clients.REQUEST_WITHIN_S)
    assert server.control.clients == {}
    client.close()


def answer_to(server: Server, data: bytes) -> list[tuple[bytes, bytes]]:
    """Send what need not be a request, and return the frames that come back before the connection is closed."""
    client = server.connect()
    client.sendall(data)
    server.serve_all()
    server.serve_all()
    assert server.control.clients == {}
    found = frames.Decoder().feed(client.recv(65536))
    assert client.recv(1) == b""
    client.close()
    return found


def header(kind: bytes, length: int) -> bytes:
    return kind + length.to_bytes(4, "big")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"garbage", "unknown frame type b'g'"),
        (frames.encode(frames.INPUT, b"x"), "a frame of type b'i' came, where none is expected"),
        (header(b"?", requests.LARGE_BYTES + 1), f"over the limit of {requests.LARGE_BYTES}"),
        (header(b"?", 5000) + b"1\0ping\0", "a frame of 5000 bytes is over the limit of 4096"),
        (header(b"?", 5000) + b"1\0dance\0", "a frame of 5000 bytes is over the limit of 4096"),
        (header(b"?", 5000) + b"1" * 40, "a frame of 5000 bytes is over the limit of 4096"),
        (frames.encode(b"?", b"2\0ping"), "expected protocol 1, found '2'"),
        (frames.encode(b"?", b"1"), "expected protocol 1, found '1'"),
    ],
)
def test_what_is_no_request_is_answered_and_let_go(server: Server, data: bytes, why: str) -> None:
    (kind, text), last = answer_to(server, data)
    assert kind == frames.ERROR
    assert text.decode().startswith("error: the request was not understood: ")
    assert why in text.decode()
    assert text.decode().endswith("\n  now: the release goes on; nothing was done\n")
    assert last == (frames.EXIT, b"2")


def test_a_fault_while_a_client_is_answered_is_told_and_ends_that_request_alone(server: Server) -> None:
    waiting = server.connect()
    found = answer_to_one_of(server, frames.encode_request("restart", "main"))
    assert found == [
        (
            frames.ERROR,
            b"error: a fault in releaser itself while answering the request 'restart'\n"
            b"  now: the release goes on; the traceback is in its log\n",
        ),
        (frames.EXIT, b"70"),
    ]
    assert server.faults == ["answering the request 'restart'"]
    waiting.sendall(frames.encode_request("alive"))
    server.serve_all()
    server.serve_all()
    assert waiting.recv(100) == frames.reply("alive", 0)
    waiting.close()


def answer_to_one_of(server: Server, data: bytes) -> list[tuple[bytes, bytes]]:
    client = server.connect()
    client.sendall(data)
    server.serve_all()
    server.serve_all()
    found = frames.Decoder().feed(client.recv(65536))
    client.close()
    return found


def held(server: Server) -> int:
    return sum(client.held_bytes for client in server.control.clients.values())


def test_half_requests_together_hold_no_more_than_the_limit_and_others_get_through(server: Server) -> None:
    half = header(b"?", requests.LARGE_BYTES) + b"1\0upgrade\0" + b"x" * 50_000
    attackers = []
    for _ in range(200):
        attacker = server.connect()
        attacker.setblocking(False)
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            attacker.send(half)
        attackers.append(attacker)
        for _ in range(5):
            server.serve_all()
        assert held(server) <= clients.MAX_HELD_BYTES + clients.MAX_CLIENTS * requests.SMALL_BYTES
    assert len(server.control.clients) < len(attackers), "some had to make room"
    assert answer_to_one_of(server, frames.encode_request("alive")) == [(frames.OUTPUT, b"alive"), (frames.EXIT, b"0")]
    gone = [attacker.recv(1000) for attacker in attackers if attacker.fileno() not in open_ends(server, attackers)]
    assert gone
    assert all(b"all requests together hold more than" in said for said in gone)
    for attacker in attackers:
        attacker.close()


def open_ends(server: Server, clients: list[_socket.socket]) -> set[int]:
    """Return the descriptors of those clients that have not been hung up on."""
    found = set()
    for client in clients:
        try:
            client.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            found.add(client.fileno())
    return found


def test_answers_that_nobody_reads_together_hold_no_more_than_the_limit(server: Server) -> None:
    server.environ = "A=" + "x" * 1_000_000
    deaf = []
    for _ in range(20):
        client = server.connect()
        client.sendall(frames.encode_request("environ"))
        server.serve_all()
        deaf.append(client)
        assert held(server) <= clients.MAX_HELD_BYTES + clients.MAX_CLIENTS * requests.SMALL_BYTES
    assert answer_to_one_of(server, frames.encode_request("alive")) == [(frames.OUTPUT, b"alive"), (frames.EXIT, b"0")]
    for client in deaf:
        client.close()


def test_one_that_is_waited_for_is_spared_as_long_as_another_can_make_room(server: Server) -> None:
    waiting = server.connect()
    (kept,) = server.control.clients.values()
    kept.is_answered = kept.keep_open = True
    kept.tell(b"x" * 1_000_000)
    half = header(b"?", requests.LARGE_BYTES) + b"1\0reloaded\0"
    flood = [server.connect() for _ in range(3)]
    for client, decoder in zip(flood, list(server.control.clients.values())[1:], strict=True):
        client.sendall(half)
        decoder.decoder.feed(half + b"x" * 2_500_000)
    server.serve_all()
    assert kept in server.control.clients.values()
    assert held(server) <= clients.MAX_HELD_BYTES
    for client in (waiting, *flood):
        client.close()


def test_whatever_an_answered_client_sends_on_is_not_kept(server: Server) -> None:
    client = server.connect()
    client.sendall(frames.encode_request("alive") + b"?\0\x10\0\0" + b"x" * 100_000)
    for _ in range(20):
        server.serve_all()
        assert held(server) <= requests.SMALL_BYTES
    client.close()


def test_over_the_limit_whoever_has_idled_the_longest_makes_room(server: Server) -> None:
    connected = [server.connect() for _ in range(clients.MAX_CLIENTS + 1)]
    assert len(server.control.clients) == clients.MAX_CLIENTS
    assert connected[0].recv(1) == b""
    connected[-1].sendall(frames.encode_request("alive"))
    server.serve_all()
    server.serve_all()
    assert connected[-1].recv(100) == frames.reply("alive", 0)
    for client in connected:
        client.close()


def test_a_client_that_waits_for_the_end_has_no_deadline(server: Server) -> None:
    client = server.connect()
    (waiting,) = server.control.clients.values()
    waiting.keep_open = True
    assert server.control.next_deadline() is None
    server.control.close_overdue(server.now + 3600)
    assert len(server.control.clients) == 1
    client.close()


def test_the_socket_file_is_private_and_replaces_a_stale_one(tmp_path: Path) -> None:
    (tmp_path / "s.sock").write_text("stale")
    bound = sockets.bind(str(tmp_path), "s.sock")
    path = tmp_path / "s.sock"
    assert path.is_socket()
    assert path.stat().st_mode & 0o777 == 0o600
    bound.close()


def test_the_other_end_is_known_by_its_user(server: Server) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert sockets.peer_uid(ours) == sockets.os.getuid()
        assert sockets.is_trusted(ours)
