"""How do the project and its dependencies get into the staged site-packages?

The dependencies are a layer of the cache, installed once for each content of the lock; the project is installed at
every build, in a folder of its own, and laid over them.
"""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from packaging.utils import canonicalize_name

from releaser.build.dependencies.bytecode import compile_folder
from releaser.build.dependencies.packed import open_members
from releaser.build.dependencies.pins import (
    Pins,
    pinned,
    read_pins,
    split_local_projects,
    split_pdm_lock,
    without_users,
)
from releaser.build.dependencies.strip import modules_of, strip_debug_info
from releaser.build.dependencies.tags import check_tags
from releaser.build.dependencies.time_zones import warn_of_time_zones
from releaser.build.project.application_wheel import write_application_wheel
from releaser.build.project.build_env import build_in_kept_environment
from releaser.build.project.flat_layout import folder_to_build
from releaser.build.project.left_out import leave_private_files_out
from releaser.build.project.source_paths import find_source_paths
from releaser.build.stage.under_way import Stage
from releaser.build.tools import dist_info, installers
from releaser.build.tools.cache import key_of
from releaser.build.tools.commands import Program, ProgramFailed, Run
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
from releaser.plan.application import is_application
from releaser.plan.facts import Lock
from releaser.plan.steps import BuildWheel, InstallDependencies, InstallProject, TidyBundle
from releaser.plan.target_markers import marker_environment

LAST_LINES = 15
_OF_PACKAGES: Final = (".py", ".pyi", ".so", ".typed")
"""Endings of files in a package; those of a console script begin with `#!`, whatever it is called."""
_TOLD: Final = "told"
"""Of a layer: what there is to tell of it each time that it is used."""
PACKED: Final = "pack the dependencies"
_SEVERAL_PACKAGES: Final = "Multiple top-level"
"""In what setuptools says of a project of which it cannot tell what is to be packed."""
_JOB: Final = "install the dependencies"
_LAYOUT = 3
"""Of a layer: to be changed with anything that this module or `layers` puts there differently."""


def build_wheel(step: BuildWheel, stage: Stage) -> None:
    """Build the project's wheel into the staging folder."""
    root, target = stage.plan.root, stage.plan.target
    ours = [root / "rel"]
    if target.is_relative_to(root):
        ours.append(root / target.relative_to(root).parts[0])
    stage.project = step.project
    if is_application(step.project, tomllib.loads((step.project / "pyproject.toml").read_text(encoding="utf-8"))):
        stage.wheel = write_application_wheel(step.project, _folder_of_wheels(stage), ours)
        return
    project = folder_to_build(step.project, stage.folder / "project-without-rel", tuple(ours))
    stage.wheel = _wheel_of(project, stage, "the project")


def begin_dependencies(step: InstallDependencies, stage: Stage) -> None:
    """Begin to install what the lock pins while the project's wheel is built, if that does not depend on the wheel."""
    if step.lock is None or step.lock.kind in ("poetry", "pdm"):
        return

    def job(report: Report, run: Run) -> bool:
        pins = _locked_pins(step, replace(stage, report=report, run=run))
        if pins is not None:
            _link_pins(pins, step, replace(stage, report=report, run=run))
        return pins is not None

    stage.ahead.start(_JOB, job)


def install_dependencies(step: InstallDependencies, stage: Stage) -> None:
    """Link the layer that holds what the lock pins; without a lock, what the wheel asks for at this moment."""
    if not stage.ahead.result(_JOB, stage.report):
        _link_pins(_pins(step, stage), step, stage)
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
    _run(stage, program, "the project could not be installed")
    if step.dev_mode:
        found = {path: None for project, names in files.items() for path in find_source_paths(project, names)}
        stage.source_paths = tuple(found)
        _remove(site_packages, stage.project_files)
    _tidy(folder)
    _remove_replaced(stage.site_packages, site_packages)
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
    warn_of_time_zones(stage)
    if stage.plan.interpreter.is_foreign:
        check_tags(stage.site_packages, stage.plan.interpreter)


