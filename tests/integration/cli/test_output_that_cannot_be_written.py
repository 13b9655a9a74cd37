"""Every command of `releaser` where standard output or error takes nothing: a full disk, closed, or nobody reads."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from support.builds import RELEASER, clean_environment, releaser
from support.tiny_project import make_tiny_project

COMMANDS = (
    "",
    "--help",
    "--version",
    "build --help",
    "migrations --help",
    "schema",
    "docs",
    "docs commands",
    "config",
    "config --json",
    "check",
    "check --json",
    "plan",
    "generate procfile",
    "generate systemd",
    "inspect _build/prod/rel/tiny",
    "inspect --json _build/prod/tiny-1.0.0.tar.gz",
    "diff _build/prod/rel/tiny _build/prod/tiny-1.0.0.tar.gz",
    "verify _build/prod/tiny-1.0.0.tar.gz",
    "init --dry-run ../new",
)
"""What succeeds and prints something; the last build is still good."""
SLOW = ("check", "plan", "generate")
"""Which of them look for interpreters and installers."""
BUILDS = ("build", "build --force -v", "build --force --json", "clean --env closed")
"""What goes on while it tells of it."""
REFUSED = {
    "nonsense": 2,
    "config --env live": 2,
    "check --config none.toml": 3,
    "check --json --config wrong.toml": 3,
    "check --config lost.toml": 3,
    "build --json --env live": 2,
}
FULL = "no space left on device"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unwritten")
    make_tiny_project(folder / "new")
    project = make_tiny_project(folder / "project")
    (project / "wrong.toml").write_text("wrong = 1\n")
    lost = (project / "rel/config.toml").read_text().replace("tiny.app:main", "tiny.lost:main")
    (project / "lost.toml").write_text(lost.replace("[release.tiny]", '[release.tiny]\nproject = "."'))
    done = releaser(project, "build")
    assert done.returncode == 0, done.stderr
    return project


def through(project: Path, redirections: str, words: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run a command with its descriptors as a shell leaves them."""
    return subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {redirections}', "sh", RELEASER, *words.split()],
        cwd=project,
        env=clean_environment() | changes,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("words", COMMANDS)
def test_what_cannot_be_written_is_told_by_the_way_it_fails(project: Path, words: str) -> None:
    told = {
        "> /dev/full": (1, f"error: cannot write to standard output: {FULL}\n"),
        "1< /dev/null": (1, "error: cannot write to standard output: bad file descriptor\n"),
        ">&-": (0, ""),
        "<&- >&- 2>&-": (0, ""),
    }
    for redirections, wanted in told.items():
        if words.startswith(SLOW) and redirections in ("1< /dev/null", ">&-"):
            continue
        done = through(project, redirections, words)
        assert (redirections, done.returncode, done.stderr) == (redirections, *wanted)
        assert done.stdout == ""
    assert words.startswith(SLOW) or through(project, "2>&-", words).stdout


@pytest.mark.parametrize("words", [*COMMANDS, *BUILDS])
def test_when_nobody_reads_any_more_it_ends_quietly(project: Path, words: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [RELEASER, *words.split()],
            cwd=project,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize(
    ("words", "colour"), [*((words, {}) for words in BUILDS), ("build --force", {"FORCE_COLOR": "1"})]
)
def test_a_build_goes_on_and_says_in_the_end_that_it_could_not_tell(
    project: Path, words: str, colour: dict[str, str]
) -> None:
    archive = project / "_build/prod/tiny-1.0.0.tar.gz"
    before = archive.stat().st_ino
    done = through(project, "> /dev/full", words, **colour)
    assert done.stderr == (f"error: cannot write to standard output: {FULL}\n  now: what it was to do is done\n")
    assert done.returncode == 1
    assert archive.stat().st_ino != before or not words.startswith("build --force")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_build_needs_no_open_descriptors(project: Path, closed: str) -> None:
    assert through(project, closed, "build --force").returncode == 0


@pytest.mark.parametrize(
    "redirections", ["> /dev/full", ">&-", "2> /dev/full", "2>&-", "> /dev/full 2>&1", "<&- >&- 2>&-"]
)
@pytest.mark.parametrize("words", REFUSED)
def test_a_failure_keeps_its_exit_code_wherever_it_is_told(project: Path, words: str, redirections: str) -> None:
    done = through(project, redirections, words)
    assert done.returncode == REFUSED[words]
    if "2>" not in redirections:
        assert "cannot write" not in done.stderr
        assert done.stderr.startswith("error: ")


def test_events_and_sentences_are_each_where_they_can_be_written(project: Path) -> None:
    done = through(project, "2> /dev/full", "build --json --env live")
    assert json.loads(done.stdout.splitlines()[-1])["exit_code"] == done.returncode == 2
