"""The release below a manager that speaks systemd's protocols: a stub notify socket, and descriptors passed in."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.running import SERVER, Release, ended, make_release
from support.waiting import eventually

from releaser.runtime.release.manifest import Entry, Heart, Hook, Liveness, Process, Readiness, Socket

PASSING = """\
import os, sys
names = sys.argv[1]
for target, source in enumerate(map(int, sys.argv[2].split(",")), 3):
    os.dup2(source, target)
    os.set_inheritable(source, False)
os.environ["LISTEN_PID"] = str(os.getpid())
os.environ["LISTEN_FDS"] = str(len(sys.argv[2].split(",")))
if names:
    os.environ["LISTEN_FDNAMES"] = names
os.execv(sys.argv[3], sys.argv[3:])
"""
"""What systemd does between fork and exec: `NAMES DESCRIPTORS COMMAND...`."""


RELOADING = """\
import threading
from releaser.runtime import on_reload

@on_reload
def take(changed):
    pass

def main():
    threading.Event().wait()
"""


class Manager:
    """The end of the notify protocol that is systemd's."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.setblocking(False)
        self.said: list[str] = []

    def lines(self) -> list[str]:
        """Return every line said so far."""
        while True:
            try:
                self.said += self.socket.recv(65536).decode().split("\n")
            except BlockingIOError:
                return self.said

    def hears(self, line: str) -> None:
        eventually(lambda: line in self.lines(), within=20)


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    address = str(tmp_path / "notify") if request.param == "path" else f"@releaser-tests-{os.getpid()}"
    found = Manager(address)
    yield found
    found.socket.close()


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[Manager, Release]]:
    """A release of two processes whose manager has a watchdog of 0.3 s."""
    found = Manager(str(tmp_path / "notify"))
    worker = Process(
        name="worker",
        entry=Entry(kind="callable", target="worker:main", argv0="worker", args=[]),
        readiness=Readiness(kind="started", target="", timeout_s=10.0, interval_s=0.05),
        heart=Heart(),
        liveness=Liveness(),
        replicas=1,
        sockets=[],
    )
    release = make_release(
        tmp_path / "release",
        tmp_path / "scratch",
        modules={
            "app.py": SERVER,
            "worker.py": "import time\n\ndef main():\n    while True:\n        time.sleep(0.05)\n",
        },
        sockets=[Socket(name="web", address="127.0.0.1:0")],
        processes=[worker],
    )
    release.env |= {"NOTIFY_SOCKET": found.address, "WATCHDOG_USEC": "300000"}
    with ended(release):
        yield found, release
    found.socket.close()


def release_in(tmp_path: Path, **options: object) -> Release:
    return make_release(tmp_path / "release", tmp_path / "scratch", **options)  # type: ignore[arg-type]


def test_a_whole_life_is_told_to_the_manager(tmp_path: Path, manager: Manager) -> None:
    hook = Hook(event="pre_start", name="20-a", path="", call="os:getpid", timeout_s=30.0, on_failure="abort")
    release = release_in(tmp_path, sockets=[Socket(name="web", address="127.0.0.1:0")], call_hooks=[hook])
    release.env["NOTIFY_SOCKET"] = manager.address
    with ended(release):
        running = release.foreground()
        running.says("serving")
        manager.hears("READY=1")
        assert manager.lines().index("STATUS=running the pre_start hooks") < manager.lines().index("READY=1")
        assert "EXTEND_TIMEOUT_USEC=45000000" in manager.lines()  # the hook's 30 s, 5 s to kill it, and a margin
        assert f"MAINPID={running.pid}" in manager.lines()
        assert "STATUS=running 1.0.0" in manager.lines()
        assert "STOPPING=1" not in manager.lines()
        running.signal(signal.SIGTERM)
        assert running.wait() == 0
        assert "STOPPING=1" in manager.lines()
        assert "WATCHDOG=1" not in manager.lines()


def fill(sender: socket.socket, address: str) -> None:
    """Send until the queue of `address` is full."""
    sender.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            sender.sendto(b"STATUS=others talk too", address)


def test_a_manager_that_does_not_read_does_not_hold_up_the_release(tmp_path: Path) -> None:
    manager = Manager(str(tmp_path / "notify"))
    release = release_in(tmp_path, sockets=[Socket(name="web", address="127.0.0.1:0")])
    release.env["NOTIFY_SOCKET"] = manager.address
    with ended(release), manager.socket, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        fill(other, manager.address)
        running = release.foreground()
        manager.hears("READY=1")
        running.says("serving")
        running.signal(signal.SIGTERM)
        assert running.wait() == 0


def test_the_pid_of_a_release_in_the_background_is_told(tmp_path: Path) -> None:
    manager = Manager(str(tmp_path / "notify"))
    release = release_in(tmp_path, sockets=[Socket(name="web", address="127.0.0.1:0")])
    release.env["NOTIFY_SOCKET"] = manager.address
    with ended(release), manager.socket:
        assert release.run("start").returncode == 0
        assert f"MAINPID={release.run('pid').stdout.strip()}" in manager.lines()
        assert release.run("stop").returncode == 0


