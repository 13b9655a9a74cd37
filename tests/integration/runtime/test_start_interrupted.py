"""Ctrl-C while `start` waits: what was started ends with it, whenever it comes, whatever the caller has blocked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.running import Make, Release, making_releases
from support.waiting import eventually

SLOW = [("pre_start", "10-slow", '#!/bin/sh\necho x >"$RELEASE_VAR/slow"\nexec sleep 600\n')]
STUBBORN = [("pre_start", "10-slow", '#!/bin/sh\ntrap "" TERM INT\necho x >"$RELEASE_VAR/slow"\nexec sleep 600\n')]
AT_ONCE = """\
import os, runpy, signal, sys
spawn = os.posix_spawn

def spawn_and_interrupt(*words, **options):
    pid = spawn(*words, **options)
    signal.raise_signal(signal.SIGINT)
    return pid

os.posix_spawn = spawn_and_interrupt
runpy.run_path(sys.argv.pop(1), run_name="__main__")
"""
"""Runs a command of a release with a SIGINT just after the process behind `start` was begun."""


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    with making_releases(tmp_path) as make_one:
        yield make_one


def block_everything() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP})


def is_told_and_nothing_is_left(release: Release, errors: str) -> None:
    assert errors == "error: app 1.0.0 was interrupted while it started\n  now: nothing is running\n"
    eventually(lambda: release.leftovers() == [], within=20)
    assert release.run("ping").returncode == 4


@pytest.mark.parametrize("prepare", [None, block_everything], ids=["plain", "blocked by the caller"])
def test_what_was_started_ends_with_it(make: Make, prepare: None) -> None:
    release = make(hooks=SLOW)
    starting = release.begin("start", preexec_fn=prepare)
    eventually((release.var / "slow").exists)
    starting.signal(signal.SIGINT)
    assert starting.wait() == 130
    is_told_and_nothing_is_left(release, starting.errors())


def test_an_interruption_just_after_the_process_was_begun_ends_it_too(make: Make) -> None:
    release = make(hooks=SLOW)
    runtime = release.root / "releases/1.0.0/runtime/__main__.py"
    words = [sys.executable, "-I", "-S", "-B", "-c", AT_ONCE, str(runtime), str(release.root), "1.0.0", "start"]
    done = subprocess.run(words, env=release.env, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    assert done.returncode == 130, done.stderr
    is_told_and_nothing_is_left(release, done.stderr)


def test_further_interruptions_kill_what_does_not_end(make: Make) -> None:
    release = make(hooks=STUBBORN)
    starting = release.begin("start")
    eventually((release.var / "slow").exists)
    while starting.process.poll() is None:
        starting.signal(signal.SIGINT)
        eventually(lambda: starting.process.poll() is not None or _is_asleep(starting.pid), within=20)
    assert starting.wait() == 130
    is_told_and_nothing_is_left(release, starting.errors())


def test_a_release_whose_starter_has_signals_blocked_stops_on_them_all_the_same(make: Make) -> None:
    release = make(modules={"app.py": "import threading\n\ndef main():\n    threading.Event().wait()\n"})
    assert release.begin("start", preexec_fn=block_everything).wait() == 0
    os.kill(int(release.run("pid").stdout), signal.SIGTERM)
    eventually(lambda: release.leftovers() == [], within=20)


def _is_asleep(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in ("S", "Z")
