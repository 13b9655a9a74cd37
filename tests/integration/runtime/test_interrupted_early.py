"""Ctrl-C while a command of a release is still imported, and once it is done: the exit code, and never a traceback."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.running import Make, Release, making_releases

AT_IMPORT = """\
import runpy, signal, sys
name = sys.argv.pop(1)

class Interrupting:
    def find_spec(self, fullname, path=None, target=None):
        if fullname == name:
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
runpy.run_path(sys.argv.pop(1), run_name="__main__")
"""
"""Runs a command of a release with a SIGINT when a module is looked for."""
AT_THE_END = """\
import atexit, runpy, signal, sys
atexit.register(signal.raise_signal, signal.SIGINT)
runpy.run_path(sys.argv.pop(1), run_name="__main__")
"""
LOST = """\
import runpy, signal, sys, weakref

class Lost:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

class Interrupting:
    def find_spec(self, fullname, path=None, target=None):
        if fullname == "releaser.runtime.supervisor.supervisor":
            Lost()

sys.meta_path.insert(0, Interrupting())
runpy.run_path(sys.argv.pop(1), run_name="__main__")
"""
"""With one where Python drops what is raised: the command would go on."""


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    with making_releases(tmp_path) as make_one:
        yield make_one


def run(release: Release, program: str, *words: str, **options: object) -> subprocess.CompletedProcess[str]:
    front, command = words[:-1], words[-1]
    runtime = str(release.root / "releases/1.0.0/runtime/__main__.py")
    return subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", program, *front, runtime, str(release.root), "1.0.0", command],
        env=release.env,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        **options,  # type: ignore[call-overload]
    )


@pytest.mark.parametrize("command", ["foreground", "start", "version", "verify"])
@pytest.mark.parametrize("module", ["commands.command_line", "release.writing", "release.context", "release.manifest"])
def test_while_modules_are_imported_it_ends_with_130_and_nothing_to_tell(make: Make, module: str, command: str) -> None:
    release = make()
    done = run(release, AT_IMPORT, f"releaser.runtime.{module}", command)

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
    assert release.leftovers() == []


def test_one_that_python_would_lose_ends_foreground_all_the_same(make: Make) -> None:
    done = run(make(), LOST, "foreground")

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_once_the_command_is_done_it_changes_nothing(make: Make) -> None:
    done = run(make(), AT_THE_END, "version")

    assert (done.returncode, done.stdout, done.stderr) == (0, "1.0.0\n", "")


def test_one_that_the_caller_ignores_stays_ignored(make: Make) -> None:
    done = run(
        make(),
        AT_IMPORT,
        "releaser.runtime.release.writing",
        "version",
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )

    assert (done.returncode, done.stdout) == (0, "1.0.0\n")
