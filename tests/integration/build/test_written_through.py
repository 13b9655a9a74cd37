"""What has its final name is on the disk: everything is written through before, and the names are afterwards."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest
from support.builds import built, files_in
from support.tiny_project import make_tiny_project

from releaser.build.executor import build
from releaser.build.stage.under_way import Graph
from releaser.build.tools.disk import Disk
from releaser.cli.output.report import SilentReport
from releaser.config import read_config
from releaser.errors import BuildError
from releaser.plan.gather import gather_facts
from releaser.plan.make import make_plan


def no_graph(scripts: Path, **where: object) -> Graph:
    raise AssertionError("the project has no migrations")


def build_with(project: Path, disk: Disk) -> None:
    config = project / "rel/config.toml"
    profile = read_config(config).profile()
    plan = make_plan(profile, gather_facts(profile, config))
    build(plan, report=SilentReport(sys.stdout, False), read_graph=no_graph, disk=disk)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_tiny_project(tmp_path / "project")


def test_files_are_written_before_they_get_their_names_and_names_when_they_have_them(project: Path) -> None:
    target = project / "_build/prod"
    seen: list[tuple[bool, bool]] = []

    def write_through(folder: str) -> None:
        assert target in (Path(folder), Path(folder).parent)
        seen.append(((target / "tiny-1.0.0.tar.gz").exists(), (target / "rel/tiny").exists()))

    build_with(project, Disk(write_through=write_through))
    assert seen == [(False, False), (True, False), (True, True)]


@pytest.mark.parametrize("number", [0, 1])
def test_a_disk_that_cannot_write_leaves_the_build_before(project: Path, number: int) -> None:
    before = files_in(built(project))
    app = project / "src/tiny/app.py"
    app.write_text(app.read_text() + "\n# longer\n")
    calls: list[str] = []

    def write_through(folder: str) -> None:
        calls.append(folder)
        if len(calls) > number:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    with pytest.raises(BuildError) as caught:
        build_with(project, Disk(write_through=write_through))
    assert ("the archive" if number == 0 else "the release") in str(caught.value)
    assert "input/output error" in str(caught.value)
    assert caught.value.now == "the previous build, 1.0.0, is in _build/prod/rel/tiny as it was"
    assert files_in(project / "_build/prod/rel/tiny") == before
    assert not list((project / "_build/prod").glob(".staging*"))
