"""The programs of the bundle: what a virtual environment's `bin/` holds, where the app, hooks and commands find it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.builds import built, releaser
from support.built import free_port, release_in
from support.running import Release, ended
from support.tiny_project import make_tiny_project
from support.waiting import eventually

APP = """\
import http.server, json, os, shutil, subprocess, sys
from pathlib import Path

STARTS = Path(os.environ.get("RELEASE_VAR", "."), "starts")

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *args): pass

def main():
    with STARTS.open("a") as file:
        print(json.dumps([os.getpid(), sys.argv, sys.executable]), file=file)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
    server.serve_forever()

def serve():
    main()

def again(how):
    words = sys.orig_argv if how == "orig_argv" else [sys.executable, *sys.argv]
    os.execv(words[0] if os.path.isabs(words[0]) else sys.executable, words)

def found(*names):
    return {name: shutil.which(name) for name in names}

def output(*words):
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout

def hello():
    print("hello from", sys.prefix)

def instrument():
    os.execl(shutil.which(sys.argv[1]), *sys.argv[1:])
"""
CONFIG = """\
[release.tiny]
command = ["instrument", "serve", "--port", "1"]
readiness = { http = "http://127.0.0.1:${PORT}/" }
commands = { where = "rel/commands/where.sh" }

[release.tiny.hooks]
post_start = ["rel/hooks/where.sh"]

[environment.prod]
"""
PYPROJECT = """
hello = "tiny.app:hello"
serve = "tiny.app:serve"
instrument = "tiny.app:instrument"
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("programs")
    project = make_tiny_project(folder / "a project", config=CONFIG)
    (project / "src/tiny/app.py").write_text(APP)
    pyproject = project / "pyproject.toml"
    pyproject.write_text(pyproject.read_text() + PYPROJECT)
    (project / "scripts").mkdir()
    (project / "scripts/shout").write_text('#!/bin/sh\necho "SHOUT $1"\n')
    (project / "scripts/old-style").write_text("#!/usr/bin/env python\nimport sys, tiny\nprint('old', sys.argv[1:])\n")
    for folder_of_scripts in ("hooks", "commands"):
        (project / "rel" / folder_of_scripts).mkdir(parents=True, exist_ok=True)
    for path in (project / "rel/commands/where.sh", project / "rel/hooks/where.sh"):
        path.write_text("#!/bin/sh\nfor name in hello python shout; do command -v $name; done\n")
        path.chmod(0o755)
    answer = releaser(project, "build")
    assert answer.returncode == 0, answer.stderr
    return built(project)


@pytest.fixture
def release(tiny: Path, tmp_path: Path) -> Iterator[Release]:
    release = release_in(tiny, tmp_path / "scratch of a host", PORT=str(free_port()), RELEASE_VAR=str(tmp_path / "var"))
    release.name = "tiny"
    with ended(release):
        yield release


def starts(release: Release) -> list[list[object]]:
    path = release.var / "starts"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def bin_of(release: Release) -> Path:
    (home,) = [path for path in (release.var / "bundles").iterdir() if path.name[0] != "."]
    return home / "bin"


def test_what_the_app_starts_finds_the_programs_of_the_bundle_first(release: Release) -> None:
    release.foreground()
    programs = bin_of(release)
    answer = release.run("rpc", "tiny.app:found", "hello", "tiny", "shout", "old-style", "python", "python3")
    assert json.loads(answer.stdout) == {
        name: str(programs / name) for name in ("hello", "tiny", "shout", "old-style", "python", "python3")
    }
    assert release.run("rpc", "tiny.app:output", "hello").stdout == f"hello from {programs.parent}\n"
    assert release.run("rpc", "tiny.app:output", "shout", "it").stdout == "SHOUT it\n"
    assert release.run("rpc", "tiny.app:output", "old-style", "x").stdout == "old ['x']\n"


def test_hooks_commands_and_eval_find_them_as_well(release: Release) -> None:
    running = release.foreground()
    programs = bin_of(release)
    lines = [str(programs / name) for name in ("hello", "python", "shout")]
    for line in lines:
        assert line in running.output() + running.errors()
    assert release.run("where").stdout.splitlines() == lines
    assert release.run("eval", "tiny.app:output", "hello").stdout == f"hello from {programs.parent}\n"


def test_a_program_finds_its_interpreter_after_the_release_was_moved(tiny: Path, tmp_path: Path) -> None:
    release = release_in(tiny, tmp_path, PORT=str(free_port()), RELEASE_VAR=str(tmp_path / "first var"))
    release.name = "tiny"
    assert release.run("eval", "tiny.app:hello").returncode == 0
    moved = tmp_path / "second var"
    release.var.rename(moved)
    (home,) = [path for path in (moved / "bundles").iterdir() if path.name[0] != "."]
    done = subprocess.run([home / "bin" / "hello"], capture_output=True, text=True, env={}, check=False)
    assert (done.returncode, done.stdout) == (0, f"hello from {home}\n"), done.stderr


def test_an_app_that_another_program_has_executed_is_asked_and_ended_as_any_other(release: Release) -> None:
    running = release.foreground()
    (start,) = starts(release)
    programs = bin_of(release)
    pid = release.status()["instances"][0]["pid"]
    assert start == [pid, [str(programs / "serve"), "--port", "1"], str(programs / "python")]
    assert release.run("rpc", "os:getpid").stdout == f"{pid}\n"
    assert release.run("stop").returncode == 0
    assert running.wait() == 0
    assert release.leftovers() == []


@pytest.mark.parametrize("how", ["argv", "orig_argv"])
def test_an_app_that_executes_itself_goes_on_and_is_asked_again(release: Release, how: str) -> None:
    release.foreground()
    pid = release.status()["instances"][0]["pid"]
    release.run("rpc", "tiny.app:again", how)
    eventually(lambda: len(starts(release)) == 2)
    assert [start[0] for start in starts(release)] == [pid, pid]
    eventually(lambda: release.run("rpc", "os:getpid").stdout == f"{pid}\n")
    assert release.status()["instances"][0]["pid"] == pid


def test_who_kills_the_supervisor_ends_an_app_that_was_executed_anew(release: Release) -> None:
    running = release.foreground()
    pid = release.status()["instances"][0]["pid"]
    release.run("rpc", "tiny.app:again", "argv")
    eventually(lambda: len(starts(release)) == 2)
    eventually(lambda: release.run("rpc", "os:getpid").stdout == f"{pid}\n")
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    eventually(lambda: not release.processes())


def test_a_program_that_somebody_changed_is_found_by_verify(release: Release) -> None:
    assert release.run("eval", "tiny.app:hello").returncode == 0
    program = bin_of(release) / "hello"
    program.write_text("#!/bin/sh\n")
    answer = release.run("verify")
    assert answer.returncode != 0
    assert "bin/hello: changed" in answer.stdout + answer.stderr
