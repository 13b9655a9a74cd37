"""How is a plan carried out? Step by step in a staging folder, published at the end; the one place that acts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from releaser.build.publish.built import FIRST_EPOCH, Built
from releaser.build.publish.publishing import repair
from releaser.build.publish.receipt import keep_receipt, take_snapshot
from releaser.build.stage.early_end import as_build_error, telling, uninterrupted, what_is_there
from releaser.build.stage.under_way import ReadGraph, Stage, staging_folder
from releaser.build.step_table import TABLE
from releaser.build.tools import cache
from releaser.build.tools.cache import Cache
from releaser.build.tools.commands import runner
from releaser.build.tools.disk import DISK, Disk
from releaser.build.tools.installers import choose_installer, for_target
from releaser.build.tools.lock import build_lock
from releaser.build.tools.report import Report
from releaser.build.tools.tree import size_bytes
from releaser.errors import BuildError, Problem, reason_of
from releaser.plan.describe import describe
from releaser.plan.plan import Plan
from releaser.plan.steps import (
    PublishArchive,
    PublishTree,
    Step,
)

if TYPE_CHECKING:
    from releaser.build.stage.plugins import Plugins


def build(
    plan: Plan,
    *,
    report: Report,
    read_graph: ReadGraph,
    epoch: int = FIRST_EPOCH,
    on_step: Callable[[Step], None] = lambda _: None,
    disk: Disk = DISK,
    warnings_as_errors: bool = False,
    is_offline: bool = False,
) -> Built:
    """Carry out `plan` and return what was made.

    `epoch` dates everything in the artifact; `on_step` is called before each step, `disk` publishes. With
    `warnings_as_errors` nothing is published once there is a warning. With `is_offline` packages come from caches and
    `find_links` alone.

    Raises:
        BuildError: a step did not work.
        ProjectError: what only a step could see of the project forbids the build.
    """
    warnings: list[str] = []
    plugins = _plugins(plan, report, warnings.append)
    if warnings_as_errors:
        refuse_warnings((*plan.warnings, *warnings), "nothing was built")
    stage: Stage | None = None

    def now() -> str:
        return what_is_there(plan, is_published=stage is not None and stage.is_published)

    with _plain_umask(), telling(now), ExitStack() as held:
        with as_build_error("prepare the build"):
            held.enter_context(build_lock(plan.target, report))
            warnings += repair(plan.target)
            snapshot = take_snapshot(plan, epoch=epoch, is_offline=is_offline)
            stage = _stage(plan, report, read_graph, epoch, plugins, disk, is_offline)
        stage.warnings += warnings
        try:
            with ExitStack() as publishing:
                for step in plan.steps:
                    on_step(step)
                    if isinstance(step, PublishArchive | PublishTree):
                        if warnings_as_errors:
                            refuse_warnings(stage.warnings, "")
                        # The archive and the tree are both of this build, or both of the last one.
                        publishing.enter_context(uninterrupted())
                    row = TABLE[type(step)]
                    if row.is_told(step, stage):
                        report.step(describe(step))
                    with as_build_error(describe(step)):
                        row.carry_out(step, stage)
                    if isinstance(step, PublishTree):
                        publishing.close()
        finally:
            with uninterrupted():
                _clean_up(stage)
        with as_build_error("measure what was built"):
            built = _built(plan, stage)
        if snapshot is not None and not stage.local_wheels:
            keep_receipt(snapshot, plan, built)
        return built


def _clean_up(stage: Stage) -> None:
    """End what a build still does, and remove what it leaves; the next build tries again where that is not possible."""
    stage.ahead.end()
    stage.linked.close()
    try:
        for sentence in repair(stage.plan.target):
            stage.report.note(sentence)
    except OSError as error:
        stage.report.note(f"{stage.folder} could not be removed: {reason_of(error)}; the next build does it")


def refuse_warnings(warnings: Sequence[Problem | str], now: str) -> None:
    """Raise a BuildError that holds `warnings`, if there are any; `now` says what is true then."""
    problems = tuple(each if isinstance(each, Problem) else Problem(where="", what=each) for each in warnings)
    if problems:
        count = "a warning" if len(problems) == 1 else "warnings"
        raise BuildError(f"{count} under --warnings-as-errors", problems=problems, now=now)


def _stage(
    plan: Plan, report: Report, read_graph: ReadGraph, epoch: int, plugins: Plugins | None, disk: Disk, is_offline: bool
) -> Stage:
    stage = Stage(
        plan=plan,
        report=report,
        run=runner(report),
        installer=for_target(
            choose_installer(plan.interpreter.path, find_links=plan.find_links, is_offline=is_offline), plan.interpreter
        ),
        read_graph=read_graph,
        epoch=max(epoch, FIRST_EPOCH),
        folder=staging_folder(plan.target),
        plugins=plugins,
        disk=disk,
        cache=Cache(folder=plan.target.parent / cache.NAME),
    )
    stage.release.mkdir(parents=True)
    return stage


def _plugins(plan: Plan, report: Report, warn: Callable[[str], None]) -> Plugins | None:
    """Return the plugins of the build, whose checks have nothing against it; None: there are none."""
    if not plan.plugins:
        return None
    from releaser.build.stage.plugins import Plugins

    plugins = Plugins(plan)
    plugins.check(note=report.note, warn=warn)
    return plugins


def _built(plan: Plan, stage: Stage) -> Built:
    has_archive = plan.has_archive
    return Built(
        folder=plan.published,
        folder_bytes=size_bytes(plan.published, without=("var",)),
        archive=plan.archive if has_archive else None,
        archive_bytes=plan.archive.stat().st_size if has_archive else 0,
        run_file=plan.run_file if plan.has_run_file else None,
        run_file_bytes=plan.run_file.stat().st_size if plan.has_run_file else 0,
        warnings=tuple(stage.warnings),
    )


@contextmanager
def _plain_umask() -> Iterator[None]:
    """Let what is made here be readable by others, as every mode in an artifact is, whatever the caller's umask."""
    before = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(before)
