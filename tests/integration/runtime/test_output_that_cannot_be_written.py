"""Every command of a release where standard output or error takes nothing: a full disk, closed, or nobody who reads."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.handmade import write_record
from support.running import SERVER, Release, making_releases
from support.waiting import eventually

from releaser.runtime.release.manifest import Command, Socket

APP = f"""\
{SERVER}
import atexit
from releaser.runtime import on_reload

@on_reload
def reloaded(changed):
    print("reloaded", changed)

def late():
    atexit.register(print, "late")
"""
COMMANDS = {
    "ping": "",
    "ping --alive": "",
    "pid": "",
    "status": "",
    "status --json": "",
    "logs": "",
    "logs -n 2": "",
    "rpc app:pid": "",
    "rpc --all app:pid": "",
    "rpc --json app:pid": "",
    "reload_config": "",
    "eval 1+1": "",
    "eval print(1)": "",
    "eval print('x'*100000)": "",
    "eval exit(print(1))": "",
    "eval app:late": "",
    "eval -": "print(1)",
    "console": "print(1)\n",
    "remote_console": "print(1)\n",
    "describe": "",
    "generate systemd": "",
    "upgrade 1.0.0": "",
    "versions": "",
    "versions --json": "",
    "version": "",
    "--version": "",
    "verify": "",
    "help": "",
    "help unpack": "",
    "unpack --help": "",
    "--help": "",
    "": "",
}
"""What succeeds in a release that runs and prints something, with its standard input."""
REFUSED = {"nonsense": 2, "rpc app:nothing": 1, "eval 1/0": 1, "remove 1.0.0": 4, "upgrade 9": 1, "start": 4}
"""What does not, with its exit code."""
FULL = "no space left on device"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    with making_releases(tmp_path_factory.mktemp("unwritten")) as make:
        command = Command(name="hello", path="commands/hello", summary="greets")
        release = make(modules={"app.py": APP}, sockets=[Socket(name="web", address="127.0.0.1:0")], commands=[command])
        script = release.root / "releases/1.0.0/commands/hello"
        script.parent.mkdir()
        script.write_text("#!/bin/sh\ncat\nls -l /proc/$$/fd >&2\n")
        script.chmod(0o755)
        write_record(release.root)
        assert release.run("start").returncode == 0
        yield release


def through(release: Release, redirections: str, words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command of the release with its descriptors as a shell leaves them."""
    script = f'exec "$@" {redirections}'
    return subprocess.run(
        ["/bin/sh", "-c", script, "sh", *release.argv(*words.split())],
        env=release.env,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("words", COMMANDS)
def test_a_full_disk_is_one_sentence_and_1(release: Release, words: str) -> None:
    done = through(release, "> /dev/full", words, COMMANDS[words])
    first, *rest = done.stderr.removeprefix(banner(done.stderr)).splitlines()
    assert (done.returncode, first) == (1, f"error: cannot write to standard output: {FULL}")
    assert len(rest) <= 1
    assert all(line.startswith("  now: ") for line in rest)


def banner(text: str) -> str:
    """Return what a console says on standard error before and between its lines."""
    return text[: text.index("error: ")] if text.startswith(("Python ", ">>> ")) else ""


@pytest.mark.parametrize("words", COMMANDS)
def test_a_descriptor_that_is_no_output_is_one_sentence_and_1(release: Release, words: str) -> None:
    done = through(release, "1< /dev/null", words, COMMANDS[words])
    text = done.stderr.removeprefix(banner(done.stderr))
    assert (done.returncode, text.splitlines()[0]) == (1, "error: cannot write to standard output: bad file descriptor")


@pytest.mark.parametrize("words", COMMANDS)
def test_what_is_closed_is_as_if_it_were_the_null_device(release: Release, words: str) -> None:
    usual = through(release, "", words, COMMANDS[words])
    assert usual.returncode == 0
    assert usual.stdout
    for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        done = through(release, closed, words, "" if "<&-" in closed else COMMANDS[words])
        assert (closed, done.returncode) == (closed, 0)
        assert bool(done.stdout) or closed != "2>&-"
        assert "error" not in done.stderr


@pytest.mark.parametrize("words", COMMANDS)
def test_when_nobody_reads_any_more_it_ends_quietly(release: Release, words: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            release.argv(*words.split()),
            env=release.env,
            input=COMMANDS[words],
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writer)
    assert done.returncode == 141
    assert "error" not in done.stderr


@pytest.mark.parametrize(
    "redirections", ["> /dev/full", ">&-", "2> /dev/full", "2>&-", "> /dev/full 2>&1", "<&- >&- 2>&-"]
)
@pytest.mark.parametrize("words", REFUSED)
def test_a_failure_keeps_its_exit_code_wherever_it_is_told(release: Release, words: str, redirections: str) -> None:
    done = through(release, redirections, words)
    assert done.returncode == REFUSED[words]
    if "2>" not in redirections:
        assert "cannot write" not in done.stderr
        assert done.stderr


def test_a_command_of_the_release_finds_its_descriptors_open(release: Release) -> None:
    done = through(release, "<&- >&-", "hello")
    assert done.returncode == 0
    assert done.stderr.count("/dev/null") == 2


def test_a_start_whose_last_line_cannot_be_written_says_that_the_release_runs(tmp_path: Path) -> None:
    with making_releases(tmp_path) as make:
        release = make(sockets=[Socket(name="web", address="127.0.0.1:0")])
        done = through(release, "> /dev/full", "start")
        assert done.returncode == 1
        assert done.stderr == (f"error: cannot write to standard output: {FULL}\n  now: what it was to do is done\n")
        assert release.run("ping").returncode == 0
        assert through(release, "> /dev/full 2>&1", "stop").returncode == 0


@pytest.mark.parametrize("redirections", ["> /dev/full 2>&1", "<&- >&- 2>&-", "1< /dev/null 2>&1"])
def test_a_release_serves_on_where_its_own_lines_cannot_be_written(tmp_path: Path, redirections: str) -> None:
    app = "import time\n\ndef main():\n    while True:\n        time.sleep(0.05)\n"
    hook = ("post_start", "10-talk", "seq 1 20000\n")
    with making_releases(tmp_path) as make:
        release = make(modules={"app.py": app}, hooks=[hook])
        release.shell = ("/bin/sh", "-c", f'exec "$@" {redirections}', "sh")
        running = release.begin("foreground")
        release.shell = ()
        eventually(lambda: release.run("ping").returncode == 0)
        eventually(lambda: [hook["outcome"] for hook in release.status()["hooks"]] == ["done"])
        running.signal(signal.SIGTERM)
        assert running.wait() == 0
        assert release.leftovers() == []
