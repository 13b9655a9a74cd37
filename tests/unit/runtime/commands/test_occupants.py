"""Which versions below a root run is told by the processes of this host."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.other_user import NOBODY, need_root
from support.waiting import eventually

from releaser.runtime.commands import occupants

WAIT = "print('up', flush=True); input()"


def entry(root: Path, version: str) -> str:
    return str(root / "releases" / version / "runtime/__main__.py")


@contextmanager
def process(root: Path, version: str, command: str, **environ: str) -> Iterator[int]:
    with started_as([sys.executable, "-I", "-S", entry(root, version), str(root), version, command], **environ) as pid:
        yield pid


@contextmanager
def started_as(argv: list[str], user: int | None = None, **environ: str) -> Iterator[int]:
    with subprocess.Popen(
        argv, env={"A": "1", **environ}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, user=user
    ) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == b"up\n"
        yield started.pid
        started.communicate(b"\n")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for version in ("1.0.0", "2.0.0"):
        folder = tmp_path / "releases" / version / "runtime"
        folder.mkdir(parents=True)
        (folder / "__main__.py").write_text(WAIT)
    return tmp_path


def told(root: Path) -> list[tuple[int, str, str]]:
    return [(each.pid, each.version, each.var) for each in occupants.found(str(root))]


def test_nobody_runs_what_was_just_made(root: Path) -> None:
    assert told(root) == []


def test_each_process_is_found_with_its_version_and_var(root: Path) -> None:
    with process(root, "1.0.0", "foreground") as one, process(root, "2.0.0", "_instance", RELEASE_VAR="/var/x") as two:
        assert sorted(told(root)) == sorted([(one, "1.0.0", f"{root}/var"), (two, "2.0.0", "/var/x")])
    eventually(lambda: not told(root))


def test_a_root_is_found_by_whatever_name(root: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(root, target_is_directory=True)
    with process(root, "1.0.0", "foreground") as pid:
        assert [found for found, _, _ in told(link)] == [pid]


@pytest.mark.parametrize("command", ["ping", "status", "logs", "_log"])
def test_a_command_that_only_asks_or_writes_the_log_is_left_out(root: Path, command: str) -> None:
    with process(root, "1.0.0", command):
        assert told(root) == []


def test_a_root_whose_name_begins_alike_is_another(root: Path) -> None:
    with process(root, "1.0.0", "foreground"):
        assert told(Path(f"{root}2")) == []
        assert told(root.parent) == []


@pytest.mark.parametrize(
    "words",
    [
        ["ENTRY"],
        ["ENTRY", "ROOT"],
        ["ENTRY", "ROOT", "1.0.0"],
        ["ENTRY", "/elsewhere", "1.0.0", "foreground"],
        ["ENTRY", "ROOT", "2.0.0", "foreground"],
        ["ROOT", "1.0.0", "foreground", "ENTRY"],
    ],
    ids=" ".join,
)
def test_a_command_line_that_only_names_the_entry_runs_nothing(root: Path, words: list[str]) -> None:
    known = {"ENTRY": entry(root, "1.0.0"), "ROOT": str(root)}
    with started_as([sys.executable, "-I", "-S", "-c", WAIT, *(known.get(word, word) for word in words)]):
        assert told(root) == []


def test_what_looks_like_a_release_and_is_somebody_elses_does_not_count(root: Path, tmp_path: Path) -> None:
    need_root()
    sh = ["/bin/sh", "-c", "echo up; read line", entry(root, "1.0.0"), str(root), "1.0.0", "foreground"]
    var = tmp_path / "their var"
    with started_as(sh, user=NOBODY, RELEASE_VAR=str(var)) as pid:
        assert told(root) == []
        (var / "run").mkdir(parents=True)
        os.mkfifo(var / "run/lock")
        assert told(root) == []
        (var / "run/lock").unlink()
        with (var / "run/lock").open("w") as lock:  # what a release that runs there holds
            fcntl.flock(lock, fcntl.LOCK_EX)
            assert told(root) == [(pid, "1.0.0", str(var))]
        assert told(root) == []
        os.chown(var, NOBODY, NOBODY)
        assert [each.pid for each in occupants.found(str(root), str(var))] == [pid]
    with started_as(sh) as pid:
        assert told(root) == [(pid, "1.0.0", f"{root}/var")]
    (root / "var").mkdir()
    os.chown(root / "var", NOBODY, NOBODY)
    with started_as(sh, user=NOBODY) as pid:
        assert told(root) == [(pid, "1.0.0", f"{root}/var")]
