"""A build killed or interrupted before any of its steps: the old build or the new one, never neither, no leftovers."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.builds import beside, built, files_in, manifest_of
from support.running import Release, base_environment, ended
from support.tiny_project import make_tiny_project

from releaser.build.executor import build
from releaser.build.tools.disk import Disk, exchange_names
from releaser.cli.output.report import SilentReport
from releaser.config import read_config
from releaser.plan.gather import gather_facts
from releaser.plan.make import make_plan
from releaser.plan.plan import Plan
from releaser.plan.steps import (
    PublishArchive,
    PublishTree,
    Step,
)

pytestmark = pytest.mark.timeout(600)  # each of them builds some fifty times
BUILDER = Path(__file__).parent / "build_and_die.py"


def plan_of(project: Path) -> Plan:
    config = project / "rel/config.toml"
    profile = read_config(config).profile()
    return make_plan(profile, gather_facts(profile, config))


def steps_of(project: Path) -> tuple[Step, ...]:
    return plan_of(project).steps


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


FOREVER = "import time\n\nWORD = 'up'\n\ndef main():\n    while True:\n        time.sleep(0.05)\n"


@pytest.mark.parametrize("point", ["linked", "written", "exchanged", "renamed"])
def test_what_runs_has_all_of_its_files_wherever_the_build_is_killed_while_it_publishes(
    project: Path, tmp_path: Path, point: str
) -> None:
    (project / "src/tiny/app.py").write_text(FOREVER)
    root = built(project)
    (tmp_path / "scratch").mkdir()
    with ended(Release(root=root, name="tiny", scratch=tmp_path / "scratch", env=base_environment())) as release:
        running = release.foreground()
        version = root / "releases/1.0.0"
        before = files_in(version)
        make_tiny_project(project, version="1.1.0")
        (project / "src/tiny/app.py").write_text(FOREVER)
        assert build_and_die(project, -1, point) == -9
        assert files_in(version) == before
        is_published = (root / "releases/1.1.0").exists()
        assert is_published is (point in ("exchanged", "renamed"))
        built(project)
        assert files_in(version) == before
        assert (root / "var" / "data").read_text() == "rows"
        assert release.status()["pid"] == running.pid
        assert release.run("upgrade", "1.1.0").returncode == 0
        assert release.status()["version"] == "1.1.0"
        assert left_in(project) == [".lock", "rel", *beside("1.0.0"), *beside("1.1.0")]


def test_a_release_that_is_started_at_the_last_moment_keeps_its_version(project: Path, tmp_path: Path) -> None:
    (project / "src/tiny/app.py").write_text(FOREVER)
    root = built(project)
    before = files_in(root / "releases/1.0.0")
    make_tiny_project(project, version="1.1.0")
    (project / "src/tiny/app.py").write_text(FOREVER)
    (tmp_path / "scratch").mkdir()
    with ended(Release(root=root, name="tiny", scratch=tmp_path / "scratch", env=base_environment())) as release:

        def exchange(one: Path, other: Path) -> bool:
            release.foreground()
            return exchange_names(one, other)

        build(
            plan_of(project),
            report=SilentReport(sys.stdout, False),
            read_graph=lambda *_, **__: pytest.fail("no migrations"),
            disk=Disk(exchange=exchange),
        )
        assert files_in(root / "releases/1.0.0") == before
        assert release.status()["version"] == "1.0.0"
        assert release.run("upgrade", "1.1.0").returncode == 0
        assert release.status()["version"] == "1.1.0"


def interrupt_before(project: Path, plan: Plan, wanted: Step) -> str:
    """Send SIGINT to the build, here, before one of its steps; return what the interruption says to be true."""

    def on_step(step: Step) -> None:
        if step is wanted:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as interruption:
        build(
            plan,
            report=SilentReport(sys.stdout, False),
            read_graph=lambda *_, **__: pytest.fail("no migrations"),
            on_step=on_step,
        )
    return "; ".join(interruption.value.__notes__)


def test_an_interruption_before_any_step_says_what_is_there_and_leaves_nothing_else(project: Path) -> None:
    release = project / "_build/prod/rel/tiny"
    old = {name: content for name, content in files_in(release).items() if not name.startswith("var/")}
    make_tiny_project(project, version="1.1.0")
    plan = plan_of(project)
    point_of_no_return = next(step for step in plan.steps if isinstance(step, PublishTree))
    archive = next(step for step in plan.steps if isinstance(step, PublishArchive))
    for step in plan.steps[: plan.steps.index(archive) + 1]:
        told = interrupt_before(project, plan, step)
        assert told == f"the previous build, 1.0.0, is in {release.relative_to(project)} as it was", step
        found = {name: content for name, content in files_in(release).items() if not name.startswith("var/")}
        assert found == old, step
        assert left_in(project) == [".lock", "rel", *beside("1.0.0")], step
    for step in plan.steps[plan.steps.index(point_of_no_return) :]:
        told = interrupt_before(project, plan, step)
        assert told == f"the new build is in {release.relative_to(project)}", step
        assert manifest_of(release, "1.1.0")["version"] == "1.1.0"
        assert (release / "var" / "data").read_text() == "rows"
        assert left_in(project) == [".lock", "rel", *beside("1.0.0"), *beside("1.1.0")], step


def left_in(project: Path) -> list[str]:
    return sorted(path.name for path in (project / "_build" / "prod").iterdir())
