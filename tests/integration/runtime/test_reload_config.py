"""`reload_config`: what changed on the host reaches the functions that the app registered, and no value is shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.running import Release, ended, make_release

from releaser.runtime.release.manifest import Entry, Heart, Liveness, Process, Readiness

APP = """\
import os, threading
from releaser.runtime import on_reload

taken = []

@on_reload
def take(changed):
    if changed.get("LEVEL") == "unknown-level":
        raise ValueError(f"no such level: {changed['LEVEL']}")
    taken.append(changed)

@on_reload
async def take_on_the_loop(changed):
    taken.append(sorted(changed))

def told():
    result = list(taken)
    taken.clear()
    return result

def main():
    threading.Event().wait()
"""
DEAF = "import threading\ndef main(): threading.Event().wait()\n"


WORKER = Process(
    name="worker",
    entry=Entry(kind="callable", target="deaf:main", argv0="worker", args=[]),
    readiness=Readiness(kind="started", target="", timeout_s=10.0, interval_s=0.05),
    heart=Heart(),
    liveness=Liveness(),
    replicas=1,
    sockets=[],
)


def release_in(folder: Path, app: str, **fields: Any) -> Release:
    release = make_release(folder / "r", folder / "s", modules={"app.py": app, "deaf.py": DEAF}, **fields)
    release.env["FROM_HOST"] = "host"
    write_env(release, "LEVEL=info")
    return release


@pytest.fixture
def release(tmp_path: Path) -> Iterator[Release]:
    fields = {"env": {"GREETING": "hello ${LEVEL}"}, "env_file": str(tmp_path / "settings")}
    (tmp_path / "settings").write_text("PASSWORD=first-secret\nOLD=x\n")
    with ended(release_in(tmp_path, APP, **fields)) as release:
        release.foreground()
        yield release


def write_env(release: Release, *lines: str) -> None:
    """Write env.sh as an operator does."""
    (release.root / "releases" / "1.0.0" / "env.sh").write_text("".join(f"{line}\n" for line in lines))


def told(release: Release) -> Any:
    return json.loads(release.run("rpc", "--json", "app:told").stdout)


def reload_config(release: Release, **env: str) -> tuple[int, str, str]:
    done = release.run("reload_config", env={**release.env, **env})
    return done.returncode, done.stdout, done.stderr


def test_what_changed_is_handed_over_once(release: Release, tmp_path: Path) -> None:
    assert reload_config(release) == (0, "nothing has changed\n", "")
    write_env(release, "LEVEL=debug")
    (tmp_path / "settings").write_text("PASSWORD=second-secret\n")
    assert reload_config(release) == (0, "changed: GREETING, LEVEL, OLD, PASSWORD\n", "")
    new = {"GREETING": "hello debug", "LEVEL": "debug", "OLD": None, "PASSWORD": "second-secret"}
    assert told(release) == [new, sorted(new)]
    assert reload_config(release) == (0, "nothing has changed\n", "")
    assert told(release) == []


def test_the_callers_own_environment_changes_nothing(release: Release) -> None:
    assert reload_config(release, FROM_HOST="operator", LEVEL="loud", MORE="x") == (0, "nothing has changed\n", "")


def test_a_change_that_the_app_refuses_is_offered_again_and_not_shown(release: Release) -> None:
    write_env(release, "LEVEL=unknown-level")
    for _ in range(2):
        code, stdout, stderr = reload_config(release)
        assert (code, stdout) == (1, "")
        assert "ValueError: no such level: (hidden)\n" in stderr
        assert stderr.endswith(
            "error: the app did not take its new configuration\n"
            "  now: the change is offered again at the next reload_config\n"
        )
        assert "unknown-level" not in stderr
    write_env(release, "LEVEL=info", "MORE=x")
    assert reload_config(release) == (0, "changed: MORE\n", "")


def test_a_configuration_that_cannot_be_used_reaches_nobody(release: Release, tmp_path: Path) -> None:
    write_env(release, "LEVEL=debug")
    (tmp_path / "settings").write_text("no variable\n")
    code, stdout, stderr = reload_config(release)
    assert (code, stdout) == (3, "")
    assert stderr.count("error: ") == 1
    assert "  now: the app goes on with the configuration that it has\n" in stderr
    assert told(release) == []


def test_an_app_that_listens_to_no_change_needs_a_restart(tmp_path: Path) -> None:
    with ended(release_in(tmp_path, DEAF)) as release:
        assert reload_config(release) == (4, "", "error: app is not running\n")
        release.foreground()
        assert reload_config(release) == (
            1,
            "",
            "error: the app has registered no function with releaser.runtime.on_reload\n"
            "  now: the app goes on with the configuration that it has\n"
            "      hint: `restart` starts it with the new one\n",
        )
        assert reload_config(release)[0] == 1
        assert release.run("reload_config", "x").returncode == 2


def test_an_instance_that_is_started_anew_begins_with_what_was_taken(release: Release, tmp_path: Path) -> None:
    long = "x" * 100_000
    write_env(release, "LEVEL=debug", f"LONG={long}")
    (tmp_path / "settings").write_text("PASSWORD=second-secret\n")
    assert reload_config(release)[0] == 0
    before = release.run("rpc", "os:getpid").stdout
    assert release.run("restart", "main").returncode == 0
    assert release.run("rpc", "os:getpid").stdout != before
    names = ("GREETING", "LEVEL", "PASSWORD", "LONG", "OLD", "FROM_HOST", "RELEASE_COMMAND")
    found = [release.run("rpc", "--json", "os:getenv", f'"{name}"').stdout.strip() for name in names]
    assert found == [
        '"hello debug"',
        '"debug"',
        '"second-secret"',
        f'"{long}"',
        "null",
        '"host"',
        '"foreground"',
    ]
    assert reload_config(release) == (0, "nothing has changed\n", "")


def test_what_the_app_refused_reaches_no_instance(release: Release) -> None:
    write_env(release, "LEVEL=unknown-level")
    assert reload_config(release)[0] == 1
    assert release.run("restart", "main").returncode == 0
    assert release.run("rpc", "os:getenv", "LEVEL").stdout == "info\n"


def test_a_process_that_listens_to_no_change_has_it_after_its_restart(tmp_path: Path) -> None:
    with ended(release_in(tmp_path, APP, processes=[WORKER])) as release:
        release.foreground()
        write_env(release, "LEVEL=debug")
        code, stdout, stderr = reload_config(release)
        assert (code, stdout) == (1, "[worker]\n[main]\nchanged: LEVEL\n")
        assert "the app has registered no function" in stderr
        assert release.run("restart", "worker").returncode == 0
        assert release.run("rpc", "--process", "worker", "os:getenv", "LEVEL").stdout == "debug\n"
