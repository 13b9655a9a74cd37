"""Settings of a running release, from rel/config.toml to what they do: one that were ignored would fail its test.

All environments are of one project, each built when a test first asks for it.
"""

from __future__ import annotations

import functools
import os
import re
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.builds import built, releaser
from support.built import free_port, release_in
from support.running import Release, ending
from support.tiny_project import make_tiny_project
from support.waiting import eventually

APP = """\
import os, signal, socket, threading

FOLDER = os.environ["RELEASE_VAR"]

def note(name):
    with open(os.path.join(FOLDER, name), "a") as file:
        file.write("x")

def count(name):
    path = os.path.join(FOLDER, name)
    return os.path.getsize(path) if os.path.exists(path) else 0

def tell(state):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.connect(os.environ["NOTIFY_SOCKET"])
        notify.send(state)

def accept(listener, name):
    while True:
        connection, _ = listener.accept()
        note(name)
        try:
            connection.sendall(b"hello\\n")
        except OSError:
            pass
        connection.close()

def serve(listener, name):
    threading.Thread(target=accept, args=(listener, name), daemon=True).start()

def answer(listener):
    while True:
        connection, _ = listener.accept()
        connection.recv(1000)
        note("answered")
        status = b"200 OK" if count("answered") > 1 else b"503 Late"
        connection.sendall(b"HTTP/1.0 " + status + b"\\r\\n\\r\\n")
        connection.close()

def judge(listener):
    # What asks as shop.example is told so by a status of its own.
    while True:
        connection, _ = listener.accept()
        asked = connection.recv(1000).decode("latin-1").lower()
        is_right = "\\nhost: shop.example" in asked and "x-asked-by: release" in asked
        note("alive" if "/alive" in asked else "ready")
        connection.sendall(b"HTTP/1.0 " + (b"404 Here" if is_right else b"400 Bad Host") + b"\\r\\n\\r\\n")
        connection.close()

def main():
    if "JUDGE_PORT" in os.environ:
        listener = socket.create_server(("127.0.0.1", int(os.environ["JUDGE_PORT"])))
        threading.Thread(target=judge, args=(listener,), daemon=True).start()
    if "LATE_PORT" in os.environ:
        listener = socket.create_server(("127.0.0.1", int(os.environ["LATE_PORT"])))
        threading.Thread(target=answer, args=(listener,), daemon=True).start()
    if os.environ.get("STUBBORN"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    names = os.environ.get("LISTEN_FDNAMES", "")
    print("main has", names, "and", os.environ.get("GIVEN"), os.environ.get("TAKEN"), flush=True)
    for number, name in enumerate(filter(None, names.split(":"))):
        serve(socket.socket(fileno=3 + number), "asked-" + name)
    for name in ("READY_PORT", "ALIVE_PORT"):
        if name in os.environ:
            serve(socket.create_server(("127.0.0.1", int(os.environ[name]))), name)
    for _ in range(int(os.environ.get("FLOOD", "0"))):
        print("x" * 99)
    threading.Event().wait()

def notifies():
    threading.Event().wait(1)  # long enough for whoever does not wait for it to be seen
    note("told")
    tell(b"READY=1")
    threading.Event().wait()

def works():
    print("worker has", os.environ.get("LISTEN_FDNAMES", ""), flush=True)
    notifies()

def is_ready():
    note("is-ready")
    return count("is-ready") > 2

def is_alive():
    note("is-alive")
    return True

def warm():
    print("warmed by", os.getpid())

def cool():
    print("cooled")
"""
CONFIG = """\
default_environment = "life"

[release.tiny]
entry_point = "tiny.app:main"
readiness = { http = "http://127.0.0.1:9/nobody", timeout = "30s" }

[environment.life]
archive = false
env = { GIVEN = "by-default", TAKEN = "by-default" }
required_env = ["NEEDED"]
commands = { greet = "rel/greet" }
sockets = { web = "127.0.0.1:${PORT}", admin = "127.0.0.1:0" }
log = { size = "10kB", count = 2 }
stop_timeout = "200ms"
readiness = { call = "tiny.app:is_ready", timeout = "50s" }

[environment.life.hooks]
pre_configure = "rel/note"
post_configure = "rel/note"
pre_start = ["rel/note", { run = "rel/hang", timeout = "200ms", on_failure = "warn" }]
post_start = ["rel/note", { call = "tiny.app:warm" }]
pre_stop = "rel/note"
post_stop = ["rel/note", { call = "tiny.app:cool" }]

[environment.tcp]
archive = false
readiness = { tcp = "127.0.0.1:${READY_PORT}" }
heart = true
liveness = { tcp = "127.0.0.1:${ALIVE_PORT}", interval = "20ms" }

[environment.called]
archive = false
readiness = { started = true }
heart = { backoff = "1h", backoff_max = "2h" }
liveness = { call = "tiny.app:is_alive", interval = "20ms" }

[environment.notified]
archive = false
entry_point = "tiny.app:notifies"
readiness = "notify"
heart = { restarts = 1, backoff = "10m", backoff_max = "10ms", reset_after = "1ms" }
liveness = { heartbeat = true, interval = "100ms", failures = 2 }
hooks = { post_start = "rel/must_be_told" }

[environment.late]
archive = false
readiness = { http = "http://127.0.0.1:${LATE_PORT}/", timeout = "2s", interval = "1h" }

[environment.asked]
archive = false
heart = true

[environment.asked.readiness]
http = "http://127.0.0.1:${JUDGE_PORT}/ready"
status = "404"
headers = { Host = "${SITE}", X-Asked-By = "release" }
stay_up = "40ms"

[environment.asked.liveness]
http = "http://127.0.0.1:${JUDGE_PORT}/alive"
status = "404-499"
headers = { host = "shop.example", X-Asked-By = "release" }
interval = "20ms"
failures = 1

[environment.drained]
archive = false
readiness = "started"
sockets = { web = "127.0.0.1:${PORT}" }
drain = "1h"

[environment.workers]
archive = false
readiness = "started"
sockets = { web = "127.0.0.1:0", admin = "127.0.0.1:0" }
hooks = { post_start = "rel/must_be_told" }

[environment.workers.process.worker]
entry_point = "tiny.app:works"
sockets = ["admin"]
readiness = "notify"
heart = { restarts = 3, backoff = "10ms" }
liveness = { heartbeat = true, interval = "100ms", failures = 1 }

[environment.workers.process.other]
command = ["python", "-m", "tiny.other"]
replicas = 2
"""
FILES = {
    "rel/note": '#!/bin/sh\necho "$RELEASE_EVENT" >> "$RELEASE_VAR/events"\n',
    "rel/hang": "#!/bin/sh\nexec sleep 100\n",
    "rel/greet": '#!/bin/sh\necho "greets $1"\n',
    "rel/must_be_told": '#!/bin/sh\n[ -e "$RELEASE_VAR/told" ] || { echo "ran before the app was ready"; exit 1; }\n',
    "src/tiny/other.py": "import threading\nprint('other runs', flush=True)\nthreading.Event().wait()\n",
    "src/tiny/app.py": APP,
}