def test_a_reload_is_told_and_the_managers_variables_are_no_change(tmp_path: Path) -> None:
    manager = Manager(str(tmp_path / "notify"))
    release = release_in(tmp_path, modules={"app.py": RELOADING})
    release.env |= {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "300000000"}
    with ended(release), manager.socket:
        release.foreground()
        manager.hears("READY=1")
        (release.root / "releases/1.0.0/env.sh").write_text("LEVEL=debug\n")
        answer = release.run("reload_config")
        assert (answer.returncode, answer.stdout) == (0, "changed: LEVEL\n")
        manager.hears("RELOADING=1")
        reloading = manager.lines().index("RELOADING=1")
        assert manager.lines()[reloading + 1].startswith("MONOTONIC_USEC=")
        assert manager.lines()[reloading + 2] == "READY=1"


def test_the_variables_of_the_manager_do_not_reach_the_app(watched: tuple[Manager, Release]) -> None:
    manager, release = watched
    release.foreground()
    assert release.run("rpc", "os:getenv", "WATCHDOG_USEC").stdout == release.run("rpc", "os:getenv", "NO").stdout
    assert release.run("rpc", "os:getenv", "NOTIFY_SOCKET").stdout.strip() != manager.address


@pytest.mark.parametrize("process", ["main", "worker"])
def test_the_watchdog_is_fed_while_the_app_answers_and_not_while_it_is_stopped(
    watched: tuple[Manager, Release], process: str
) -> None:
    manager, release = watched
    running = release.foreground()
    fed = manager.lines().count("WATCHDOG=1")
    eventually(lambda: manager.lines().count("WATCHDOG=1") > fed + 2)
    (instance,) = (each["pid"] for each in release.status()["instances"] if each["process"] == process)
    os.kill(instance, signal.SIGSTOP)
    eventually(lambda: _is_silent(manager))
    os.kill(instance, signal.SIGCONT)
    fed = manager.lines().count("WATCHDOG=1")
    eventually(lambda: manager.lines().count("WATCHDOG=1") > fed)
    running.signal(signal.SIGTERM)
    assert running.wait() == 0


def _is_silent(manager: Manager) -> bool:
    """Tell whether a whole period of the watchdog passes without a word."""
    manager.lines()
    manager.socket.settimeout(0.3)
    try:
        manager.said += manager.socket.recv(65536).decode().split("\n")
    except TimeoutError:
        return True
    finally:
        manager.socket.setblocking(False)
    return False


def test_another_processs_watchdog_is_left_alone(watched: tuple[Manager, Release]) -> None:
    manager, release = watched
    release.env["WATCHDOG_PID"] = "1"
    running = release.foreground()
    running.says("serving")
    running.signal(signal.SIGTERM)
    assert running.wait() == 0
    assert "READY=1" in manager.lines()
    assert "WATCHDOG=1" not in manager.lines()


@pytest.mark.parametrize("names", ["web", "", "app.socket"])
def test_a_socket_that_was_passed_in_is_served_on_and_outlives_the_release(tmp_path: Path, names: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as passed:
        port = passed.getsockname()[1]
        # The address of the release cannot be bound: it is this very one.
        release = release_in(tmp_path, sockets=[Socket(name="web", address=f"127.0.0.1:{port}")])
        release.shell = (sys.executable, "-c", PASSING, names, str(passed.fileno()))
        with ended(release):
            running = release.foreground(pass_fds=[passed.fileno()])
            running.says("serving")
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
                assert answer.read() == b"hello"
            release.shell = ()
            assert release.status()["sockets"] == {"web": f"127.0.0.1:{port}"}
            assert release.run("rpc", "os:getenv", "LISTEN_FDNAMES").stdout == "web\n"
            assert release.run("stop").returncode == 0
            assert running.wait() == 0
        assert passed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        with socket.create_connection(("127.0.0.1", port), timeout=10):
            pass  # the manager's socket still takes connections, for the next start


def test_a_passed_socket_that_the_release_does_not_know_starts_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        release = release_in(tmp_path, sockets=[Socket(name="web", address="127.0.0.1:0")])
        release.shell = (sys.executable, "-c", PASSING, "web:metrics", f"{one.fileno()},{two.fileno()}")
        with ended(release):
            running = release.begin("foreground", pass_fds=[one.fileno(), two.fileno()])
            assert running.wait() == 3
            assert "descriptor 4 (metrics): the release has no socket for it" in running.errors()
            release.shell = ()
            assert release.leftovers() == []


def test_hooks_do_not_inherit_a_passed_socket(tmp_path: Path) -> None:
    listing = 'ls -l /proc/self/fd | grep -c socket: >"$RELEASE_VAR/sockets" || :'
    with socket.create_server(("127.0.0.1", 0)) as passed:
        release = release_in(
            tmp_path,
            sockets=[Socket(name="web", address="127.0.0.1:0")],
            hooks=[("pre_start", "20-list", listing)],
        )
        release.shell = (sys.executable, "-c", PASSING, "web", str(passed.fileno()))
        with ended(release):
            release.foreground(pass_fds=[passed.fileno()])
            assert (release.var / "sockets").read_text() == "0\n"


def test_the_number_of_a_socket_stands_in_the_command(tmp_path: Path) -> None:
    two = [Socket(name="web", address="127.0.0.1:0"), Socket(name="admin", address="127.0.0.1:0")]
    release = release_in(
        tmp_path,
        modules={"app.py": SERVER},
        sockets=two,
        entry=Entry(kind="callable", target="app:main", argv0="app", args=["fd://{socket.admin}", "--fd={socket.web}"]),
        readiness=Readiness(kind="started", target="", timeout_s=10.0, interval_s=0.05),
    )
    with ended(release):
        release.foreground().says("serving fd://4 --fd=3")
