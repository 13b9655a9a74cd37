from __future__ import annotations

import os
import shutil
import socket
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.driving import Running, instance, is_serving, run, running
from support.handmade import Handmade, write_release
from support.waiting import eventually

from releaser.runtime.protocol import frames

APP = """
import os, sys, threading, time

def main():
    print("up", flush=True)
    threading.Event().wait()

def forks(path):
    child = os.fork()
    if child == 0:
        while not os.path.exists(path):
            time.sleep(0.01)
        os._exit(0)
    return child

def sockets_of(pid):
    folder = f"/proc/{pid}/fd"
    found = [os.readlink(f"{folder}/{name}") for name in os.listdir(folder)]
    return sum(link.startswith("socket:") for link in found)

def threads(): return len(os.listdir("/proc/self/task"))
def descriptors(): return len(os.listdir("/proc/self/fd"))
def big(): return "x" * 50_000_000
"""
GEVENT_LIKE = """
import _thread, select, threading, time

def main():
    def refuse(*args, **kwargs):
        raise SystemError("the agent used a patched primitive")

    _thread.start_new_thread = select.poll = time.monotonic = refuse
    print("up", flush=True)
    while True:
        time.sleep(0.01)

def echo(word): return word
"""


def _python_for_all() -> str:
    """Return a Python that a user without any rights may run: one of the system's, whichever it has."""
    names = ("python3", f"python{sys.version_info[0]}.{sys.version_info[1]}")
    return next((found for name in names if (found := shutil.which(name, path="/usr/bin"))), "python3")


@pytest.fixture
def app(tmp_path: Path) -> Iterator[tuple[Handmade, Running]]:
    release = write_release(tmp_path / "r", modules={"app.py": APP})
    with instance(release) as (process, _):
        eventually(lambda: process.stdout == "up\n")
        yield release, process


@pytest.fixture
def release(app: tuple[Handmade, Running]) -> Handmade:
    return app[0]


def number_from(release: Handmade, *words: str) -> int:
    done = run(release.command("rpc", *words))
    assert done.stderr == ""
    return int(done.stdout)


def connected(release: Handmade) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.connect(f"{release.layout.run}/agent.sock")
    client.settimeout(20)
    return client


def everything_from(client: socket.socket) -> bytes:
    pieces = []
    while piece := client.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)


def test_only_the_owner_can_reach_the_socket(release: Handmade) -> None:
    mode = Path(release.layout.run, "agent.sock").stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600
    assert stat.S_IMODE(Path(release.layout.run).stat().st_mode) == 0o700


def test_another_user_is_hung_up_on(release: Handmade) -> None:
    if os.getuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root and setpriv to be somebody else")
    for folder in (release.root, *release.root.parents):
        if folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)
    Path(release.layout.run).chmod(0o777)
    Path(release.layout.run, "agent.sock").chmod(0o777)
    code = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); print(s.recv(9))"
    argv = ["setpriv", "--reuid", "65534", "--clear-groups", _python_for_all()]
    done = run([*argv, "-c", code, f"{release.layout.run}/agent.sock"])
    assert (done.stdout, done.stderr) == ("b''\n", "")


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", b"error: the request was not understood: unknown frame type b'G'\n"),
        (b"?\xff\xff\xff\xff", b"error: the request was not understood: a frame of 4294967295 bytes is over"),
        (frames.encode(frames.INPUT, b"x"), b"error: the request was not understood: a frame of type b'i' came first"),
        (frames.encode(frames.REQUEST, b"9\0ping"), b"error: the request was not understood: expected protocol 1"),
        (frames.encode(frames.REQUEST, b"1"), b"error: the request was not understood: expected protocol 1"),
        (frames.encode_request("dance"), b"error: the app does not know the request 'dance'\n"),
        (frames.encode_request("rpc", "text"), b"error: expected `rpc text|json MODULE:FUNCTION [ARG"),
        (frames.encode_request("rpc", "xml", "app:threads"), b"error: expected `rpc text|json MODULE:FUN"),
        (frames.encode_request("rpc", "text", ""), b"error: expected MODULE:FUNCTION, found ''\n"),
    ],
    ids=[
        "http",
        "huge",
        "input first",
        "protocol 9",
        "no verb",
        "unknown verb",
        "no target",
        "no format",
        "empty target",
    ],
)
def test_rubbish_is_answered_and_harms_nothing(release: Handmade, sent: bytes, answer: bytes) -> None:
    with connected(release) as client:
        client.sendall(sent)
        found = frames.Decoder().feed(everything_from(client))
    assert [kind for kind, _ in found] == [frames.ERROR, frames.EXIT]
    assert found[0][1].startswith(answer)
    assert found[1][1] == b"2"
    assert is_serving(release)


def test_callers_that_leave_half_way_cost_nothing(release: Handmade) -> None:
    before = number_from(release, "app:threads"), number_from(release, "app:descriptors")
    request = frames.encode_request("rpc", "text", "app:threads")
    for length in range(len(request) + 1):
        with connected(release) as client:
            client.sendall(request[:length])
    assert eventually(lambda: (number_from(release, "app:threads"), number_from(release, "app:descriptors")) == before)


def test_a_caller_that_never_reads_does_not_keep_others_waiting(app: tuple[Handmade, Running]) -> None:
    release, process = app
    with connected(release) as client:
        client.sendall(frames.encode_request("rpc", "text", "app:big"))
        assert number_from(release, "app:threads") >= 3
        assert is_serving(release)
    assert eventually(lambda: number_from(release, "app:threads") == 3)
    assert process.process.poll() is None
    assert process.stderr == ""