Place = Callable[..., Release]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = make_tiny_project(tmp_path_factory.mktemp("settings") / "project", config=CONFIG)
    for name, text in FILES.items():
        (project / name).write_text(text)
        (project / name).chmod(0o755)
    return project


@pytest.fixture(scope="module")
def build(project: Path) -> Callable[[str], Path]:
    """Return a function that builds an environment, once."""
    return functools.cache(lambda environment: built(project, "--env", environment))


@pytest.fixture
def place(build: Callable[[str], Path], tmp_path: Path) -> Iterator[Place]:
    """Return a function that gives an environment's release a `var` of its own, and ends it with the test."""
    with ending() as kept:

        def put(environment: str, **env: str) -> Release:
            (tmp_path / "var").mkdir()
            release = release_in(build(environment), tmp_path / "scratch", RELEASE_VAR=str(tmp_path / "var"), **env)
            release.name = "tiny"
            return kept(release)

        yield put


def lines(release: Release, name: str) -> list[str]:
    path = release.var / name
    return path.read_text().splitlines() if path.exists() else []


def size(release: Release, name: str) -> int:
    path = release.var / name
    return path.stat().st_size if path.exists() else 0


def test_every_event_has_its_hooks_and_a_hook_that_hangs_is_ended_and_only_told(place: Place) -> None:
    release = place("life", NEEDED="x", PORT=str(free_port()))
    running = release.foreground()
    assert re.search(r"pre_start hook 2[0-9]-hang .*0.2 s; goes on, since its on_failure is warn", running.errors())
    assert f"warmed by {release.status()['instances'][0]['pid']}" in running.output()
    assert release.run("stop").returncode == 0
    assert running.wait() == 0
    assert "cooled" in running.output()
    events = ["pre_configure", "post_configure", "pre_start", "post_start", "pre_stop", "post_stop"]
    assert lines(release, "events") == events


def test_the_app_has_its_variables_and_sockets_and_is_ready_when_it_says_so(place: Place) -> None:
    port = free_port()
    release = place("life", NEEDED="x", PORT=str(port), TAKEN="by-the-host")
    running = release.foreground()
    assert "main has web:admin and by-default by-the-host" in running.output()
    assert size(release, "is-ready") > 2, "the function was not asked until it agreed"
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        assert connection.recv(6) == b"hello\n"
    assert release.run("greet", "you").stdout == "greets you\n"


def test_a_variable_that_is_missing_forbids_the_start(place: Place) -> None:
    release = place("life", PORT=str(free_port()))
    running = release.foreground(until="")
    assert running.wait() != 0
    assert "NEEDED" in running.errors()
    assert "main has" not in running.output()