def machine_key(stage: Stage) -> tuple[str, ...]:
    """Return what, besides the lock, decides what is installed: the interpreter, the C library, the tools."""
    interpreter = stage.plan.interpreter
    inputs = stage.plan.sketch.inputs
    return (
        str(interpreter.path),
        interpreter.full_version,
        interpreter.implementation,
        interpreter.version,
        interpreter.platform,
        interpreter.wheels_platform,
        str(interpreter.compiles),
        os.confstr("CS_GNU_LIBC_VERSION") or "" if "CS_GNU_LIBC_VERSION" in os.confstr_names else "",
        stage.installer.kind,
        *(f"{name} {version}" for name, version in sorted(inputs.items()) if name in ("releaser", "uv", "shiv")),
    )


def _make_layer(folder: Path, pins: Pins, step: InstallDependencies, stage: Stage) -> None:
    site_packages = folder / SITE_PACKAGES
    site_packages.mkdir()
    if not pins.is_empty:
        is_exported = step.lock is not None and step.lock.kind in ("poetry", "pdm")
        chosen = (step.project, pins.path, site_packages, pins.is_hashed, is_exported)
        program = installers.install_locked(stage.installer, *chosen)
        _run(stage, program, "the dependencies could not be installed")
    told = strip_debug_info(site_packages, step.keep) if step.without_debug_info else ()
    (folder / _TOLD).write_text("".join(f"{line}\n" for line in told), encoding="utf-8")
    _tidy(folder)
    kept: list[str] = []
    if step.without_debug_info:
        lean, kept = modules_of(site_packages, step.keep)
        compile_folder(stage, site_packages, SITE_PACKAGES, (step.optimize,), names=lean, has_columns=False)
    if kept or not step.without_debug_info:
        compile_folder(stage, site_packages, SITE_PACKAGES, (step.optimize,), names=kept or None)
    finish_layer(folder)


def _pins(step: InstallDependencies, stage: Stage) -> Pins:
    """Return what is to be installed, in a file that the installer reads."""
    lock, folder = step.lock, step.project
    if lock is not None:
        path, base = _locked(step, lock, stage)
        return _with_local_projects(path, base, stage, is_hashed=True)
    to = stage.folder / "resolved.txt"
    program = installers.resolve(stage.installer, folder, stage.wheel, to, step.extras, step.groups)
    _run(stage, program, "the dependencies could not be resolved")
    if stage.installer.kind == "pip":
        to.write_text(pinned(to.read_text(encoding="utf-8"), stage.wheel.name.partition("-")[0]), encoding="utf-8")
    return _with_local_projects(to, folder, stage, is_hashed=False)


def _locked_pins(step: InstallDependencies, stage: Stage) -> Pins | None:
    """Return what the lock pins; None if it names projects of the same repository, which are to be built first."""
    assert step.lock is not None
    path, base = _locked(step, step.lock, stage)
    _, folders = split_local_projects(path, base, marker_environment(stage.plan.interpreter))
    return None if folders else read_pins(path, is_hashed=True)


def _locked(step: InstallDependencies, lock: Lock, stage: Stage) -> tuple[Path, Path]:
    """Return the lock as a file that the installer reads, and the folder that paths in it start from."""
    if lock.kind in ("requirements", "pylock"):
        return lock.path, lock.path.parent
    if lock.kind == "uv" and stage.installer.kind != "uv":
        raise BuildError(f"{lock.shown} can only be read by uv, which has no binary for this machine")
    to = stage.folder / "requirements.txt"
    to.touch(mode=0o600)  # Poetry and PDM put the credentials of their indexes into it
    base, local = lock.path.parent, ""
    if lock.kind == "pdm":
        text, local = split_pdm_lock(lock.path.read_text(encoding="utf-8"), base, (*step.extras, *step.groups))
        lock = replace(lock, path=stage.folder / lock.path.name)
        lock.path.write_text(text, encoding="utf-8")
    _export(stage, installers.export_lock(stage.installer, step.project, lock, to, step.extras, step.groups), lock)
    to.write_text(without_users(to.read_text(encoding="utf-8")) + local, encoding="utf-8")
    return to, base


def _export(stage: Stage, program: Program, lock: Lock) -> None:
    try:
        stage.run(program)
    except ProgramFailed as error:
        sentence = f"{lock.shown} could not be read"
        if lock.kind == "poetry" and not _works(stage, replace(program, argv=(lock.exporter, "export", "--help"))):
            hint = "poetry self add poetry-plugin-export, or pipx inject poetry poetry-plugin-export"
            what = f"{sentence}: {lock.exporter} has no command 'export', which its plugin poetry-plugin-export adds"
            raise BuildError(what, hint=hint) from error
        raise _told(error, sentence) from error


