"""The control socket's clients: served, bounded, and let go when they neither ask nor read."""

from __future__ import annotations

import _socket
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from releaser.runtime import control, frames, sockets


class Server:
    """A control socket in a folder, its clock in the test's hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = 100.0
        self.control = control.Control(sockets.bind(str(folder), "c.sock"), self._answer)

    def _answer(self, words: list[str], client: control.Client) -> bytes:
        return frames.reply(" ".join(words), 0)

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
    client.sendall(frames.encode_request("hello", "world"))
    server.serve_all()
    server.serve_all()
    assert client.recv(100) == frames.reply("hello world", 0)
    assert client.recv(100) == b""
    assert server.control.clients == {}
    client.close()


def test_half_a_request_waits_and_is_let_go_at_its_deadline(server: Server) -> None:
    client = server.connect()
    client.sendall(frames.encode_request("hello")[:3])
    server.serve_all()
    server.control.close_overdue(server.now + control.REQUEST_WITHIN_S - 0.1)
    assert len(server.control.clients) == 1
    assert server.control.next_deadline() == server.now + control.REQUEST_WITHIN_S
    server.control.close_overdue(server.now + control.REQUEST_WITHIN_S)
    assert server.control.clients == {}
    client.close()


@pytest.mark.parametrize("data", [b"garbage", b"?" + (control.MAX_REQUEST_BYTES + 1).to_bytes(4, "big")])
def test_garbage_and_oversized_requests_close_the_connection(server: Server, data: bytes) -> None:
    client = server.connect()
    client.sendall(data)
    server.serve_all()
    assert server.control.clients == {}
    client.close()


def test_over_the_limit_whoever_has_idled_the_longest_makes_room(server: Server) -> None:
    clients = [server.connect() for _ in range(control.MAX_CLIENTS + 1)]
    assert len(server.control.clients) == control.MAX_CLIENTS
    assert clients[0].recv(1) == b""
    clients[-1].sendall(frames.encode_request("hello"))
    server.serve_all()
    server.serve_all()
    assert clients[-1].recv(100) == frames.reply("hello", 0)
    for client in clients:
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
