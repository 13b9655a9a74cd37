"""Probe targets: what can be written, and what a probe makes of an answer."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest
from support.waiting import eventually

from releaser.runtime.protocol.frames import reply
from releaser.runtime.release.addresses import split_address
from releaser.runtime.release.layout import AGENT_SOCKET, Layout
from releaser.runtime.supervisor.keeping.readiness import Probe, Target, statuses_of

LAYOUT = Layout("/nowhere", "1.0.0", "/nowhere/var")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:8000", ("::1", 8000)), ("localhost:0", ("localhost", 0))],
)
def test_addresses_are_split_into_host_and_port(text: str, expected: tuple[str, int]) -> None:
    assert split_address(text) == expected


@pytest.mark.parametrize("text", ["", "80", "host", ":80", "host:port", "host:65536", "host:-1"])
def test_an_address_without_host_or_port_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected HOST:PORT"):
        split_address(text)


def test_an_http_target_may_leave_out_the_port() -> None:
    target = Target("http", "http://[::1]/health?deep=1")
    assert (target.host, target.port) == ("::1", 80)
    assert target.request.startswith(b"GET /health?deep=1 HTTP/1.1\r\nHost: [::1]\r\n")


def test_headers_are_sent_in_place_of_those_of_every_request_or_beside_them() -> None:
    target = Target("http", "http://127.0.0.1:8000/", headers={"host": "shop.example", "X-Token": "a b"})
    head = target.request.decode().split("\r\n")
    assert head[:2] == ["GET / HTTP/1.1", "host: shop.example"]
    assert "X-Token: a b" in head
    with pytest.raises(ValueError, match="the header Host has a value"):
        Target("http", "http://127.0.0.1:8000/", headers={"Host": "a\r\nX: b"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [("204", range(204, 205)), ("200-399", range(200, 400)), ("<500", range(100, 500))],
)
def test_statuses_are_one_some_or_all_below(text: str, expected: range) -> None:
    assert statuses_of(text) == expected


@pytest.mark.parametrize("text", ["", "2xx", "<", "200-", "-299", "<5000", "²00"])
def test_what_means_no_status_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected statuses such as"):
        statuses_of(text)


def test_https_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="expected http://HOST:PORT/PATH, found 'https://a/'"):
        Target("http", "https://a/")


@pytest.mark.parametrize(
    ("answer", "is_ready"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", True),
        (b"HTTP/1.0 204 No Content\r\n\r\n", True),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", False),
        (b"HTTP/1.1 301 Moved\r\n\r\n", False),
        (b"SSH-2.0-OpenSSH\r\n", False),
        (b"", False),
    ],
)
def test_only_a_2xx_answer_means_ready(answer: bytes, is_ready: bool) -> None:
    server = socket.create_server(("127.0.0.1", 0))

    def answer_once() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(answer)

    thread = threading.Thread(target=answer_once)
    thread.start()
    probe = Probe(Target("http", f"http://127.0.0.1:{server.getsockname()[1]}/health"), LAYOUT)
    try:
        eventually(lambda: probe.advance() or probe.outcome is not None)
        assert probe.outcome is is_ready, probe.problem
        assert bool(probe.problem) != is_ready
    finally:
        probe.close()
        thread.join()
        server.close()


def test_a_port_that_nobody_listens_on_is_not_ready() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    probe = Probe(Target("tcp", f"127.0.0.1:{port}"), LAYOUT)
    eventually(lambda: probe.outcome is not None or probe.advance() or probe.outcome is not None)
    assert probe.outcome is False
    assert "refused" in probe.problem
    probe.close()


def test_a_call_without_an_agent_is_not_ready(tmp_path: Path) -> None:
    probe = Probe(Target("call", "app:is_ready"), Layout(str(tmp_path), "1.0.0", str(tmp_path)))
    assert probe.outcome is False
    probe.close()


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (reply("true\n", 0), ""),
        (reply("app:is_ready: the app has not imported app", 1), "app:is_ready: the app has not imported app"),
        (b"HTTP/1.1 400 Bad Request", "unknown frame type b'H'"),
    ],
)
def test_an_answer_in_pieces_of_one_byte_is_the_same_answer(tmp_path: Path, answer: bytes, problem: str) -> None:
    layout = Layout(str(tmp_path), "1.0.0", str(tmp_path))
    Path(layout.run).mkdir()
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(f"{layout.run}/{AGENT_SOCKET}")
        agent.listen()
        probe = Probe(Target("call", "app:is_ready"), layout)
        connection, _ = agent.accept()
        with connection:
            probe.advance()
            connection.recv(4096)
            for index in range(len(answer)):
                connection.sendall(answer[index : index + 1])
                if probe.outcome is None:
                    probe.advance()
    probe.close()
    assert (probe.outcome, probe.problem) == (not problem, problem)
