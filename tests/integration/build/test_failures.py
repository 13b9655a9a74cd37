"""Builds that fail: one message, the right exit code, the previous build as it was, nothing left over."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from support.builds import RELEASER, built, clean_environment, files_in, read_only, releaser, releaser_where
from support.tiny_project import CONFIG, make_tiny_project
from support.waiting import eventually

SLOW_BACKEND = """\
import os, pathlib, time

def build_wheel(directory, config_settings=None, metadata_directory=None):
    pathlib.Path("started.new").write_text(str(os.getpid()))
    os.rename("started.new", "started")
    print("building slowly", flush=True)
    with open("gate") as gate:  # a pipe that nobody writes to
        gate.read()
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_tiny_project(tmp_path / "project")


SIDECARS = (".cdx.json", ".mtree", ".provenance.json", ".sha256")
"""What is published beside an archive."""


def left_in(project: Path, environment: str = "prod") -> list[str]:
    names = (path.name for path in (project / "_build" / environment).iterdir())
    return sorted(name for name in names if not name.endswith(SIDECARS))


def is_alive(pid: int) -> bool:
    """Tell whether a process exists and has not ended; one that nobody has waited for yet has."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def start_slow_build(project: Path, *words: str) -> subprocess.Popen[str]:
    """Start a build that does not come further than its first step, and wait until it is there."""
    (project / "backend.py").write_text(SLOW_BACKEND)
    os.mkfifo(project / "gate")
    process = subprocess.Popen(
        [RELEASER, "build", *words],
        cwd=project,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    eventually((project / "started").exists, within=60)
    return process


def test_a_lock_that_cannot_be_read_ends_the_build_by_its_name(project: Path) -> None:
    (project / "uv.lock").symlink_to("/proc/self/mem")
    found = releaser(project, "build")

    assert found.returncode == 3
    assert found.stderr.splitlines()[1:] == [
        "  uv.lock: this lock cannot be used: it cannot be read: input/output error",
        "  now: nothing was built; _build/prod is untouched",
    ]


def test_a_folder_that_is_named_as_the_lock_is_told_with_the_line_that_names_it(project: Path) -> None:
    (project / "requirements").mkdir()
    config = project / "rel" / "config.toml"
    config.write_text(CONFIG.replace("[release.tiny]\n", '[release.tiny]\nlock = "requirements"\n'))
    found = releaser(project, "plan")

    assert found.returncode == 3
    told = "rel/config.toml:5:8: release.tiny.lock: requirements cannot be used: it is a folder, and no file"
    assert told in found.stderr


def test_a_dependency_that_cannot_be_installed_shows_the_installers_last_lines(project: Path) -> None:
    release = built(project)
    before = files_in(release)
    digest = "0" * 64
    (project / "requirements.txt").write_text(
        f"no-such-thing @ file:///nowhere/no_such-1-py3-none-any.whl --hash=sha256:{digest}\n"
    )
    done = releaser(project, "build")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[0].startswith("error: the dependencies could not be installed: uv ended with exit code ")
    assert any(line.startswith("  < ") for line in lines)
    assert "file:///" not in done.stderr
    assert "  now: the previous build, 1.0.0, is in _build/prod/rel/tiny as it was" in lines
    assert files_in(release) == before
    assert left_in(project) == [".lock", "rel", "tiny-1.0.0.tar.gz"]


def test_a_syntax_error_in_the_project_is_found_by_the_build(project: Path) -> None:
    (project / "src/tiny/broken.py").write_text("def broken(:\n")
    done = releaser(project, "build")
    assert done.returncode == 1
    assert "error: the project does not compile under Python 3." in done.stderr
    assert "site-packages/tiny/broken.py" in done.stderr.replace("\n", "")
    assert "now: nothing was built" in done.stderr
    assert left_in(project) == [".lock"]


@pytest.mark.parametrize(
    ("entry_point", "what"),
    [
        ("tinny.app:main", "there is no module 'tinny.app' in the bundle"),
        ("tiny.app:mian", "the module 'tiny.app' has no 'mian'\n      hint: did you mean 'tiny.app:main'?"),
    ],
)
def test_an_entry_point_that_is_not_there_is_told_with_its_place(project: Path, entry_point: str, what: str) -> None:
    make_tiny_project(project, config=CONFIG.replace("tiny.app:main", entry_point))
    done = releaser(project, "build")
    assert done.returncode == 3
    assert f"rel/config.toml:5:15: release.tiny.entry_point: {what}" in re.sub(r"\n    \|[^\n]*", "", done.stderr)


def test_a_console_script_that_is_not_there_has_a_nearest_name(project: Path) -> None:
    make_tiny_project(project, config=CONFIG.replace('entry_point = "tiny.app:main"', 'command = ["tyny"]'))
    done = releaser(project, "build")
    assert done.returncode == 3
    assert "there is no console script 'tyny' in the bundle; did you mean 'tiny'?" in done.stderr


def test_migrations_without_alembic_in_the_bundle_are_refused(project: Path) -> None:
    (project / "src/tiny/migrations").mkdir()
    (project / "src/tiny/migrations/env.py").write_text("")
    section = '\n[release.tiny.migrations]\nscript_location = "tiny:migrations"\n'
    make_tiny_project(project, config=CONFIG + section)
    done = releaser(project, "build")
    assert done.returncode == 3
    assert "migrations are declared, and alembic is not in the bundle" in done.stderr


def test_a_file_where_the_output_should_be_is_no_bug(project: Path) -> None:
    (project / "_build").write_text("in the way")
    done = releaser(project, "build")
    assert done.returncode == 1
    assert done.stderr == (
        f"error: cannot prepare the build: not a directory: {project}/_build/prod\n"
        "  now: nothing was built; there is no _build/prod/rel/tiny\n"
    )


def test_an_output_folder_that_cannot_be_written_to_keeps_the_previous_build(project: Path) -> None:
    built(project)
    done = releaser_where(read_only("_build"), project, "build", "--force")
    assert done.returncode == 1
    assert done.stderr == (
        f"error: cannot prepare the build: read-only file system: {project}/_build/prod/.lock\n"
        "  now: the previous build, 1.0.0, is in _build/prod/rel/tiny as it was\n"
    )


@pytest.mark.parametrize("size", ["4k", "1500k"])
def test_a_full_disk_is_told_with_what_is_there(project: Path, size: str) -> None:
    (project / "_build").mkdir()
    done = releaser_where(f"mount -t tmpfs -o size={size} none _build", project, "build")
    assert done.returncode == 1
    assert "no space left on device" in done.stderr.lower()
    assert "\nTraceback" not in done.stderr
    assert "\n  now: nothing was built; there is no _build/prod/rel/tiny\n" in done.stderr
    assert max(map(len, done.stderr.splitlines())) < 500


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_build_ends_its_installer_and_leaves_nothing(
    project: Path, number: signal.Signals, code: int
) -> None:
    release = built(project)
    before = files_in(release)
    process = start_slow_build(project)
    backend = int(eventually((project / "started").read_text))
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert errors == "interrupted; the previous build, 1.0.0, is in _build/prod/rel/tiny as it was\n"
    eventually(lambda: not is_alive(backend))
    assert files_in(release) == before
    assert left_in(project) == [".lock", "rel", "tiny-1.0.0.tar.gz"]


def test_the_last_event_of_an_interrupted_build_says_what_is_true(project: Path) -> None:
    process = start_slow_build(project, "--json")
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=60)
    events = [json.loads(line) for line in printed.splitlines()]
    now = "nothing was built; there is no _build/prod/rel/tiny"
    assert (events[-1]["event"], events[-1]["message"], events[-1]["now"]) == ("error", "interrupted", now)
    assert events[-1]["exit_code"] == process.returncode == 130
    assert errors == f"interrupted; {now}\n"


def held_by_an_index(project: Path, stack: contextlib.ExitStack) -> tuple[list[str], Callable[[], str]]:
    """Let uv wait for an index that accepts and says nothing; return words and environment, and what uv is known by."""
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    listener.settimeout(60)
    (project / "requirements.txt").write_text(f"some-thing==1.0 --hash=sha256:{'0' * 64}\n")
    port = listener.getsockname()[1]

    def is_there() -> str:
        stack.enter_context(listener.accept()[0])
        return "uv"

    return [f"UV_DEFAULT_INDEX=http://127.0.0.1:{port}/simple"], is_there


def held_by_a_key(project: Path, stack: contextlib.ExitStack) -> tuple[list[str], Callable[[], str]]:
    """Let ssh-keygen wait, as for a passphrase."""
    os.mkfifo(project / "gate")
    tools = project / "tools"
    tools.mkdir()
    (tools / "ssh-keygen").write_text(f"#!/bin/sh\necho x >{project}/signs\nexec cat {project}/gate\n")
    (tools / "ssh-keygen").chmod(0o755)
    (project / "key").write_text("")

    def is_there() -> str:
        eventually((project / "signs").exists, within=60)
        return "cat"

    return [f"PATH={tools}:{os.environ['PATH']}", "--sign", "key"], is_there


@pytest.mark.parametrize("hold", [held_by_an_index, held_by_a_key])
def test_an_interruption_ends_what_fetches_and_what_signs(
    project: Path, hold: Callable[[Path, contextlib.ExitStack], tuple[list[str], Callable[[], str]]]
) -> None:
    built(project)
    make_tiny_project(project, version="1.1.0")
    with contextlib.ExitStack() as stack:
        (variable, *words), is_there = hold(project, stack)
        name, _, value = variable.partition("=")
        process = subprocess.Popen(
            [RELEASER, "build", *words],
            cwd=project,
            env=clean_environment() | {name: value},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )
        program = is_there()
        found = eventually(lambda: [c for c in psutil.Process(process.pid).children(True) if c.name() == program])
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 143
    assert errors == "interrupted; the previous build, 1.0.0, is in _build/prod/rel/tiny as it was\n"
    eventually(lambda: not any(is_alive(child.pid) for child in found))
    assert left_in(project) == [".lock", "rel", "tiny-1.0.0.tar.gz"]


def test_an_interruption_while_another_build_is_waited_for_says_what_is_there(project: Path) -> None:
    built(project)
    with (project / "_build/prod/.lock").open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        process = subprocess.Popen(
            [RELEASER, "build", "--force"],
            cwd=project,
            env=clean_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )
        assert process.stdout is not None
        assert process.stdout.readline().startswith("    waiting for another build of prod")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == "interrupted; the previous build, 1.0.0, is in _build/prod/rel/tiny as it was\n"


def test_the_program_that_a_build_runs_dies_with_it_when_it_is_killed(project: Path) -> None:
    process = start_slow_build(project)
    backend = int(eventually((project / "started").read_text))
    programs = [child.pid for child in psutil.Process(process.pid).children()]
    assert backend in programs
    process.kill()
    process.communicate(timeout=60)
    eventually(lambda: not any(map(is_alive, programs)))
    make_tiny_project(project)
    built(project)
    assert left_in(project) == [".lock", "rel", "tiny-1.0.0.tar.gz"]


def test_a_second_build_says_that_it_waits_and_then_builds(project: Path) -> None:
    built(project)
    lock = os.open(project / "_build/prod/.lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    process = subprocess.Popen(
        [RELEASER, "build"], cwd=project, env=clean_environment(), stdout=subprocess.PIPE, text=True, process_group=0
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("    waiting for another build of prod (pid ")
    os.close(lock)
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "built tiny 1.0.0 for prod" in rest


def test_a_release_that_runs_is_named_and_the_build_is_published(project: Path) -> None:
    release = built(project)
    (release / "var/run").mkdir(parents=True)
    lock = os.open(release / "var/run/lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    make_tiny_project(project, version="1.1.0")
    done = releaser(project, "build")
    os.close(lock)
    assert done.returncode == 0
    where = "_build/prod/rel/tiny"
    why = "something runs from there that does not say what"
    hint = f"`{where}/bin/tiny upgrade 1.1.0` switches to the new build"
    assert f"1.0.0 stays in {where}, since {why}; {hint}" in done.stderr
    assert (release / "releases/1.0.0/manifest.json").is_file()
    assert (release / "releases/1.1.0/manifest.json").is_file()
    assert (release / "var/run/lock").is_file()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["biuld"], 2, "error: there is no command 'biuld'\n      hint: did you mean 'build'?\n"),
        (["build", "--enx", "x"], 2, "error: there is no option '--enx'\n      hint: did you mean '--env'?\n"),
        (
            ["build", "extra"],
            2,
            "error: got unexpected extra argument (extra)\n      hint: 'releaser build --help' lists",
        ),
        (
            ["build", "tiny"],
            2,
            "error: got unexpected extra argument (tiny)\n      hint: did you mean 'releaser build --release tiny'?\n",
        ),
        (
            ["clean", "prod"],
            2,
            "error: got unexpected extra argument (prod)\n      hint: did you mean 'releaser clean --env prod'?\n",
        ),
    ],
)
def test_a_wrong_command_line_names_what_is_near(project: Path, words: list[str], code: int, message: str) -> None:
    done = releaser(project, *words)
    assert done.returncode == code
    assert done.stderr.startswith(message)


def test_a_folder_that_cannot_be_written_to_is_told_by_init(tmp_path: Path) -> None:
    """A file stands where a folder has to be made: that fails for root as well."""
    project = make_tiny_project(tmp_path / "project")
    assert releaser(project, "build").returncode == 0
    (project / "rel/config.toml").unlink()
    (project / "rel").rmdir()
    (project / "rel").write_text("")
    done = releaser(project, "init")
    assert done.returncode == 3, done.stderr
    assert "error: cannot use rel/config.toml\n  rel/config.toml: cannot be read: not a directory" in done.stderr
    assert "now: nothing was written" in done.stderr


def _no_text(path: Path) -> None:
    path.write_bytes(b"[release.tiny]\nentry_point = '\xff'\n")


@pytest.mark.parametrize(
    "place",
    [
        _no_text,
        os.mkfifo,
        Path.mkdir,
        lambda path: path.symlink_to(path.name),
        lambda path: path.symlink_to("/dev/zero"),
        lambda path: path.symlink_to("/proc/self/mem"),
        lambda path: path.write_text("[release"),
    ],
    ids=["no text", "pipe", "folder", "loop", "device", "failing", "no TOML"],
)
def test_init_refuses_a_configuration_as_plan_does(project: Path, place: Callable[[Path], object]) -> None:
    config = project / "rel" / "config.toml"
    config.unlink()
    place(config)
    planned, begun = releaser(project, "plan"), releaser(project, "init")

    assert (planned.returncode, begun.returncode) == (3, 3), begun.stderr
    assert planned.stderr.splitlines()[1] == begun.stderr.splitlines()[1]
    assert "now: nothing was written" in begun.stderr


@pytest.mark.parametrize("words", [(), ("--dry-run",)])
def test_init_says_what_check_refuses_of_the_file_that_it_adds_to(project: Path, words: tuple[str, ...]) -> None:
    config = project / "rel" / "config.toml"
    written = 'default_release = "other"\n\n[release.tiny]\nentry_point = "tiny.app:main"\nenv_fiel = "x"\n'
    config.write_text(written)
    begun = releaser(project, "init", *words)
    checked = releaser(project, "check")

    assert begun.returncode == 0
    assert "rel/config.toml:1:19: " in begun.stderr
    assert begun.stderr.count("`releaser check` refuses this: ") == 2
    assert "there is no release 'other'" in begun.stderr
    assert "unknown key" in begun.stderr
    assert words or (checked.returncode == 3 and "[environment.prod]" in config.read_text())
    assert all(line in config.read_text().splitlines() for line in written.splitlines())


@pytest.mark.parametrize(
    "module", ["releaser.runtime", "releaser.runtime.release.writing", "releaser.cli", "releaser.cli.main"]
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_before_anything_has_begun_is_one_line(number: signal.Signals, module: str) -> None:
    program = (
        "import os, sys\n"
        "class Slow:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}: os.kill(os.getpid(), {number})\n"
        "sys.meta_path.insert(0, Slow())\n"
        "from releaser.__main__ import main; main()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, "", "interrupted; nothing was begun\n")


@pytest.mark.parametrize(("words", "code"), [(["docs"], 0), (["no-such-command"], 2)])
def test_an_interruption_once_all_is_done_changes_nothing(words: list[str], code: int) -> None:
    program = (
        "import atexit, os, signal, sys; from releaser.__main__ import main\n"
        "atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT))\n"
        f"sys.argv[1:] = {words!r}; main()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert "interrupted" not in done.stderr


def test_two_opposite_wishes_are_refused(tmp_path: Path) -> None:
    done = releaser(make_tiny_project(tmp_path), "build", "-q", "-v")
    assert done.returncode == 2
    assert "--verbose and --quiet cannot be used together" in done.stderr
