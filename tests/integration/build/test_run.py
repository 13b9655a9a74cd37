"""`bin/NAME run PROGRAM ARGS`, and commands that are words: a program of the bundle in the place of the command."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.builds import built, releaser
from support.built import release_in
from support.running import Release, ended
from support.terminal import at_a_terminal
from support.tiny_project import make_tiny_project

APP = """\
import json, os, signal, sys

def main():
    print("the app runs")

def tell():
    print(json.dumps({"argv": sys.argv[1:], "optimize": sys.flags.optimize, "cwd": os.getcwd(), "pid": os.getpid(),
                      "greeting": os.environ.get("GREETING"), "command": os.environ["RELEASE_COMMAND"],
                      "utf8": sys.flags.utf8_mode, "prefix": sys.prefix}))

def ask():
    print("asked", input("name? "), sys.stdin.isatty(), flush=True)
    sys.exit(7)

def wait():
    print("waits", flush=True)
    signal.pause()

if __name__ == "__main__":
    tell()
"""
CONFIG = """\
[release.tiny]
entry_point = "tiny.app:main"
env = { GREETING = "hello" }
required_env = ["NEEDED"]
python_optimize = 1

[release.tiny.commands]
told = ["tell", "--greeting", "${GREETING}!"]
module = ["python", "-m", "tiny.app"]
file = "rel/file.sh"

[environment.prod]
archive = false
"""
SCRIPTS = 'tiny = "tiny.app:main"\ntell = "tiny.app:tell"\nask = "tiny.app:ask"\nwait-here = "tiny.app:wait"\n'


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = make_tiny_project(tmp_path_factory.mktemp("run") / "project", config=CONFIG)
    described = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(described.replace('tiny = "tiny.app:main"\n', SCRIPTS))
    (project / "src/tiny/app.py").write_text(APP)
    (project / "rel/file.sh").write_text('echo "file $*"\n')
    (project / "scripts").mkdir()
    (project / "scripts/ignored").write_text("#!/bin/sh\ngrep SigIgn /proc/self/status\n")
    (project / "scripts/native").write_text('#!/bin/sh\necho "native $1 $GREETING"\n')
    return project


@pytest.fixture(scope="module")
def root(project: Path) -> Path:
    return built(project)


@pytest.fixture
def release(root: Path, tmp_path: Path) -> Iterator[Release]:
    (tmp_path / "var").mkdir()
    release = release_in(root, tmp_path / "scratch", RELEASE_VAR=str(tmp_path / "var"), NEEDED="x")
    release.name = "tiny"
    with ended(release):
        yield release


@pytest.mark.parametrize(
    ("words", "argv"),
    [
        (("tell", "a b", "--help"), ["a b", "--help"]),
        (("python", "-m", "tiny.app", "-x"), ["-x"]),
        (("python3", "-c", "from tiny.app import tell; tell()", "y"), ["y"]),
    ],
)
def test_a_program_of_the_bundle_is_configured_as_the_app_is(
    release: Release, words: tuple[str, ...], argv: list[str]
) -> None:
    answer = release.run("run", *words)
    assert answer.returncode == 0, answer.stderr
    said = eval(answer.stdout)
    assert said["argv"] == argv
    assert (said["greeting"], said["command"], said["optimize"], said["utf8"]) == ("hello", "run", 1, 1)
    assert said["cwd"] == str(release.root)
    assert said["prefix"].startswith(str(release.var / "bundles"))


def test_what_is_no_python_is_run_as_it_is_and_a_script_by_its_path(release: Release, tmp_path: Path) -> None:
    assert release.run("run", "native", "one").stdout == "native one hello\n"
    (tmp_path / "script.py").write_text("import sys, tiny.app\nprint(sys.argv, sys.flags.optimize)\n")
    answer = release.run("run", str(tmp_path / "script.py"), "z")
    assert answer.stdout == f"[{str(tmp_path / 'script.py')!r}, 'z'] 1\n", answer.stderr


def test_commands_take_words_with_the_operators_behind_them(release: Release) -> None:
    said = eval(release.run("told", "more").stdout)
    assert (said["argv"], said["command"]) == (["--greeting", "hello!", "more"], "told")
    assert eval(release.run("module", "w").stdout)["argv"] == ["w"]
    assert release.run("file", "w").stdout == "file w\n"
    assert "told" in release.run("help").stdout


def test_the_terminal_and_the_exit_code_are_the_programs_own(release: Release) -> None:
    with at_a_terminal(release.argv("run", "ask"), release.env) as typing:
        typing.shows("name?")
        typing.type("Ada\r")
        typing.shows("asked Ada True")
        assert typing.wait() == 7


def test_it_is_the_same_process_and_signals_go_to_it(release: Release) -> None:
    running = release.begin("run", "wait-here")
    running.says("waits")
    running.signal(signal.SIGTERM)
    assert running.wait() == 128 + signal.SIGTERM
    assert release.leftovers() == []


def test_a_reader_that_goes_ends_it_as_any_other_program(release: Release) -> None:
    line = f"'{release.launcher}' run ignored; "
    line += f"'{release.launcher}' run native one | true"
    done = subprocess.run(["sh", "-c", line], env=release.env, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("SigIgn:\t0000000000000000\n", "")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("tel",), "the bundle has no program 'tel'\n  now: nothing was done\n      hint: did you mean 'tell'?"),
        (("psql",), "the bundle has no program 'psql'\n  now: nothing was done\n      hint: it has python, and ask, "),
        (("./gone.py",), "there is no file "),
        (("gone.py",), "there is no file "),
        ((), "expected `tiny run PROGRAM [ARGS]`\n"),
        (("-x",), "expected `tiny run PROGRAM [ARGS]`, found '-x'"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(release: Release, words: tuple[str, ...], told: str) -> None:
    answer = release.run("run", *words)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert f"error: {told}" in answer.stderr


def test_an_environment_that_is_not_complete_is_told_before_anything_runs(release: Release) -> None:
    del release.env["NEEDED"]
    answer = release.run("run", "tell")
    assert answer.returncode == 3
    assert "NEEDED: not set, and listed in required_env" in answer.stderr


def test_a_command_of_words_that_the_bundle_has_not_ends_the_build_where_it_is_written(project: Path) -> None:
    config = project / "rel/config.toml"
    config.write_text(CONFIG.replace('["tell", ', '["tall", '))
    try:
        done = releaser(project, "build")
    finally:
        config.write_text(CONFIG)
    assert done.returncode != 0
    assert "rel/config.toml:8:" in done.stderr
    assert "there is no console script 'tall' in the bundle; did you mean 'tell'?" in done.stderr
