"""What an upgrade has to do with besides the app: several processes, the heart, systemd, and the database."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.handmade import write_record
from support.migrated import ACCOUNTS, revision, write_several
from support.running import Release, base_environment, ended, make_release, write_launcher
from support.waiting import eventually

from releaser.runtime.release.manifest import Entry, Heart, Liveness, Process, Readiness, Socket

APP = """\
import os, threading, time

def main():
    threading.Event().wait()

def version():
    return os.environ["RELEASE_VERSION"]
"""
WORKER = """\
import os, sys, time
from pathlib import Path

def main():
    if Path(os.environ["RELEASE_VAR"], "refuse").exists():
        sys.exit("no work today")
    while True:
        time.sleep(0.02)
"""
SOCKETS = [Socket(name="web", address="127.0.0.1:0")]


def make_two(tmp_path: Path, **fields: Any) -> Release:
    """Write versions 1.0.0 and 2.0.0 of a release into one root."""
    for version in ("1.0.0", "2.0.0"):
        release = make_release(
            tmp_path / "release",
            tmp_path / "scratch",
            modules={"app.py": APP, "worker.py": WORKER},
            version=version,
            sockets=SOCKETS,
            **fields,
        )
    (release.root / "releases/default").write_text("1.0.0\n")
    return release


def worker(**fields: Any) -> Process:
    settings: dict[str, Any] = {
        "name": "worker",
        "entry": Entry(kind="callable", target="worker:main", argv0="worker", args=[]),
        "readiness": Readiness(kind="started", target="", timeout_s=20.0, interval_s=0.05),
        "heart": Heart(),
        "liveness": Liveness(),
        "replicas": 2,
        "sockets": [],
        **fields,
    }
    return Process(**settings)


def instances(release: Release) -> dict[str, tuple[str, int]]:
    return {each["process"]: (each["version"], each["pid"]) for each in release.status()["instances"]}


def test_every_process_is_replaced_or_none(tmp_path: Path) -> None:
    notify = Readiness(kind="call", target="worker:main.__name__.isidentifier", timeout_s=20.0, interval_s=0.05)
    release = make_two(tmp_path, processes=[worker(readiness=notify)])
    with ended(release):
        running = release.foreground()
        before = instances(release)
        assert set(before) == {"main", "worker.1", "worker.2"}
        (release.var / "refuse").write_text("")
        answer = release.run("upgrade", "2.0.0")
        assert answer.returncode == 1
        assert "was rolled back: the new instance worker." in answer.stderr
        assert instances(release) == before
        (release.var / "refuse").unlink()
        assert release.run("upgrade", "2.0.0").returncode == 0
        after = instances(release)
        assert {version for version, _ in after.values()} == {"2.0.0"}
        assert {pid for _, pid in after.values()}.isdisjoint({pid for _, pid in before.values()})
        assert release.run("rpc", "--process", "worker.2", "os:getpid").stdout == f"{after['worker.2'][1]}\n"
        assert release.run("restart", "worker").returncode == 0
        assert instances(release)["worker.1"][0] == "2.0.0"
        assert release.run("stop").returncode == 0
        assert running.wait() == 0
        assert release.leftovers() == []


def test_the_heart_beats_on_for_the_new_version(tmp_path: Path) -> None:
    heart = Heart(is_on=True, restarts=3, backoff_s=0.05, backoff_max_s=1.0, reset_after_s=60.0)
    release = make_two(tmp_path, heart=heart)
    with ended(release):
        release.foreground()
        assert release.run("upgrade", "2.0.0").returncode == 0
        before = instances(release)["main"]
        os.kill(before[1], signal.SIGKILL)
        eventually(lambda: instances(release)["main"][1] not in (None, before[1]), within=20)
        assert instances(release)["main"][0] == "2.0.0"
        eventually(lambda: release.run("rpc", "app:version").stdout == "2.0.0\n", within=20)


def test_the_manager_hears_of_a_reload_and_of_the_same_main_process(tmp_path: Path) -> None:
    release = make_two(tmp_path)
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(tmp_path / "notify"))
    manager.setblocking(False)
    release.env |= {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1500000"}
    said: list[str] = []

    def lines() -> list[str]:
        while True:
            try:
                said.extend(manager.recv(65536).decode().split("\n"))
            except BlockingIOError:
                return said

    with manager, ended(release):
        running = release.foreground()
        eventually(lambda: "READY=1" in lines())
        said.clear()
        assert release.run("upgrade", "2.0.0").returncode == 0
        eventually(lambda: "READY=1" in lines(), within=20)
        assert said.index("RELOADING=1") < said.index("READY=1")
        assert "STATUS=running 2.0.0" in said
        assert f"MAINPID={running.pid}" in said
        assert not any(line.startswith("STOPPING") for line in said)
        said.clear()
        eventually(lambda: "WATCHDOG=1" in lines(), within=20)
        assert release.run("stop").returncode == 0


LATER = revision("a004", "a003", "add a colour", 'op.add_column("account", sa.Column("colour", sa.String(20)))')
COMPATIBLE = LATER.replace("down_revision", 'release = {"compatible": True}\ndown_revision', 1)


@pytest.fixture
def migrated(tmp_path: Path) -> Callable[..., Release]:
    """Return a function that writes two versions whose second has one revision more."""

    def write(run: str, later: str) -> Release:
        root = tmp_path / "release"
        for version, revisions in (("1.0.0", ACCOUNTS), ("2.0.0", {**ACCOUNTS, "a004": later})):
            write_several(
                root,
                {"accounts": revisions},
                settings={"accounts": {"run": run}},
                modules={"app.py": f"{APP}# {version}\n"},
                version=version,
                sockets=SOCKETS,
            )
            write_launcher(root, "app", version)
            write_record(root, version)
        (root / "releases/default").write_text("1.0.0\n")
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        env = {**base_environment(), "ACCOUNTS_URL": f"sqlite:///{tmp_path}/accounts.sqlite3"}
        return Release(root=root, scratch=scratch, env=env)

    return write


def columns(tmp_path: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(tmp_path / "accounts.sqlite3")) as connection:
        return [row[1] for row in connection.execute("PRAGMA table_info(account)")]


@pytest.mark.parametrize("run", ["pre_start", "post_start"])
def test_an_upgrade_migrates_and_a_rollback_does_not(
    migrated: Callable[..., Release], tmp_path: Path, run: str
) -> None:
    release = migrated(run, COMPATIBLE)
    with ended(release):
        assert release.run("migrate").returncode == 0
        release.foreground()
        answer = release.run("upgrade", "2.0.0")
        assert answer.returncode == 0, answer.stderr
        event = "pre_upgrade" if run == "pre_start" else "post_upgrade"
        assert f"[{event} migrate] [1/1] a004 add a colour: done" in answer.stdout
        assert columns(tmp_path)[-1] == "colour"
        answer = release.run("rollback")
        assert answer.returncode == 0, answer.stderr
        assert release.status()["version"] == "1.0.0"
        assert columns(tmp_path)[-1] == "colour"


def test_a_rollback_is_refused_where_the_older_version_cannot_run_on_the_database(
    migrated: Callable[..., Release], tmp_path: Path
) -> None:
    release = migrated("pre_start", LATER)
    with ended(release):
        assert release.run("migrate").returncode == 0
        release.foreground()
        assert release.run("upgrade", "2.0.0").returncode == 0
        before = instances(release)
        answer = release.run("rollback")
        assert answer.returncode == 13
        assert "app 1.0.0 cannot run on the database as it is" in answer.stderr
        assert "now: 2.0.0 goes on" in answer.stderr
        assert instances(release) == before
        assert (release.var / "current").read_text() == "2.0.0\n"


def test_a_crash_of_the_old_version_meanwhile_ends_the_upgrade_and_its_heart_beats_on(tmp_path: Path) -> None:
    heart = Heart(is_on=True, restarts=3, backoff_s=0.05, backoff_max_s=1.0, reset_after_s=60.0)
    waits = Readiness(kind="call", target="app:is_second_choice", timeout_s=60.0, interval_s=0.05)
    for version in ("1.0.0", "2.0.0"):
        release = make_release(
            tmp_path / "release",
            tmp_path / "scratch",
            modules={"app.py": f"{APP}\ndef is_second_choice():\n    return version() == '1.0.0'\n"},
            version=version,
            sockets=SOCKETS,
            heart=heart,
            readiness=waits,
        )
    (release.root / "releases/default").write_text("1.0.0\n")
    with ended(release):
        release.foreground()
        _, pid = instances(release)["main"]
        client = release.begin("upgrade", "2.0.0")
        eventually(lambda: release.status()["upgrade"], within=30)
        os.kill(pid, signal.SIGKILL)
        assert client.wait() == 1
        assert "was rolled back: 1.0.0 crashed meanwhile" in client.errors()
        eventually(lambda: release.run("rpc", "app:version").stdout == "1.0.0\n", within=30)
        assert release.run("stop").returncode == 0
        assert release.leftovers() == []