def _works(stage: Stage, program: Program) -> bool:
    try:
        stage.run(program)
    except ProgramFailed:
        return False
    return True


def _with_local_projects(path: Path, base: Path, stage: Stage, *, is_hashed: bool) -> Pins:
    """Return the pins in `path` without the projects of the same repository, of which wheels are built.

    They are named relative to `base`.
    """
    text, folders = split_local_projects(path, base, marker_environment(stage.plan.interpreter))
    if not folders:
        return read_pins(path, is_hashed=is_hashed)
    for folder in folders:
        if folder != stage.project.resolve():
            stage.local_wheels[folder] = _wheel_of(folder, stage, folder.name)
    rest = stage.folder / ("pylock.rest.toml" if path.suffix == ".toml" else "rest.txt")  # uv tells them by the name
    rest.touch(mode=0o600)  # what an exporter wrote may hold credentials
    rest.write_text(text, encoding="utf-8")
    return read_pins(rest, is_hashed=is_hashed)


def _wheel_of(project: Path, stage: Stage, shown: str) -> Path:
    wheels = _folder_of_wheels(stage)
    try:
        if not build_in_kept_environment(project, wheels, stage, machine_key(stage)):
            stage.run(installers.build_wheel(stage.installer, project, wheels))
    except ProgramFailed as error:
        told = _told(error, f"{shown} could not be built")
        if any(_SEVERAL_PACKAGES in line for line in error.lines):
            hint = "without [build-system] in pyproject.toml the project is an application, bundled as its folder lies"
            told = BuildError(str(told), output=told.output, hint=hint)
        raise told from error
    found = sorted(wheels.glob("*.whl"))
    if len(found) != 1:
        raise BuildError(f"{shown}'s build backend made {len(found)} wheels where one was expected")
    return found[0]


def _folder_of_wheels(stage: Stage) -> Path:
    folder = stage.folder / "wheels" / str(len(stage.local_wheels) + (stage.wheel != Path()))
    folder.mkdir(parents=True)
    return folder


def _tidy(folder: Path) -> None:
    """Leave in a folder's site-packages what is the same on every machine, its console scripts beside it."""
    site_packages = folder / SITE_PACKAGES
    (site_packages / ".lock").unlink(missing_ok=True)
    _move_scripts(site_packages / "bin", folder / SCRIPTS)
    for parent, folders, _ in os.walk(site_packages):
        if "__pycache__" in folders:
            folders.remove("__pycache__")
            shutil.rmtree(Path(parent, "__pycache__"))
    dist_info.tidy(site_packages)


def _move_scripts(folder: Path, to: Path) -> None:
    """Move the console scripts that an installer has put into `folder` to `to`; a package may be called bin as well."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not path.is_dir() and (path.suffix not in _OF_PACKAGES or _has_shebang(path)):
            to.mkdir(exist_ok=True)
            path.rename(to / path.name)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _has_shebang(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"#!"


def _remove_replaced(site_packages: Path, by: Path) -> None:
    """Remove from `site_packages` the distributions that are in the folder `by` as well, in whatever version."""
    names = {_name(folder) for folder in dist_info.dist_infos(by)}
    for folder in dist_info.dist_infos(site_packages):
        if _name(folder) in names:
            _remove(site_packages, tuple(dist_info.recorded_files(folder)))


def _name(folder: Path) -> str:
    return canonicalize_name(folder.name.removesuffix(".dist-info").rpartition("-")[0])


def _run(stage: Stage, program: Program, sentence: str) -> None:
    try:
        stage.run(program)
    except ProgramFailed as error:
        raise _told(error, sentence) from error


def _told(error: ProgramFailed, sentence: str) -> BuildError:
    return BuildError(
        f"{sentence}: {error}",
        output=error.lines[-LAST_LINES:],
        hint="'releaser build -v' shows everything it prints",
    )


def _with_byte_code(names: tuple[str, ...], site_packages: Path) -> Iterator[Path]:
    for name in names:
        path = site_packages / name
        yield path
        if path.suffix == ".py":
            yield from (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc")


def _remove(site_packages: Path, names: tuple[str, ...]) -> None:
    folders: set[Path] = set()
    for path in _with_byte_code(names, site_packages):
        path.unlink(missing_ok=True)
        folders.update(parent for parent in path.parents if parent.is_relative_to(site_packages))
    for folder in sorted(folders - {site_packages}, reverse=True):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