def test_an_app_that_does_not_end_is_killed_after_its_time(place: Place) -> None:
    release = place("life", NEEDED="x", PORT=str(free_port()), STUBBORN="1")
    running = release.foreground()
    assert release.run("stop").returncode == 0
    running.wait()
    assert "it did not end in 0.2 s after SIGTERM" in running.errors()


def test_an_app_goes_on_for_its_time_before_it_is_told_to_end(place: Place) -> None:
    port = free_port()
    release = place("drained", PORT=str(port))
    running = release.foreground()
    running.signal(signal.SIGTERM)
    eventually(lambda: release.status()["state"] == "stopping", within=30)
    socket.create_connection(("127.0.0.1", port), timeout=30).close()
    eventually(lambda: size(release, "asked-web") == 1, within=30)
    running.insist()
    assert running.wait() == 137
    assert "kills the app" in running.errors()


def test_the_log_has_as_many_files_of_such_a_size_as_are_wanted(place: Place) -> None:
    release = place("life", NEEDED="x", PORT=str(free_port()), FLOOD="5000")
    assert release.run("start").returncode == 0
    assert release.run("stop").returncode == 0
    sizes = [path.stat().st_size for path in (release.var / "log").iterdir() if path.name.startswith("tiny")]
    assert len(sizes) == 2, sizes
    assert max(sizes) < 200_000, sizes


def test_an_address_is_connected_to_until_it_accepts_and_then_again_and_again(place: Place) -> None:
    release = place("tcp", READY_PORT=str(free_port()), ALIVE_PORT=str(free_port()))
    release.foreground()
    assert size(release, "READY_PORT") > 0
    eventually(lambda: size(release, "ALIVE_PORT") >= 20, within=60)


def test_a_function_is_asked_whether_the_app_is_alive_and_the_pause_before_a_restart_is_as_long_as_said(
    place: Place,
) -> None:
    release = place("called")
    running = release.foreground()
    eventually(lambda: size(release, "is-alive") >= 20, within=60)
    os.kill(release.status()["instances"][0]["pid"], signal.SIGKILL)
    running.says("(restart 1 of 8)")
    found = re.search(r"starts again in ([0-9.]+) s", running.errors())
    assert found is not None
    assert 3600 <= float(found[1]) <= 4500


def test_an_app_without_a_heartbeat_is_restarted_and_each_time_up_begins_a_new_row(place: Place) -> None:
    running = place("notified").foreground()
    running.says("restart 3)", within=60)
    assert running.errors().count("(restart 1 of 1)") >= 3
    assert "(restart 2 of" not in running.errors()


def test_an_app_that_is_not_ready_in_time_has_failed_however_rarely_it_is_asked(place: Place) -> None:
    running = place("late", LATE_PORT=str(free_port())).foreground(until="")
    assert running.wait() != 0
    assert "did not become ready in 2 s" in running.errors()


def test_an_app_is_asked_with_headers_answers_with_a_status_and_has_to_stay_up(place: Place) -> None:
    release = place("asked", JUDGE_PORT=str(free_port()), SITE="shop.example")
    running = release.foreground()
    assert re.search(r"ready after [0-9.]+ s, and up 0\.04 s later", running.errors())
    assert size(release, "ready") > 0
    eventually(lambda: size(release, "alive") >= 20, within=60)
    assert "is not alive" not in running.errors()


def test_processes_have_sockets_readiness_heart_and_liveness_of_their_own(place: Place) -> None:
    release = place("workers")
    running = release.foreground()
    assert "main has web:admin" in running.output()
    assert "worker has admin\n" in running.output()
    running.says("the app worker")
    running.says("(restart 1 of 3)", within=60)
    others = {item["process"] for item in release.status()["instances"] if item["process"].startswith("other")}
    assert others == {"other.1", "other.2"}
    eventually(lambda: running.output().count("other runs") >= 2)


def test_what_is_built_and_where_is_as_it_is_written(tmp_path: Path) -> None:
    more = '\n[environment.plain]\noutput_dir = "out/of the way"\narchive = false\nversion = "{}"\n'
    project = make_tiny_project(tmp_path / "project", config=CONFIG + more.format("7.8.9"))
    for name, text in FILES.items():
        (project / name).write_text(text)
    done = releaser(project, "build", "--env", "plain")
    assert done.returncode == 0, done.stderr
    assert (project / "out/of the way/plain/rel/tiny/releases/7.8.9/manifest.json").is_file()
    assert not (project / "_build").exists()
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "all"], ["tag", "v3.2.1"]):
        subprocess.run([*git, *words], cwd=project, check=True)
    (project / "rel/config.toml").write_text(CONFIG + more.format("git"))
    assert "tiny 3.2.1" in releaser(project, "plan", "--env", "plain").stdout
