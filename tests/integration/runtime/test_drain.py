"""`drain`: the app goes on before it is told to end, and whatever happens meanwhile ends it all the same."""

from __future__ import annotations

import http.client
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.built import free_port
from support.running import Release, making_releases
from support.waiting import eventually

from releaser.runtime.release.manifest import Readiness, Socket

Make = Callable[..., Release]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    with making_releases(tmp_path) as make:

        def with_socket(drain_s: float, **fields: object) -> Release:
            port = free_port()
            sockets = [Socket(name="web", address=f"127.0.0.1:{port}")]
            release = make(sockets=sockets, drain_s=drain_s, **fields)
            release.env["PORT"] = str(port)
            return release

        yield with_socket


def asked(release: Release) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", int(release.env["PORT"]), timeout=30)
    connection.request("GET", "/")
    answer = connection.getresponse().read()
    connection.close()
    return answer


def draining(release: Release) -> int:
    """Ask the release to end, wait until it is about to, and return the pid of the app, which has not been told."""
    (instance,) = release.status()["instances"]
    release.begin("stop")
    eventually(lambda: release.status()["state"] == "stopping", within=30)
    return int(instance["pid"])


def test_the_app_is_told_to_end_when_it_is_over(make: Make) -> None:
    release = make(0.2)
    running = release.foreground()
    assert release.run("stop").returncode == 0
    assert running.wait() == 0
    assert "served" in running.output()
    assert "kills the app" not in running.errors()


def test_meanwhile_nobody_takes_over_so_it_accepts_and_answers(make: Make) -> None:
    release = make(3600.0)
    running = release.foreground()
    draining(release)
    assert asked(release) == b"hello"
    running.insist()
    assert running.wait() == 137


@pytest.mark.parametrize("whose", ["app", "supervisor"])
def test_killed_meanwhile_it_leaves_nothing_behind(make: Make, whose: str) -> None:
    release = make(3600.0)
    running = release.foreground()
    app = draining(release)
    if whose == "app":
        signal.pidfd_send_signal(_pidfd(app), signal.SIGKILL)
    else:
        running.signal(signal.SIGKILL)
    assert running.wait() == 137
    eventually(lambda: not release.processes(), within=30)


def test_an_app_that_was_never_ready_has_nothing_to_drain(make: Make) -> None:
    release = make(3600.0, readiness=Readiness(kind="notify", target="", timeout_s=60.0, interval_s=0.05))
    running = release.foreground(until="")
    eventually(lambda: "serving" in running.output(), within=30)
    assert release.run("stop").returncode == 0
    assert running.wait() == 0
    assert "served" in running.output()


def test_one_that_was_never_ready_and_does_not_end_is_killed_without_that_time(make: Make) -> None:
    app = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n\ndef main():\n    print('deaf', flush=True)\n"
    app += "    signal.sigwait([signal.SIGUSR2])\n"
    ready = Readiness(kind="notify", target="", timeout_s=60.0, interval_s=0.05)
    release = make(3600.0, modules={"app.py": app}, readiness=ready, stop_timeout_s=0.2)
    running = release.foreground(until="")
    eventually(lambda: "deaf" in running.output(), within=30)
    running.signal(signal.SIGTERM)
    assert running.wait() == 137


def test_it_is_shown_where_people_look(make: Make) -> None:
    release = make(90.0)
    release.foreground()
    assert "drain" in release.run("describe").stdout
    unit = release.run("generate", "systemd").stdout
    (limit,) = [line for line in unit.splitlines() if line.startswith("TimeoutStopSec=")]
    assert int(limit.partition("=")[2].removesuffix("s")) > 90


def _pidfd(pid: int) -> int:
    import os

    return os.pidfd_open(pid)
