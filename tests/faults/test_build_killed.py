"""A build killed with -9 before any of its steps: the old build or the new one, never neither, and no leftovers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.builds import beside, built, files_in, manifest_of
from support.tiny_project import make_tiny_project

from releaser.config import read_config
from releaser.plan.gather import gather_facts
from releaser.plan.make import make_plan
from releaser.plan.steps import PublishTree, Step

pytestmark = pytest.mark.timeout(600)  # each of them builds some fifty times
BUILDER = Path(__file__).parent / "build_and_die.py"


def steps_of(project: Path) -> tuple[Step, ...]:
    config = project / "rel/config.toml"
    profile = read_config(config).profile()
    return make_plan(profile, gather_facts(profile, config)).steps


def build_and_die(project: Path, number: int, way: str) -> int:
    words = [sys.executable, BUILDER, str(number), way]
    return subprocess.run(words, cwd=project, stdin=subprocess.DEVNULL, timeout=120).returncode


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = make_tiny_project(tmp_path / "project")
    release = built(project)
    (release / "var").mkdir()
    (release / "var" / "data").write_text("rows")
    return project


@pytest.mark.parametrize("way", ["exchange", "rename"])
def test_a_build_killed_before_any_step_leaves_the_old_one_or_the_new_one(project: Path, way: str) -> None:
    release = project / "_build/prod/rel/tiny"
    old = {name: content for name, content in files_in(release).items() if not name.startswith("var/")}
    make_tiny_project(project, version="1.1.0")
    steps = steps_of(project)
    point_of_no_return = next(number for number, step in enumerate(steps) if isinstance(step, PublishTree))
    for number in range(point_of_no_return + 1):
        assert build_and_die(project, number, way) == -9
        found = {name: content for name, content in files_in(release).items() if not name.startswith("var/")}
        assert found == old, steps[number]
        assert (release / "var" / "data").read_text() == "rows"
    for number in range(point_of_no_return + 1, len(steps)):
        assert build_and_die(project, number, way) == -9
        assert manifest_of(release, "1.1.0")["version"] == "1.1.0", steps[number]
    assert build_and_die(project, len(steps), way) == 0
    assert (release / "var" / "data").read_text() == "rows"
    assert left_in(project) == [".lock", "rel", *beside("1.0.0"), *beside("1.1.0")]


def test_every_kill_is_followed_by_a_build_that_works_and_cleans_up(project: Path) -> None:
    release = project / "_build/prod/rel/tiny"
    for number, step in enumerate(steps_of(project)):
        version = f"1.0.{number + 1}"
        make_tiny_project(project, version=version)
        assert build_and_die(project, number, "exchange") == -9
        built(project)
        assert manifest_of(release, version)["version"] == version, step
        assert (release / "var" / "data").read_text() == "rows", step
        assert [name for name in left_in(project) if not name.startswith("tiny-")] == [".lock", "rel"], step


def left_in(project: Path) -> list[str]:
    return sorted(path.name for path in (project / "_build" / "prod").iterdir())
