"""The process: how it listens and how it ends."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from conftest import Site

from guestbook.server import bind, inherited_socket


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that the test started; what is left of them is ended."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


def start(started: list[subprocess.Popen[str]], listener: socket.socket, **env: str) -> None:
    """Start the guestbook with `listener` as descriptor 3, as systemd would."""
    run_with_fd_3 = (
        "import os, sys; os.dup2(int(sys.argv[1]), 3); os.execv(sys.executable, [sys.executable, '-m', 'guestbook'])"
    )
    fd = listener.fileno()
    command = [sys.executable, "-c", run_with_fd_3, str(fd)]
    started.append(subprocess.Popen(command, pass_fds=[fd], env=os.environ | env, stderr=subprocess.PIPE, text=True))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_an_inherited_socket_and_ends_in_order(
    started: list[subprocess.Popen[str]], number: signal.Signals
) -> None:
    with bind("127.0.0.1", 0) as listener:
        start(started, listener, LISTEN_FDS="1", PORT="1")
        port = listener.getsockname()[1]
    (process,) = started

    assert Site(f"http://127.0.0.1:{port}").get("/health").status == 200
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)

    assert process.returncode == 0
    assert f"Listening on http://127.0.0.1:{port}" in errors
    assert "Application shutdown complete" in errors


def test_sockets_meant_for_another_process_are_not_taken() -> None:
    environ = {"LISTEN_FDS": "1", "LISTEN_PID": "1", "LISTEN_FDNAMES": "web", "HOME": "/"}
    assert inherited_socket(environ) is None
    assert environ == {"HOME": "/"}


def test_a_port_that_is_taken_is_one_line_and_exit_code_1() -> None:
    with bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        command = [sys.executable, "-m", "guestbook", "--port", str(port)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert result.returncode == 1
    assert result.stderr == f"guestbook: cannot listen on 127.0.0.1:{port}: Address already in use\n"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_small_answers_are_sent_at_once(host: str) -> None:
    # asyncio sets TCP_NODELAY on the connections of listeners that say which protocol they speak.
    try:
        listener = bind(host, 0)
    except OSError:
        pytest.skip(f"this machine has no {host}")
    with listener:
        assert listener.proto == socket.IPPROTO_TCP
