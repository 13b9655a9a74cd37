"""The units that `generate systemd` writes, run by a real systemd with all of their hardening."""

from __future__ import annotations

import os
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.running import SERVER, Make, making_releases
from support.system_manager import SystemManager, system_manager
from support.waiting import eventually

from releaser.runtime.release.manifest import Socket

APP = """\
import threading
from releaser.runtime import on_reload

@on_reload
def take(changed):
    print("took", sorted(changed), flush=True)

def main():
    print("up", flush=True)
    threading.Event().wait()
"""


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[SystemManager]:
    with system_manager(tmp_path, f"releaser-tests-{os.getpid()}") as found:
        yield found


@pytest.fixture
def make(tmp_path: Path, manager: SystemManager) -> Iterator[Make]:
    with making_releases(tmp_path) as make_one:
        yield make_one


def test_the_service_is_ready_reloads_survives_and_ends_in_order(make: Make, manager: SystemManager) -> None:
    release = make(modules={"app.py": APP})
    release.run("generate", "systemd", "--user", "root", "--output", str(manager.units))
    output = manager.units.parent / "output"
    (manager.units / "app.service.d").mkdir()
    (manager.units / "app.service.d" / "output.conf").write_text(f"[Service]\nStandardOutput=append:{output}\n")
    release.var.mkdir()
    manager.systemctl("daemon-reload")

    started = manager.systemctl("start", "app")
    assert (started.returncode, started.stderr) == (0, "")
    assert manager.show("app", "ActiveState", "StatusText", "NRestarts") == ["active", "running 1.0.0", "0"]
    assert release.run("ping").stdout == "pong\n"

    (release.root / "releases/1.0.0/env.sh").write_text("COLOUR=blue\n")
    assert manager.systemctl("reload", "app").returncode == 0
    eventually(lambda: "took ['COLOUR']" in output.read_text())

    manager.systemctl("kill", "--kill-whom=main", "--signal=KILL", "app")
    manager.becomes("app", ActiveState="active", NRestarts="1")
    eventually(lambda: output.read_text().count("up\n") == 2)

    assert manager.systemctl("stop", "app").returncode == 0
    assert manager.show("app", "ActiveState", "Result", "ExecMainStatus") == ["inactive", "success", "0"]
    assert release.leftovers() == []


def test_the_socket_unit_starts_the_service_with_the_first_request(make: Make, manager: SystemManager) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    release = make(modules={"app.py": SERVER}, sockets=[Socket(name="web", address=address)])
    release.run("generate", "systemd", "--socket", "--user", "root", "--output", str(manager.units))
    release.var.mkdir()
    manager.systemctl("daemon-reload")
    assert manager.systemctl("start", "app.socket").returncode == 0
    assert manager.show("app.service", "ActiveState") == ["inactive"]
    with urllib.request.urlopen(f"http://{address}/health", timeout=60) as answer:
        assert answer.status == 200
    manager.becomes("app.service", ActiveState="active", StatusText="running 1.0.0")
