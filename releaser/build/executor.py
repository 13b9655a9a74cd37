"""How is a plan carried out? Step by step in a staging folder, published at the end; the one place that acts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from releaser.build.archive.sidecars import publish_packages, sign_checksums, write_sidecars
from releaser.build.archive.writing import write_archive
from releaser.build.bundle.entry import check_bundle
from releaser.build.bundle.runtime_copy import add_runtime, begin_runtime
from releaser.build.dependencies.bytecode import compile_bundle
from releaser.build.dependencies.installing import (
    begin_dependencies,
    build_wheel,
    install_dependencies,
    install_project,
    tidy_bundle,
)
from releaser.build.dependencies.strip import strip_bundle
from releaser.build.project.package_files import check_package_files
from releaser.build.publish.built import FIRST_EPOCH, Built
from releaser.build.publish.publishing import (
    DISK,
    Disk,
    carry_var,
    prune_bundles,
    publish_tree,
    repair,
)
from releaser.build.publish.receipt import keep_receipt, take_snapshot
from releaser.build.publish.staying import bundles_of, keep_late_starters, keep_what_stays
from releaser.build.release.migration_files import copy_migrations, note_migration_command
from releaser.build.release.overlays import copy_overlays
from releaser.build.release.record import write_manifest
from releaser.build.release.scripts import copy_scripts
from releaser.build.stage.early_end import as_build_error, telling, uninterrupted, what_is_there
from releaser.build.stage.under_way import ReadGraph, Stage, staging_folder
from releaser.build.tools import cache
from releaser.build.tools.cache import Cache
from releaser.build.tools.commands import runner
from releaser.build.tools.installers import choose_installer, for_target
from releaser.build.tools.lock import build_lock
from releaser.build.tools.report import Report
from releaser.build.tools.tree import normalise_modes, size_bytes
from releaser.errors import BuildError, Problem, reason_of
from releaser.plan.describe import describe
from releaser.plan.steps import (
    AddRuntime,
    BuildWheel,
    BundlePython,
    CarryVar,
    CheckBundle,
    CheckGlibc,
    CompileBundle,
    CopyMigrations,
    CopyOverlays,
    CopyScripts,
    InstallDependencies,
    InstallProject,
    NoteMigrationCommand,
    Plan,
    PublishArchive,
    PublishTree,
    RemoveStaging,
    RunPlugins,
    Sign,
    Step,
    StripBundle,
    TidyBundle,
    WriteArchive,
    WriteBundle,
    WriteLauncher,
    WriteManifest,
    WriteRunFile,
    WriteSidecars,
)

if TYPE_CHECKING:
    from releaser.build.stage.plugins import Plugins
    from releaser.plugins import PluginEvent


_MODULES = "import modules"


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
            stage = _stage(plan, report, read_graph, epoch, plugins, is_offline)
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
                    if _is_told(step, stage):
                        report.step(describe(step))
                    with as_build_error(describe(step)):
                        _carry_out(step, stage, disk)
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
    plan: Plan, report: Report, read_graph: ReadGraph, epoch: int, plugins: Plugins | None, is_offline: bool
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
        cache=Cache(folder=plan.target.parent / cache.NAME),
    )
    stage.release.mkdir(parents=True)
    return stage


def _carry_out(step: Step, stage: Stage, disk: Disk) -> None:
    match step:
        case BuildWheel(project=project):
            check_package_files(project, stage.plan.root, stage.plan.target.parent)
            _begin_ahead(stage)
            build_wheel(step, stage)
        case InstallDependencies():
            install_dependencies(step, stage)
        case InstallProject():
            install_project(step, stage)
        case TidyBundle():
            tidy_bundle(stage)
        case StripBundle():
            strip_bundle(step, stage)
        case AddRuntime():
            add_runtime(step, stage)
        case CheckBundle():
            check_bundle(step, stage)
        case CopyMigrations():
            copy_migrations(step, stage)
        case NoteMigrationCommand():
            note_migration_command(step, stage)
        case CompileBundle():
            compile_bundle(step, stage)
        case BundlePython():
            _bundle_python(step, stage)
        case CheckGlibc():
            _check_glibc(step, stage)
        case WriteBundle():
            _write_bundle(stage)
        case CopyScripts():
            copy_scripts(step, stage)
        case CopyOverlays():
            copy_overlays(step, stage)
        case WriteLauncher():
            _write_launcher(stage)
        case WriteManifest():
            write_manifest(stage)
        case WriteArchive():
            _write_archive(stage, stage.archive)
        case WriteRunFile():
            _write_run_file(stage)
        case WriteSidecars():
            write_sidecars(stage)
        case Sign():
            stage.report.give_way()
            sign_checksums(step, stage)
        case PublishArchive():
            disk.write_through(str(stage.folder))
            publish_packages(stage)
        case PublishTree():
            _publish_tree(stage, disk)
        case CarryVar():
            _carry_var(stage)
        case RunPlugins(event=event):
            _run_plugins(event, stage)
        case RemoveStaging():
            shutil.rmtree(stage.folder)


def _begin_ahead(stage: Stage) -> None:
    """Begin what does not wait for the project's wheel: the other processors have nothing to do meanwhile."""
    for step in stage.plan.steps:
        match step:
            case InstallDependencies():
                begin_dependencies(step, stage)
            case AddRuntime():
                begin_runtime(step, stage)
            case _:
                pass
    stage.ahead.start(_MODULES, lambda report, run: _import_later_modules())


