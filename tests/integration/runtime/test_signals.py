"""Each row of the table in docs/reference/signals.md, for a release that runs plainly, as process 1, without stdin."""

from __future__ import annotations

import os
import pty
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.running import Release, Running, ended, make_release
from support.waiting import eventually

import releaser.runtime

PAGE = Path(releaser.runtime.__file__).parents[1] / "docs" / "reference" / "signals.md"
APP = """\
import os, signal, subprocess, sys, time

def main():
    def tell(number, frame):
        print("got", signal.Signals(number).name, flush=True)
    def leave(number, frame):
        tell(number, frame)
        if "stubborn" not in sys.argv:
            sys.exit(0)
    if "plain" not in sys.argv:
        for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, tell)
        signal.signal(signal.SIGTERM, leave)
    print("serving", flush=True)
    while True:
        time.sleep(0.02)

def orphan():
    subprocess.run(["sh", "-c", "sleep 300 >/dev/null 2>&1 &"], stdin=subprocess.DEVNULL, check=True)
"""
RECORD = '#!/bin/sh\necho "$RELEASE_EVENT" >>"$RELEASE_VAR/events"\n'
WAYS = ("plain", "process 1", "no stdin")
PASSED_ON = ("HUP", "QUIT", "USR1", "USR2")
# What is sent, to which kind of app, the exit code, and what is said of it: the rows of the table that end the release.
ENDS = {
    "TERM": ("", 0, "stops (SIGTERM)"),
    "INT": ("", 0, "stops (SIGINT)"),
    "TERM, the app does not end": ("stubborn", 137, "it did not end in 0.3 s after SIGTERM"),
    "INT twice, the app does not end": ("stubborn", 137, "asked twice"),
    "QUIT, the app has no handler": ("plain", 131, "the app was killed by signal 3"),
    "USR1, the app has no handler": ("plain", 138, "the app was killed by signal 10"),
}


def begin(release: Release, way: str, *args: str, **options: Any) -> Running:
    """Start the release in one of the ways; `supervisor` finds the process that signals go to."""
    if way == "process 1":
        if os.getuid() != 0:
            pytest.skip("needs to make a PID namespace")
        release.shell = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
    elif way == "no stdin":
        release.shell = ("sh", "-c", 'exec "$@" <&-', "sh")
    running = release.foreground(*args, **options)
    release.shell = ()
    running.says("serving")
    return running


def supervisor(running: Running, way: str) -> int:
    """Return the supervisor's process id, as it is outside of its namespace."""
    return children(running.pid)[0] if way == "process 1" else running.pid


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def release_in(folder: Path, stop_timeout_s: float = 30.0) -> Release:
    hooks = [(event, "20-record", RECORD) for event in ("pre_stop", "post_stop")]
    return make_release(
        folder / "release",
        folder / "scratch",
        modules={"app.py": APP},
        hooks=hooks,
        stop_timeout_s=stop_timeout_s,
    )


@pytest.fixture(scope="module", params=WAYS)
def lasting(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, int]]:
    """A release that the signals of several tests do not end, and its supervisor."""
    release = release_in(tmp_path_factory.mktemp("lasting"))
    with ended(release):
        running = begin(release, request.param)
        yield running, supervisor(running, request.param)


@pytest.mark.parametrize("name", PASSED_ON)
def test_the_app_gets_a_signal_that_is_passed_on_and_the_release_goes_on(
    lasting: tuple[Running, int], name: str
) -> None:
    running, pid = lasting
    os.kill(pid, signal.Signals[f"SIG{name}"])
    running.says(f"got SIG{name}")
    assert running.process.poll() is None
    assert "stops (" not in running.errors()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("row", ENDS)
def test_a_signal_that_ends_the_release_runs_its_stop_hooks(tmp_path: Path, row: str, way: str) -> None:
    kind, code, said = ENDS[row]
    waits_for_ever = row.startswith("INT twice")
    release = release_in(tmp_path, stop_timeout_s=600.0 if waits_for_ever else 0.3 if kind == "stubborn" else 30.0)
    with ended(release):
        running = begin(release, way, *([kind] if kind else []))
        pid = supervisor(running, way)
        number = signal.Signals[f"SIG{re.split('[ ,]', row)[0]}"]
        os.kill(pid, number)
        if waits_for_ever:
            running.says("got SIGTERM")
            os.kill(pid, number)
        assert running.wait() == code
        assert said in running.errors()
        events = (release.var / "events").read_text().split()
        assert events == (["post_stop"] if kind == "plain" else ["pre_stop", "post_stop"])
        assert release.leftovers() == []


@pytest.mark.parametrize("way", WAYS)
def test_kill_leaves_no_process(tmp_path: Path, way: str) -> None:
    release = release_in(tmp_path, stop_timeout_s=0.3)
    with ended(release):
        running = begin(release, way, "stubborn")
        os.kill(supervisor(running, way), signal.SIGKILL)
        # 1 is how unshare told it before version 2.41 of util-linux, which ends itself by the same signal.
        assert running.wait() in ((1, 137) if way == "process 1" else (137,))
        eventually(lambda: not release.processes())
        assert not (release.var / "events").exists()


@pytest.mark.parametrize("way", ["plain", "process 1"])
def test_the_end_of_its_terminal_is_an_orderly_stop(tmp_path: Path, way: str) -> None:
    release = release_in(tmp_path)
    ours, its = pty.openpty()
    with ended(release):
        running = begin(release, way, stdin=its)
        os.kill(supervisor(running, way), signal.SIGHUP)
        assert running.wait() == 0
        assert "stops (SIGHUP: the terminal is gone)" in running.errors()
        assert (release.var / "events").read_text().split() == ["pre_stop", "post_stop"]
    os.close(ours)
    os.close(its)


def test_process_1_reaps_orphans(tmp_path: Path) -> None:
    release = release_in(tmp_path)
    with ended(release):
        running = begin(release, "process 1")
        pid = supervisor(running, "process 1")
        before = set(children(pid))
        assert release.run("rpc", "app:orphan").returncode == 0
        (orphan,) = eventually(lambda: set(children(pid)) - before)
        os.kill(orphan, signal.SIGKILL)
        eventually(lambda: orphan not in children(pid))
        os.kill(pid, signal.SIGTERM)
        assert running.wait() == 0


def test_the_page_has_a_row_for_each_of_these() -> None:
    table = [[cell.strip() for cell in line.split("|")] for line in PAGE.read_text().splitlines() if line[:2] == "| "]
    codes = {cells[1]: cells[3] for cells in table if cells[1] not in ("sent", "---")}
    ending = {row: str(code) for row, (_, code, _) in ENDS.items()}
    assert codes == {
        **ending,
        **dict.fromkeys(PASSED_ON, "it goes on"),
        "HUP, in a terminal": "0",
        "KILL": "137",
    }
