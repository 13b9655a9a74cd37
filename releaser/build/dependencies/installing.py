"""How do the project and its dependencies get into the staged site-packages?

The dependencies are a layer of the cache, installed once for each content of the lock; the project is installed at
every build, in a folder of its own, and laid over them.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Final

from releaser.build.dependencies.bytecode import compile_folder
from releaser.build.dependencies.locked import find_pins, locked_pins
from releaser.build.dependencies.packed import open_members
from releaser.build.dependencies.pins import Pins
from releaser.build.dependencies.several_indexes import told_apart
from releaser.build.dependencies.strip import modules_of, strip_debug_info
from releaser.build.dependencies.tags import check_tags
from releaser.build.dependencies.tidying import remove_files, remove_replaced, tidy
from releaser.build.dependencies.time_zones import bring_time_zones
from releaser.build.project.left_out import leave_private_files_out
from releaser.build.project.source_paths import find_source_paths
from releaser.build.stage.machine import machine_key
from releaser.build.stage.programs import run_program
from releaser.build.stage.under_way import Stage
from releaser.build.tools import dist_info, installers
from releaser.build.tools.cache import key_of
from releaser.build.tools.commands import Run
from releaser.build.tools.layers import (
    SCRIPTS,
    SITE_PACKAGES,
    files_below,
    finish_layer,
    is_whole_layer,
    link,
    link_layer,
    open_layer,
)
from releaser.build.tools.report import Report
from releaser.errors import BuildError
from releaser.plan.steps import InstallDependencies, InstallProject, TidyBundle

_TOLD: Final = "told"
"""Of a layer: what there is to tell of it each time that it is used."""
PACKED: Final = "pack the dependencies"
_JOB: Final = "install the dependencies"
_LAYOUT = 3
"""Of a layer: to be changed with anything that this module, `tidying` or `layers` puts there differently."""


def begin_dependencies(step: InstallDependencies, stage: Stage) -> None:
    """Begin to install what the lock pins while the project's wheel is built, if that does not depend on the wheel."""
    if step.lock is None:
        return

    def job(report: Report, run: Run) -> bool:
        pins = locked_pins(step, replace(stage, report=report, run=run))
        if pins is not None:
            _link_pins(pins, step, replace(stage, report=report, run=run))
        return pins is not None

    stage.ahead.start(_JOB, job)


def install_dependencies(step: InstallDependencies, stage: Stage) -> None:
    """Link the layer that holds what the lock pins; without a lock, what the wheel asks for at this moment."""
    if not stage.ahead.result(_JOB, stage.report):
        _link_pins(find_pins(step, stage), step, stage)
    (layer,) = stage.linked.layers

    def pack(report: Report, run: Run) -> None:
        open_members(layer, replace(stage, report=report, run=run))

    stage.ahead.start(PACKED, pack)


def _link_pins(pins: Pins, step: InstallDependencies, stage: Stage) -> None:
    options = (step.optimize, stage.epoch, step.without_debug_info and list(step.keep))
    key = key_of(_LAYOUT, pins.key, *machine_key(stage), *options)

    def make(folder: Path) -> None:
        _make_layer(folder, pins, step, stage)

    stage.site_packages.mkdir()
    with stage.cache.lock("layers", stage.report):
        layer = open_layer(stage.cache.find_or_make("layers", key, is_whole=is_whole_layer, make=make))
        link_layer(layer, stage.site_packages, stage.linked, stage.scripts)
        for line in (layer.folder / _TOLD).read_text(encoding="utf-8").splitlines():
            stage.report.note(line)


def install_project(step: InstallProject, stage: Stage) -> None:
    """Install the project's wheel; in dev_mode take its modules out again and remember where they come from."""
    wheels = {step.project: stage.wheel, **stage.local_wheels}
    files = {project: dist_info.wheel_files(wheel) for project, wheel in wheels.items()}
    stage.project_files = tuple(sorted({name for names in files.values() for name in names}))
    folder = stage.folder / "project"
    site_packages = folder / SITE_PACKAGES
    site_packages.mkdir(parents=True)
    program = installers.install_wheels(stage.installer, step.project, tuple(wheels.values()), site_packages)
    run_program(stage, program, "the project could not be installed")
    if step.dev_mode:
        found = {path: None for project, names in files.items() for path in find_source_paths(project, names)}
        stage.source_paths = tuple(found)
        remove_files(site_packages, stage.project_files)
    tidy(folder)
    remove_replaced(stage.site_packages, site_packages)
    made: set[str] = set()
    for to, inside in ((stage.site_packages, site_packages), (stage.scripts, folder / SCRIPTS)):
        for name, path in files_below(inside):
            link(str(path), f"{to}/{name}", made)
    if not step.dev_mode:
        leave_private_files_out(stage)


def tidy_bundle(_: TidyBundle, stage: Stage) -> None:
    """Look at what is in site-packages now that all is there."""
    stage.pth = tuple(sorted(path.name for path in stage.site_packages.glob("*.pth")))
    names = (name for _, _, names in os.walk(stage.site_packages) for name in names)
    stage.has_extensions = any(map(dist_info.is_extension, names))
    bring_time_zones(stage)
    if stage.plan.interpreter.is_foreign:
        check_tags(stage.site_packages, stage.plan.interpreter)


def _install(pins: Pins, site_packages: Path, step: InstallDependencies, stage: Stage) -> None:
    if not pins.is_empty:
        is_from_any = step.lock is not None and step.lock.kind in ("pdm", "pipenv", "requirements")
        chosen = (step.project, pins.path, site_packages, pins.is_hashed, is_from_any)
        program = installers.install_locked(stage.installer, *chosen, addresses=pins.addresses)
        run_program(stage, program, "the dependencies could not be installed")
    for index, path in pins.others:
        program = installers.install_locked(
            stage.installer, step.project, path, site_packages, pins.is_hashed, index=index
        )
        run_program(stage, program, f"the dependencies could not be installed from the index {index.partition('=')[0]}")


def _make_layer(folder: Path, pins: Pins, step: InstallDependencies, stage: Stage) -> None:
    site_packages = folder / SITE_PACKAGES
    site_packages.mkdir()
    try:
        _install(pins, site_packages, step, stage)
    except BuildError:
        apart = told_apart(pins, step.project, stage)
        if apart is None:
            raise
        _install(apart, site_packages, step, stage)
    told = strip_debug_info(site_packages, step.keep) if step.without_debug_info else ()
    (folder / _TOLD).write_text("".join(f"{line}\n" for line in told), encoding="utf-8")
    tidy(folder)
    kept: list[str] = []
    if step.without_debug_info:
        lean, kept = modules_of(site_packages, step.keep)
        compile_folder(stage, site_packages, SITE_PACKAGES, (step.optimize,), names=lean, has_columns=False)
    if kept or not step.without_debug_info:
        compile_folder(stage, site_packages, SITE_PACKAGES, (step.optimize,), names=kept or None)
    finish_layer(folder)