def test_one_caller_too_many_is_told(release: Handmade) -> None:
    clients = [connected(release) for _ in range(257)]
    try:
        found = frames.Decoder().feed(everything_from(clients[-1]))
        assert found == [(b"e", b"error: the app answers 256 callers already\n"), (b"x", b"4")]
    finally:
        for client in clients:
            client.close()
    assert eventually(lambda: is_serving(release))


def test_a_forked_child_holds_none_of_the_agents_sockets(release: Handmade, tmp_path: Path) -> None:
    go = tmp_path / "go"
    child = number_from(release, "app:forks", str(go))
    try:
        assert eventually(lambda: number_from(release, "app:sockets_of", str(child)) == 0)
    finally:
        go.touch()
    assert is_serving(release)


def test_primitives_that_the_app_patches_are_not_used(tmp_path: Path) -> None:
    release = write_release(tmp_path / "r", modules={"app.py": GEVENT_LIKE})
    with instance(release) as (process, _):
        eventually(lambda: process.stdout == "up\n")
        done = run(release.command("rpc", "app:echo", "x"))
        assert (done.stdout, done.stderr) == ("x\n", "")
        done = run(release.command("remote_console"), stdin="1 + 1\n")
        assert "2\n" in done.stdout


class TestRemoteConsole:
    def said(self, release: Handmade, text: str) -> tuple[int, str, str]:
        done = run(release.command("remote_console"), stdin=text)
        banner, _, rest = done.stdout.partition("\n")
        assert banner.startswith("Python 3.")
        return done.returncode, rest, done.stderr

    def test_values_are_shown_and_statements_are_not(self, release: Handmade) -> None:
        assert self.said(release, "1 + 1\nx = 3\nx\nNone\n_ * 2\n") == (0, "2\n3\n6\n", "")

    def test_it_is_the_running_app(self, app: tuple[Handmade, Running]) -> None:
        assert self.said(app[0], "import os\nos.getpid()\n") == (0, f"{app[1].pid}\n", "")

    def test_statements_of_several_lines_end_at_an_empty_one(self, release: Handmade) -> None:
        text = "def double(n):\n    return n * 2\n\nfor n in (1, 2):\n    print(double(n))\n\n"
        assert self.said(release, text) == (0, "2\n4\n", "")

    def test_print_comes_here_and_the_apps_output_stays_where_it_is(self, app: tuple[Handmade, Running]) -> None:
        release, process = app
        text = "print('a', 1, sep='-')\nimport sys\nprint('app', file=sys.stdout, flush=True)\n"
        assert self.said(release, text) == (0, "a-1\n", "")
        assert eventually(lambda: process.stdout == "up\napp\n")

    def test_errors_are_shown_and_the_console_goes_on(self, release: Handmade) -> None:
        code, stdout, stderr = self.said(release, "1 / 0\n1 +\n'still'\n# comment\n\n")
        assert (code, stdout) == (0, "'still'\n")
        assert stderr.startswith('Traceback (most recent call last):\n  File "<console>", line 1, in <module>\n')
        assert "ZeroDivisionError: division by zero\n" in stderr
        assert '  File "<console>", line 1\n    1 +\n' in stderr
        assert "runtime" not in stderr

    def test_await_works_at_the_top(self, release: Handmade) -> None:
        assert self.said(release, "import asyncio\nawait asyncio.sleep(0, 'slept')\n") == (0, "'slept'\n", "")

    def test_exit_ends_the_console_and_not_the_app(self, app: tuple[Handmade, Running]) -> None:
        assert self.said(app[0], "exit(3)\nprint('never')\n") == (3, "", "")
        assert is_serving(app[0])
        assert app[1].process.poll() is None

    def test_no_thread_stays_when_it_ends(self, release: Handmade) -> None:
        before = number_from(release, "app:threads")
        for text in ("1\n", "exit()\n", "def half():\n"):
            self.said(release, text)
        assert eventually(lambda: number_from(release, "app:threads") == before)

    def test_ctrl_c_interrupts_the_statement_only(self, release: Handmade, tmp_path: Path) -> None:
        begun = tmp_path / "begun"
        with running(release.command("remote_console")) as console:
            console.write(f"import time\nwhile True: open({str(begun)!r}, 'w').close(); time.sleep(0.01)\n\n")
            eventually(begun.exists)
            console.interrupt()
            eventually(lambda: "KeyboardInterrupt" in console.stderr)
            console.write("6 * 7\n")
            assert eventually(lambda: console.stdout.endswith("42\n"))
            assert console.stderr == "KeyboardInterrupt\n"

    def test_a_client_that_is_killed_takes_its_statement_with_it(self, release: Handmade, tmp_path: Path) -> None:
        begun = tmp_path / "begun"
        before = number_from(release, "app:threads")
        with running(release.command("remote_console")) as console:
            console.write(f"import time\nwhile True: open({str(begun)!r}, 'w').close(); time.sleep(0.01)\n\n")
            eventually(begun.exists)
        assert eventually(lambda: number_from(release, "app:threads") == before)

    def test_two_consoles_have_names_of_their_own(self, release: Handmade) -> None:
        with running(release.command("remote_console")) as first:
            first.write("x = 1\nx\n")
            eventually(lambda: first.stdout.endswith("\n1\n"))
            assert "NameError" in self.said(release, "x\n")[2]
            first.write("x + 1\n")
            assert eventually(lambda: first.stdout.endswith("\n2\n"))
