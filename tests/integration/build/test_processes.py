"""`heart`, `liveness` and `process` in a release that was really built: one that were ignored would fail here."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.builds import built, releaser
from support.built import free_port, release_in
from support.running import Release, ended
from support.tiny_project import make_tiny_project
from support.waiting import eventually

APP = """\
import http.server, os, time
from pathlib import Path

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        hangs = Path(os.environ["RELEASE_VAR"], "hang").exists()
        self.send_response(503 if hangs else 200)
        self.end_headers()
    def log_message(self, *args): pass

def main():
    http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()

def work():
    while True: time.sleep(0.05)
"""
CONFIG = """\
[release.tiny]
entry_point = "tiny.app:main"
readiness = { http = "http://127.0.0.1:${PORT}/" }
heart = { restarts = 1, backoff = "50ms" }
liveness = { http = "http://127.0.0.1:${PORT}/", interval = "2s", failures = 2 }

[release.tiny.process.worker]
command = ["python", "-m", "tiny.work"]
replicas = 2

[environment.prod]
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("processes")
    project = make_tiny_project(folder / "project", config=CONFIG)
    (project / "src/tiny/app.py").write_text(APP)
    (project / "src/tiny/work.py").write_text("from tiny.app import work\nwork()\n")
    answer = releaser(project, "build")
    assert answer.returncode == 0, answer.stderr
    return built(project)


@pytest.fixture
def release(tiny: Path, tmp_path: Path) -> Iterator[Release]:
    release = release_in(tiny, tmp_path / "scratch", PORT=str(free_port()), RELEASE_VAR=str(tmp_path / "var"))
    release.name = "tiny"
    with ended(release):
        yield release


def pids(release: Release) -> dict[str, int]:
    return {instance["process"]: instance["pid"] for instance in release.status()["instances"]}


def test_processes_run_beside_the_main_one_and_a_heart_starts_it_again(release: Release) -> None:
    running = release.foreground()
    before = pids(release)
    assert set(before) == {"main", "worker.1", "worker.2"}
    os.kill(before["main"], signal.SIGKILL)
    running.says("restart 1 of 1")
    eventually(lambda: pids(release)["main"] not in (None, before["main"]))
    assert pids(release)["worker.1"] == before["worker.1"]
    assert release.run("stop").returncode == 0
    assert running.wait() == 0


def test_liveness_ends_an_app_that_no_longer_answers_well(release: Release) -> None:
    running = release.foreground()
    (release.var / "hang").write_text("")
    running.says("is not alive (http://127.0.0.1:")
    (release.var / "hang").unlink()
    running.says("restart 1)")
    assert "answered HTTP/1.0 503 Service Unavailable, 2 times in a row" in running.errors()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('heart = { restarts = 1, backoff = "50ms" }\n', "", "liveness needs a heart"),
        ("replicas = 2\n", 'sockets = ["web"]\n', "'worker' wants the socket 'web', and the release has none"),
        ("tiny.work", "tiny.wrok", "there is no module 'tiny.wrok' in the bundle"),
    ],
)
def test_what_does_not_fit_together_is_refused_with_its_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    project = make_tiny_project(tmp_path / "project", config=CONFIG.replace(old, new))
    (project / "src/tiny/work.py").write_text("")
    answer = releaser(project, "build")
    assert answer.returncode == 3
    assert said in answer.stderr
    assert "rel/config.toml:" in answer.stderr
    assert not (project / "_build/prod/rel").exists()
