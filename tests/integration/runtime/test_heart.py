"""Instances that crash, hang, or are several: kept alive, counted, and given up in the end."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.running import Make, Release, Running, making_releases
from support.waiting import eventually

from releaser.runtime.release.manifest import Entry, Heart, Liveness, Process, Readiness, Socket

FOREVER = (
    "import time\ndef main():\n    print('up', flush=True)\n    while True: time.sleep(0.05)\n"
    "def worker():\n    main()\n"
)
FAST = Heart(is_on=True, restarts=2, backoff_s=0.05, backoff_max_s=0.1, reset_after_s=60.0)
RECORD = '#!/bin/sh\necho "$RELEASE_EVENT" >>"$RELEASE_VAR/events"\n'


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    with making_releases(tmp_path) as make_one:
        yield lambda code=FOREVER, **options: make_one(modules={"app.py": code}, **{"heart": FAST, **options})


def process(name: str, **fields: Any) -> Process:
    values: dict[str, Any] = {
        "entry": Entry(kind="callable", target="app:worker", argv0=name, args=[]),
        "readiness": Readiness(kind="started", target="", timeout_s=10.0, interval_s=0.05),
        "heart": Heart(),
        "liveness": Liveness(),
        "replicas": 1,
        "sockets": [],
    }
    return Process(name=name, **(values | fields))


def instances(release: Release) -> dict[str, dict[str, Any]]:
    return {instance["process"]: instance for instance in release.status()["instances"]}


def crash(release: Release, name: str = "main") -> None:
    """Kill an instance and wait until another one is ready."""
    before = instances(release)[name]["pid"]
    os.kill(before, signal.SIGKILL)
    eventually(lambda: instances(release)[name]["ready"] and instances(release)[name]["pid"] != before)


def test_a_crashed_instance_is_started_again_and_counted(make: Make) -> None:
    release = make(hooks=[("post_start", "20-record", RECORD)])
    running = release.foreground()
    crash(release)
    assert instances(release)["main"]["restarts"] == 1
    assert instances(release)["main"]["last_exits"] == ["was killed by signal 9"]
    assert "the app was killed by signal 9; starts again in 0.1 s (restart 1 of 2)" in running.errors()
    assert release.run("ping").returncode == 0
    assert (release.var / "events").read_text().split() == ["post_start"]
    assert "restarts 1" in release.run("status").stdout
    assert release.run("stop").returncode == 0
    assert running.wait() == 0
    assert release.leftovers() == []


def test_while_it_waits_to_start_again_the_release_is_not_ready(make: Make) -> None:
    release = make(heart=Heart(is_on=True, restarts=2, backoff_s=600.0, backoff_max_s=600.0))
    running = release.foreground()
    os.kill(instances(release)["main"]["pid"], signal.SIGKILL)
    running.says("starts again in")
    assert release.run("ping").returncode == 4
    assert release.run("ping", "--alive").returncode == 0
    assert instances(release)["main"]["state"] == "waiting"
    running.signal(signal.SIGTERM)
    assert running.wait() == 0
    assert release.leftovers() == []


def test_a_crash_loop_gives_up_and_tells_the_last_exits(make: Make) -> None:
    code = "import os, time\ndef main():\n    time.sleep(0.1)\n    os._exit(7)\n"
    running = make(code).begin("foreground")
    assert running.wait() == 7
    assert "error: app 1.0.0 ended: the app crashed 3 times in a row" in running.errors()
    assert running.errors().count("  exited with 7\n") == 3
    assert "now: nothing is running" in running.errors()


def test_under_start_the_last_exits_carry_the_end_of_the_log(make: Make) -> None:
    code = "import time\ndef main():\n    time.sleep(0.1)\n    raise RuntimeError('the cause of it')\n"
    release = make(code)
    release.run("start")
    log = release.var / "log" / "app.log"
    eventually(lambda: "crashed 3 times in a row" in log.read_text())
    told = log.read_text().rpartition("crashed 3 times")[2]
    assert told.count("  exited with 1: ") == 3
    assert told.count("the cause of it\n") == 3


def test_an_app_that_ends_with_0_is_not_started_again(make: Make) -> None:
    running = make("import time\ndef main():\n    time.sleep(0.2)\n").begin("foreground")
    assert running.wait() == 0
    assert "starts again" not in running.errors()


def test_a_first_start_that_fails_is_not_tried_again(make: Make) -> None:
    running = make("raise SystemExit(9)\n").begin("foreground")
    assert running.wait() == 9
    assert "starts again" not in running.errors()


HUNG = """\
import http.server, os, threading
from pathlib import Path
var = Path(os.environ["RELEASE_VAR"])
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        while (var / "hang").exists(): threading.Event().wait(0.05)
        self.send_response(200)
        self.end_headers()
    def log_message(self, *args): pass
def is_alive():
    return not (var / "hang").exists()
def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
    server.serve_forever()
