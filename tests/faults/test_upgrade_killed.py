"""An upgrade whose supervisor is killed in each of its steps: one version is current, and it starts."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.running import Release, ended, make_release
from support.waiting import eventually

from releaser.runtime.release.manifest import Readiness, Socket
from releaser.runtime.supervisor.upgrade import steps

APP = """\
import os, signal, time
from pathlib import Path
var = Path(os.environ["RELEASE_VAR"])
version = os.environ["RELEASE_VERSION"]

def held(step):
    return (var / "hold").exists() and (var / "hold").read_text() == step

def main():
    while held("boot") and version == "2.0.0":
        time.sleep(0.02)
    signal.signal(signal.SIGTERM, lambda *_: told.append(True))
    ready.append(True)
    while not told or held("drain"):
        time.sleep(0.02)

ready = []
told = []

def is_ready():
    return bool(ready)
"""
HOLD = """\
#!/bin/sh
echo "$RELEASE_EVENT" >>"$RELEASE_VAR/ran"
while [ "$(cat "$RELEASE_VAR/hold" 2>/dev/null)" = "$RELEASE_EVENT" ]; do sleep 0.05; done
"""
EVENTS = ("pre_upgrade", "post_upgrade")
BOOT = steps.describe(steps.BESIDE, steps.BOOT)
DRAIN = steps.describe(steps.BESIDE, steps.DRAIN)
STOP = steps.describe(steps.IN_TURN, steps.DRAIN)


@pytest.fixture(params=[True, False], ids=["beside", "in_turn"])
def release(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Release]:
    sockets = [Socket(name="web", address="127.0.0.1:0")] if request.param else []
    for version in ("1.0.0", "2.0.0"):
        release = make_release(
            tmp_path / "release",
            tmp_path / "scratch",
            modules={"app.py": APP},
            version=version,
            hooks=[(event, "20-hold", HOLD) for event in EVENTS],
            hook_fields={"timeout_s": 120.0, "on_failure": "warn"},
            stop_timeout_s=60.0,
            sockets=sockets,
            readiness=Readiness(kind="call", target="app:is_ready", timeout_s=60.0, interval_s=0.02),
        )
    (release.root / "releases/default").write_text("1.0.0\n")
    release.var.mkdir()
    with ended(release):
        yield release


def ran(release: Release) -> list[str]:
    path = release.var / "ran"
    return path.read_text().split() if path.exists() else []


def step(release: Release) -> str:
    upgrade = release.status()["upgrade"]
    return upgrade["step"] if upgrade else ""


STEPS = {
    "pre_upgrade": ("1.0.0", lambda release: "pre_upgrade" in ran(release)),
    "boot": ("1.0.0", lambda release: step(release) == BOOT),
    "drain": ("2.0.0", lambda release: step(release) == DRAIN),
    "post_upgrade": ("2.0.0", lambda release: "post_upgrade" in ran(release)),
    "after": ("2.0.0", lambda release: release.status()["version"] == "2.0.0" and not step(release)),
}


@pytest.mark.parametrize("held", STEPS)
@pytest.mark.parametrize("victims", ["supervisor", "everything"])
def test_kill_9_in_a_step_of_an_upgrade(release: Release, held: str, victims: str) -> None:
    version, has_come = STEPS[held]
    running = release.foreground()
    if held == "drain" and not release.status()["sockets"]:
        version, has_come = "1.0.0", lambda release: step(release) == STOP
    (release.var / "hold").write_text(held)
    client = release.begin("upgrade", "2.0.0")
    eventually(lambda: has_come(release), within=30)
    killed = [running.pid] if victims == "supervisor" else [*release.processes()]
    for pid in killed:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    running.wait()
    (release.var / "hold").unlink()
    client.wait()
    assert release.run("version").stdout == f"{version}\n"
    again = release.foreground()
    report = release.status()
    assert (report["version"], report["pid"], report["state"]) == (version, again.pid, "running")
    assert release.run("stop").returncode == 0
    assert again.wait() == 0
    eventually(lambda: release.leftovers() == [], within=20)


@pytest.mark.parametrize("held", ["boot", "drain"])
def test_a_stop_in_a_step_of_an_upgrade_ends_everything_in_order(release: Release, held: str) -> None:
    running = release.foreground()
    (release.var / "hold").write_text(held)
    client = release.begin("upgrade", "2.0.0")
    awaited = (BOOT,) if held == "boot" else (DRAIN, STOP)
    eventually(lambda: step(release) in awaited, within=30)
    running.signal(signal.SIGTERM)
    running.says("[release] stops (SIGTERM)")
    (release.var / "hold").unlink()
    assert running.wait() == 0
    assert client.wait() == 1
    assert "the upgrade to 2.0.0 was given up: the release stops" in client.errors()
    eventually(lambda: release.leftovers() == [], within=20)


def test_a_killed_client_leaves_the_supervisor_to_its_work(release: Release) -> None:
    running = release.foreground()
    (release.var / "hold").write_text("boot")
    client = release.begin("upgrade", "2.0.0")
    eventually(lambda: step(release) == BOOT, within=30)
    client.signal(signal.SIGKILL)
    client.wait()
    (release.var / "hold").unlink()
    eventually(lambda: release.status()["version"] == "2.0.0", within=30)
    assert release.status()["pid"] == running.pid


def test_a_killed_client_before_that_leaves_the_old_version(release: Release) -> None:
    release.foreground()
    (release.var / "hold").write_text("pre_upgrade")
    client = release.begin("upgrade", "2.0.0")
    eventually(lambda: ran(release) == ["pre_upgrade"], within=30)
    answer = release.run("upgrade", "2.0.0")
    assert answer.returncode == 4
    assert "another" in answer.stderr
    client.signal(signal.SIGKILL)
    client.wait()
    (release.var / "hold").unlink()
    assert release.status()["version"] == "1.0.0"
    assert release.run("upgrade", "2.0.0").returncode == 0
