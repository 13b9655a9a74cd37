"""An `unpack --keep-env` that is killed at each of its steps: env.sh is whole, the old one or the new one."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.handmade import write_record, write_release
from support.running import Release, make_release, write_launcher

from releaser.runtime.release.variables import env_edits

BUILT = "# settings of this host\n"
EDITED = BUILT + "export GREETING=hi\n" * 1000
KILLED = """\
import os, sys
root, number, *words = sys.argv[1:]
package = type(sys)("releaser")
package.__path__ = [f"{root}/releases/1.0.0"]
sys.modules["releaser"] = package
left = int(number)

def counted(function):
    def call(*arguments, **more):
        global left
        if left == 0:
            os.kill(os.getpid(), 9)
        left -= 1
        return function(*arguments, **more)
    return call

for name in ("makedirs", "fchmod", "fchown", "fsync", "rename", "rmdir"):
    setattr(os, name, counted(getattr(os, name)))

from releaser.runtime.release.context import Context
from releaser.runtime.release.variables.env_edits import Edits
from releaser.runtime.release.layout import Layout

Edits(Context(Layout.of(root, "1.0.0", {}), "app", {}), "1.0.0", "2.0.0").carry_over()
"""
"""Runs `carry_over`, and dies before the call of that number which changes something on the disk."""
STEPS = ("makedirs", "fchmod", "fchown", "fchmod", "fsync", "rename", "rmdir", "fsync")


@pytest.fixture
def release(tmp_path: Path) -> Release:
    release = make_release(tmp_path / "release", tmp_path / "scratch")
    write_release(release.root, modules={"app.py": ""}, version="2.0.0")
    write_launcher(release.root, "app", "2.0.0")
    write_record(release.root, "2.0.0")
    (release.root / "releases/default").write_text("1.0.0\n")
    env_of(release, "1.0.0").write_text(EDITED)
    assert env_of(release, "2.0.0").read_text() == BUILT
    return release


def env_of(release: Release, version: str) -> Path:
    return release.root / "releases" / version / env_edits.NAME


def carry(release: Release, number: int) -> int:
    words = [sys.executable, "-I", "-S", "-c", KILLED, str(release.root), str(number)]
    return subprocess.run(words, env=release.env, check=False, timeout=60).returncode


@pytest.mark.parametrize("number", range(len(STEPS)), ids=[f"{i}-{name}" for i, name in enumerate(STEPS)])
def test_env_sh_is_whole_whenever_it_is_killed_and_the_next_one_finishes(release: Release, number: int) -> None:
    assert carry(release, number) == -signal.SIGKILL
    is_there = number > STEPS.index("rename")
    assert env_of(release, "2.0.0").read_text() == (EDITED if is_there else BUILT)
    assert env_of(release, "1.0.0").read_text() == EDITED
    assert release.run("versions").stdout.splitlines() == ["1.0.0  current, default", "2.0.0"]
    assert carry(release, 1000) == (0 if not is_there else 1)  # there is nothing left to carry over
    assert env_of(release, "2.0.0").read_text() == EDITED
    done = release.run("remove", "2.0.0")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (release.root / "releases").iterdir()) == ["1.0.0", "default"]


def test_the_steps_are_all_that_there_are(release: Release) -> None:
    assert carry(release, len(STEPS)) == 0