"""


@pytest.mark.parametrize(("kind", "target"), [("http", "http://127.0.0.1:${PORT}/"), ("call", "app:is_alive")])
def test_an_instance_that_hangs_is_killed_and_started_again(make: Make, kind: str, target: str) -> None:
    from support.built import free_port

    release = make(
        HUNG,
        liveness=Liveness(kind=kind, target=target, interval_s=0.1, failures=2),
        readiness=Readiness(kind="http", target="http://127.0.0.1:${PORT}/", timeout_s=10.0, interval_s=0.02),
    )
    release.env["PORT"] = str(free_port())
    running = release.foreground()
    before = instances(release)["main"]["pid"]
    (release.var / "hang").write_text("")
    running.says("is not alive")
    (release.var / "hang").unlink()
    eventually(lambda: instances(release)["main"]["ready"] and instances(release)["main"]["pid"] != before)
    assert "2 times in a row" in running.errors()


def test_heartbeats_that_stop_end_the_instance(make: Make) -> None:
    code = (
        "import os, socket, time\nfrom pathlib import Path\ndef main():\n"
        "    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
        "    s.connect(os.environ['NOTIFY_SOCKET'])\n"
        "    pause = int(os.environ['WATCHDOG_USEC']) / 1e6 / 4\n"
        "    while True:\n"
        "        if not (Path(os.environ['RELEASE_VAR']) / 'still').exists(): s.send(b'WATCHDOG=1')\n"
        "        time.sleep(pause)\n"
    )
    release = make(code, liveness=Liveness(kind="heartbeat", interval_s=0.4, failures=1))
    running = release.foreground()
    before = instances(release)["main"]["pid"]
    (release.var / "still").write_text("")
    running.says("is not alive (its heart: no heartbeat")
    (release.var / "still").unlink()
    eventually(lambda: instances(release)["main"]["ready"] and instances(release)["main"]["pid"] != before)


def test_several_processes_live_and_end_together(make: Make) -> None:
    release = make(processes=[process("worker", replicas=2), process("beat")])
    running = release.foreground()
    found = instances(release)
    assert set(found) == {"main", "worker.1", "worker.2", "beat"}
    assert len({instance["pid"] for instance in found.values()}) == 4
    assert all(instance["ready"] for instance in found.values())
    assert running.output().count("up\n") == 4
    running.signal(signal.SIGTERM)
    assert running.wait() == 0
    assert release.leftovers() == []


def test_a_process_without_a_heart_that_crashes_stops_the_release(make: Make) -> None:
    release = make(processes=[process("worker")], hooks=[("pre_stop", "20-record", RECORD)])
    running = release.foreground()
    os.kill(instances(release)["worker"]["pid"], signal.SIGKILL)
    assert running.wait() == 137
    assert "error: app 1.0.0 worker ended: the app was killed by signal 9" in running.errors()
    assert (release.var / "events").read_text() == "pre_stop\n"
    assert release.leftovers() == []


def test_a_process_with_a_heart_is_started_again_while_the_others_go_on(make: Make) -> None:
    release = make(processes=[process("worker", heart=FAST)])
    release.foreground()
    main = instances(release)["main"]["pid"]
    crash(release, "worker")
    assert instances(release)["main"]["pid"] == main
    assert instances(release)["worker"]["restarts"] == 1


def test_a_process_inherits_only_the_sockets_that_it_names(make: Make) -> None:
    code = FOREVER.replace(
        "def worker():\n    main()",
        "def worker():\n    import os\n    print('names', os.environ.get('LISTEN_FDNAMES'), flush=True)\n    main()",
    )
    release = make(
        code,
        sockets=[Socket(name="web", address="127.0.0.1:0"), Socket(name="admin", address="127.0.0.1:0")],
        processes=[process("worker", sockets=["admin"]), process("beat")],
    )
    running = release.foreground()
    running.says("names admin")
    running.says("names None")


def test_restart_of_one_process_leaves_the_others_alone(make: Make) -> None:
    release = make(processes=[process("worker")])
    running = release.foreground()
    before = instances(release)
    answer = release.run("restart", "worker")
    assert (answer.returncode, answer.stderr) == (0, "")
    after = eventually(lambda: (found := instances(release))["worker"]["ready"] and found)
    assert after["main"]["pid"] == before["main"]["pid"]
    assert after["worker"]["pid"] != before["worker"]["pid"]
    assert after["worker"]["restarts"] == 0
    unknown = release.run("restart", "walker")
    assert unknown.returncode == 2
    assert "did you mean 'worker'?" in unknown.stderr
    assert running.process.poll() is None


def test_a_process_that_does_not_end_for_its_restart_is_killed(make: Make) -> None:
    code = FOREVER.replace(
        "def worker():\n", "def worker():\n    import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    )
    release = make(code, processes=[process("worker")], stop_timeout_s=0.3)
    running = release.foreground()
    running.says("up\n")
    eventually(lambda: running.output().count("up\n") == 2)
    before = instances(release)["worker"]["pid"]
    assert release.run("restart", "worker").returncode == 0
    assert instances(release)["worker"]["pid"] != before
    assert "was told to restart and did not end" in running.errors()


def test_only_some_processes_can_be_started(make: Make) -> None:
    release = make(processes=[process("worker"), process("beat")])
    running = release.foreground("--only", "worker,beat")
    assert set(instances(release)) == {"worker", "beat"}
    running.signal(signal.SIGTERM)
    assert running.wait() == 0
    for command in (("start", "--only", "worker"), ("restart",)):
        assert release.run(*command).returncode == 0
        assert set(instances(release)) == {"worker"}
    assert release.run("stop").returncode == 0
    unknown: Running = release.begin("foreground", "--only", "wroker")
    assert unknown.wait() == 2
    assert "did you mean 'worker'?" in unknown.errors()
