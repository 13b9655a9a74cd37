"""Which function carries out which step, what of it can begin earlier, and is a person told of it?

What takes long to import is imported when its step is carried out: a build that has nothing to do has no time for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from releaser.build.archive.packing import pack_archive, pack_run_file
from releaser.build.archive.sidecars import sign_checksums, write_sidecars
from releaser.build.bundle.commands import run_commands
from releaser.build.bundle.entry import check_bundle
from releaser.build.bundle.runtime_copy import add_runtime, begin_runtime
from releaser.build.bundle.tree import finish_tree
from releaser.build.dependencies.bytecode import compile_bundle
from releaser.build.dependencies.installing import (
    begin_dependencies,
    install_dependencies,
    install_project,
    tidy_bundle,
)
from releaser.build.dependencies.strip import strip_bundle
from releaser.build.project.package_files import check_package_files
from releaser.build.project.staged_tree import stage_tree
from releaser.build.project.wheel import build_wheel
from releaser.build.publish.replacing import bring_var, has_var, publish_archive, remove_staging, replace_tree
from releaser.build.release.migration_files import copy_migrations, note_migration_command
from releaser.build.release.overlays import copy_overlays
from releaser.build.release.record import write_manifest
from releaser.build.release.scripts import copy_scripts
from releaser.build.stage.under_way import Stage
from releaser.plan import steps
from releaser.plan.steps import Step

_S = TypeVar("_S", bound=Step)
_MODULES = "import modules"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What there is to do for one type of step."""

    carry_out: Callable[[Any, Stage], None]
    begin: Callable[[Any, Stage], None] | None
    """Begins what does not wait for the project's wheel."""
    is_told: Callable[[Any, Stage], bool]
    """Tells whether a person who waits wants to read of it: it takes time, or it is what they asked for."""


def _always(_: Step, __: Stage) -> bool:
    return True


def _never(_: Step, __: Stage) -> bool:
    return False


def _row(
    kind: type[_S],
    carry_out: Callable[[_S, Stage], None],
    *,
    begin: Callable[[_S, Stage], None] | None = None,
    is_told: Callable[[_S, Stage], bool] = _always,
) -> tuple[type[Any], Row]:
    return kind, Row(carry_out=carry_out, begin=begin, is_told=is_told)


def _build_wheel(step: steps.BuildWheel, stage: Stage) -> None:
    """Begin what does not wait for the project's wheel, for other processors to do meanwhile, and build it."""
    check_package_files(step.project, stage.plan.root, stage.plan.target.parent)
    for each in stage.plan.steps:
        begin = TABLE[type(each)].begin
        if begin is not None:
            begin(each, stage)
    stage.ahead.start(_MODULES, lambda report, run: _import_later_modules())
    build_wheel(step, stage)


def _import_later_modules() -> None:
    """Import what the last steps need, while programs run; nothing else imports it before that is done."""
    from releaser.build.archive import sbom  # noqa: F401
    from releaser.build.bundle import writing  # noqa: F401
    from releaser.build.release import launcher  # noqa: F401


def _check_glibc(step: steps.CheckGlibc, stage: Stage) -> None:
    from releaser.build.interpreter.glibc import check_glibc

    check_glibc(step, stage)


def _bundle_python(step: steps.BundlePython, stage: Stage) -> None:
    from releaser.build.interpreter.kept import bundle_python

    bundle_python(step, stage)


def _write_bundle(_: steps.WriteBundle, stage: Stage) -> None:
    stage.ahead.result(_MODULES, stage.report)
    from releaser.build.bundle.writing import write_bundle

    write_bundle(stage)


def _write_launcher(_: steps.WriteLauncher, stage: Stage) -> None:
    from releaser.build.release.launcher import write_launcher

    write_launcher(stage)


def _run_plugins(step: steps.RunPlugins, stage: Stage) -> None:
    from releaser.build.stage.plugins import assembly_of

    if stage.plugins is None:
        return
    plan = stage.plan
    folder, packages = stage.root, tuple(stage.folder / package.name for package in plan.packages)
    if step.event == "after_cleanup":
        folder, packages = plan.published, plan.packages
    assembly = assembly_of(plan, folder, packages, stage.report.note, stage.warnings.append)
    stage.plugins.call(step.event, assembly)


def _has_plugins(step: steps.RunPlugins, stage: Stage) -> bool:
    return stage.plugins is not None and stage.plugins.has(step.event)


TABLE: Mapping[type[Any], Row] = dict(
    (
        _row(steps.StageTree, stage_tree),
        _row(steps.RunCommands, run_commands),
        _row(steps.FinishTree, finish_tree, is_told=_never),
        _row(steps.BuildWheel, _build_wheel),
        _row(steps.InstallDependencies, install_dependencies, begin=begin_dependencies),
        _row(steps.InstallProject, install_project),
        _row(steps.TidyBundle, tidy_bundle, is_told=_never),
        _row(steps.StripBundle, strip_bundle),
        _row(steps.AddRuntime, add_runtime, begin=begin_runtime, is_told=_never),
        _row(steps.CheckBundle, check_bundle),
        _row(steps.CopyMigrations, copy_migrations),
        _row(steps.NoteMigrationCommand, note_migration_command),
        _row(steps.CompileBundle, compile_bundle),
        _row(steps.BundlePython, _bundle_python),
        _row(steps.CheckGlibc, _check_glibc),
        _row(steps.WriteBundle, _write_bundle),
        _row(steps.CopyScripts, copy_scripts),
        _row(steps.CopyOverlays, copy_overlays),
        _row(steps.WriteLauncher, _write_launcher, is_told=_never),
        _row(steps.WriteManifest, write_manifest, is_told=_never),
        _row(steps.WriteArchive, pack_archive),
        _row(steps.WriteRunFile, pack_run_file),
        _row(steps.WriteSidecars, write_sidecars),
        _row(steps.Sign, sign_checksums),
        _row(steps.PublishArchive, publish_archive, is_told=_never),
        _row(steps.PublishTree, replace_tree),
        _row(steps.CarryVar, bring_var, is_told=has_var),
        _row(steps.RunPlugins, _run_plugins, is_told=_has_plugins),
        _row(steps.RemoveStaging, remove_staging, is_told=_never),
    )
)
"""A row for every type of step."""