def _import_later_modules() -> None:
    """Import what the last steps need, while programs run; nothing else imports it before that is done."""
    from releaser.build.archive import sbom  # noqa: F401
    from releaser.build.bundle import writing  # noqa: F401
    from releaser.build.release import launcher  # noqa: F401


def _check_glibc(step: CheckGlibc, stage: Stage) -> None:
    from releaser.build.interpreter.glibc import check_glibc

    check_glibc(step, stage)


def _write_bundle(stage: Stage) -> None:
    stage.ahead.result(_MODULES, stage.report)
    from releaser.build.bundle.writing import write_bundle

    normalise_modes(stage.site_packages)
    write_bundle(stage)


def _write_launcher(stage: Stage) -> None:
    from releaser.build.release.launcher import write_launcher

    write_launcher(stage)


def _bundle_python(step: BundlePython, stage: Stage) -> None:
    from releaser.build.interpreter.copying import BundledInterpreter, bundle_interpreter
    from releaser.build.interpreter.kept import keep_python

    prefix = Path(step.prefix) if step.prefix else None

    def make(root: Path, report: Callable[[str], None]) -> BundledInterpreter:
        return bundle_interpreter(
            prefix, root, stage.site_packages, report, step.optimize, step.include_libc, step.glibc_max
        )

    bundled = keep_python(step, stage, make)
    stage.bundled_python = bundled.folder_name
    stage.full_version = bundled.full_version
    stage.libraries = bundled.described
    stage.linked_in = bundled.linked_in
    stage.interpreter_members = bundled.members
    stage.glibc = bundled.glibc_min


def _plugins(plan: Plan, report: Report, warn: Callable[[str], None]) -> Plugins | None:
    """Return the plugins of the build, whose checks have nothing against it; None: there are none."""
    if not plan.plugins:
        return None
    from releaser.build.stage.plugins import Plugins

    plugins = Plugins(plan)
    plugins.check(note=report.note, warn=warn)
    return plugins


def _run_plugins(event: PluginEvent, stage: Stage) -> None:
    from releaser.build.stage.plugins import assembly_of

    if stage.plugins is None:
        return
    plan = stage.plan
    folder, packages = stage.root, tuple(stage.folder / package.name for package in plan.packages)
    if event == "after_cleanup":
        folder, packages = plan.published, plan.packages
    assembly = assembly_of(plan, folder, packages, stage.report.note, stage.warnings.append)
    stage.plugins.call(event, assembly)


def _is_told(step: Step, stage: Stage) -> bool:
    """Tell whether a person who waits wants to read of `step`: it takes time, or it is what they asked for."""
    match step:
        case TidyBundle() | AddRuntime() | WriteLauncher() | WriteManifest() | PublishArchive() | RemoveStaging():
            return False
        case CarryVar():
            return any((replaced / "var").is_dir() for replaced in (stage.replaced, stage.root))
        case RunPlugins(event=event):
            return stage.plugins is not None and stage.plugins.has(event)
        case _:
            return True


def _write_archive(stage: Stage, to: Path) -> None:
    """Write an archive; what is compressed for those of this release and environment is kept, under their lock."""
    plan = stage.plan
    pieces = plan.target.parent / cache.NAME / "pieces" / f"{plan.target.name}-{plan.sketch.name}{to.suffix}"
    cuts = {stage.bundle: tuple(stage.bundle_cuts)}
    write_archive(stage.root, to, stage.epoch, pieces, cuts)


def _write_run_file(stage: Stage) -> None:
    from releaser.build.archive.run_file import write_run_file

    payload = stage.archive
    if payload.suffix != ".gz" or not payload.exists():
        payload = stage.folder / "payload.tar.gz"
        _write_archive(stage, payload)
    sketch = stage.plan.sketch
    write_run_file(payload, stage.folder / stage.plan.run_file.name, sketch.name, sketch.version)


def _publish_tree(stage: Stage, disk: Disk) -> None:
    plan = stage.plan
    keep_what_stays(stage)
    disk.write_through(str(stage.folder))
    publish_tree(stage.root, plan.published, stage.replaced, disk.exchange)
    stage.is_published = True
    keep_late_starters(stage)
    disk.write_through(str(plan.target))


def _carry_var(stage: Stage) -> None:
    published = stage.plan.published
    for replaced in (stage.replaced, stage.root):
        carry_var(replaced, published)
    if not stage.was_running:
        prune_bundles(published, {stage.bundle_id, *bundles_of(published, stage.staying)})


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
