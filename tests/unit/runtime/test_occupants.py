"""Which versions below a root run is told by the processes of this host."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.waiting import eventually

from releaser.runtime import occupants

WAIT = "print('up', flush=True); input()"


@contextmanager
def process(root: Path, version: str, command: str, **environ: str) -> Iterator[int]:
    entry = root / "releases" / version / "runtime/__main__.py"
    argv = [sys.executable, "-I", "-S", str(entry), str(root), version, command]
    with subprocess.Popen(argv, env={"A": "1", **environ}, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
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


@pytest.mark.parametrize("command", ["ping", "status", "logs"])
def test_a_command_that_only_asks_is_left_out(root: Path, command: str) -> None:
    with process(root, "1.0.0", command):
        assert told(root) == []


def test_a_root_whose_name_begins_alike_is_another(root: Path) -> None:
    with process(root, "1.0.0", "foreground"):
        assert told(Path(f"{root}2")) == []
        assert told(root.parent) == []
