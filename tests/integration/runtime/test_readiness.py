"""When is an app ready? Real processes that end, fork, accept late and answer to some only."""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.built import free_port
from support.running import Make, Release, making_releases
from support.waiting import eventually

from releaser.runtime.release.manifest import Heart, Readiness, Socket

FOREVER = "import time\ndef main():\n    while True: time.sleep(0.05)\n"
ENDS = "import time\ndef main():\n    print('has begun', flush=True)\n    time.sleep(0.1)\n    return {code}\n"
FORKS = """\
import os, signal, sys, time

def work():
    print("Traceback (most recent call last):", file=sys.stderr)
    print(f"ModuleNotFoundError: No module named 'shop' ({os.getpid()})", file=sys.stderr, flush=True)
    time.sleep(0.3)
    os._exit(1)

def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while True:
        if not os.fork():
            work()
        os.wait()
"""
LATE = """\
import os, socket, time
from pathlib import Path

def main():
    listener = socket.socket(fileno=3)
    while not (Path(os.environ["RELEASE_VAR"]) / "go").exists():
        time.sleep(0.01)
    while True:
        listener.accept()
"""
NEVER = Readiness(kind="http", target="http://127.0.0.1:1/", timeout_s=600.0, interval_s=0.05)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    with making_releases(tmp_path) as make_one:
        yield make_one


def started(stay_up_s: float) -> Readiness:
    return Readiness(kind="started", target="", timeout_s=10.0, interval_s=0.05, stay_up_s=stay_up_s)


def pid_of(release: Release) -> int:
    """Return the number of the app's process, 0 before there is one."""
    return next((each["pid"] or 0 for each in release.status()["instances"]), 0)


@pytest.mark.parametrize("code", [0, 3])
def test_an_app_that_dies_in_its_first_moment_was_not_started(make: Make, code: int) -> None:
    release = make(modules={"app.py": ENDS.format(code=code)}, readiness=started(600.0))
    answer = release.run("start")
    assert answer.returncode == 1
    assert answer.stdout == ""
    if code:
        assert "error: app 1.0.0 did not start" in answer.stderr
        assert "ended before it was ready: the app exited with 3" in answer.stderr
    else:
        assert "error: app 1.0.0 is not running: it ended by itself, with exit code 0" in answer.stderr
        assert re.search(r"the app has ended by itself with 0, 0\.[1-9][0-9] s after its start", answer.stderr)
    assert "now: nothing is running" in answer.stderr
    assert release.run("ping").returncode == 4
    assert release.leftovers() == []


def test_an_app_that_does_its_work_and_ends_is_well_in_the_foreground(make: Make) -> None:
    release = make(modules={"app.py": ENDS.format(code=0)}, readiness=started(600.0))
    running = release.begin("foreground")
    assert running.wait() == 0
    assert "the app has ended by itself with 0" in running.errors()
    assert "error:" not in running.errors()


def test_an_app_is_ready_once_it_has_lived_for_that_moment_and_the_time_told_is_that_of_its_start(make: Make) -> None:
    release = make(modules={"app.py": FOREVER}, readiness=started(0.5))
    running = release.foreground(until="[release] app 1.0.0")
    assert release.run("ping").returncode in (0, 4)
    running.says("[release] is running")
    found = re.search(r"ready after ([0-9.]+) s, and up 0\.5 s later", running.errors())
    assert found, running.errors()


@pytest.mark.parametrize("heart", [Heart(), Heart(is_on=True)])
def test_workers_that_die_again_and_again_end_the_wait_with_what_they_said(make: Make, heart: Heart) -> None:
    release = make(modules={"app.py": FORKS}, readiness=NEVER, heart=heart)
    answer = release.run("start")
    assert answer.returncode == 1
    assert "cannot become ready: its workers died 5 times in a row, and none was ready" in answer.stderr
    lines = answer.stderr.splitlines()
    assert lines[1].endswith("its workers died 5 times in a row, and none was ready"), "the reason comes first"
    assert "ModuleNotFoundError: No module named 'shop'" in lines[2]
    assert release.leftovers() == []


def test_what_an_app_calls_on_its_way_is_no_worker(make: Make) -> None:
    calls = "import os, subprocess, sys, time\ndef main():\n    for _ in range(9):\n"
    calls += "        subprocess.run([sys.executable, '-c', 'import time; time.sleep(0.15)'])\n"
    calls += "    is_done.append(1)\n    while True: time.sleep(0.05)\n"
    calls += "is_done = []\ndef is_ready():\n    return bool(is_done)\n"
    ready = Readiness(kind="call", target="app:is_ready", timeout_s=600.0, interval_s=0.05)
    release = make(modules={"app.py": calls}, readiness=ready)
    release.foreground()
    assert release.run("ping").returncode == 0


def test_a_connection_counts_once_a_process_of_the_app_has_accepted_it(make: Make) -> None:
    address = f"127.0.0.1:{free_port()}"
    ready = Readiness(kind="tcp", target=address, timeout_s=600.0, interval_s=0.05)
    release = make(modules={"app.py": LATE}, readiness=ready, sockets=[Socket(name="web", address=address)])
    running = release.foreground(until="[release] app 1.0.0")
    host, port = address.split(":")
    with eventually(lambda: _connected(host, int(port))):  # the supervisor listens, and nobody accepts
        assert release.run("ping").returncode == 4
        (release.var / "go").write_text("")
        running.says("[release] is running")


def _connected(host: str, port: int) -> socket.socket | None:
    try:
        return socket.create_connection((host, port), timeout=10)
    except OSError:
        return None


def test_a_header_that_no_request_can_have_is_told_before_anything_runs(make: Make) -> None:
    ready = Readiness(
        kind="http", target="http://127.0.0.1:1/", timeout_s=1.0, interval_s=0.05, headers={"Host": "${SITE}"}
    )
    release = make(modules={"app.py": FOREVER}, readiness=ready)
    release.env["SITE"] = f"a{os.linesep}b"
    running = release.begin("foreground")
    assert running.wait() == 1
    assert "cannot use the setting readiness.http: the header Host has a value that is no line" in running.errors()


def test_a_stop_in_that_moment_is_an_orderly_end(make: Make) -> None:
    release = make(modules={"app.py": FOREVER}, readiness=started(600.0))
    running = release.foreground(until="[release] app 1.0.0")
    eventually(lambda: pid_of(release))
    assert release.run("stop").returncode == 0
    assert running.wait() == 0
    assert release.leftovers() == []


@pytest.mark.parametrize("code", [FOREVER, FORKS])
def test_a_supervisor_that_is_killed_while_it_waits_leaves_nothing(make: Make, code: str) -> None:
    release = make(modules={"app.py": code}, readiness=started(600.0))
    running = release.foreground(until="[release] app 1.0.0")
    eventually(lambda: pid_of(release))
    running.signal(signal.SIGKILL)
    running.wait()
    eventually(lambda: release.processes() == {})


def test_an_instance_that_is_killed_in_that_moment_was_never_ready(make: Make) -> None:
    hooks = [("post_start", "20-note", 'touch "$RELEASE_VAR/hooked"')]
    release = make(modules={"app.py": FOREVER}, readiness=started(600.0), heart=Heart(is_on=True), hooks=hooks)
    running = release.foreground(until="[release] app 1.0.0")
    os.kill(eventually(lambda: pid_of(release)), signal.SIGKILL)
    assert running.wait() == 137
    assert "ended before it was ready: the app was killed by signal 9" in running.errors()
    assert not (release.var / "hooked").exists()
    assert release.leftovers() == []
