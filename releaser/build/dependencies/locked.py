"""What is to be installed? The lock as a file that the installer reads, or what is resolved at this moment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from releaser.build.dependencies.pins import (
    Pins,
    pinned,
    read_pins,
    split_local_projects,
    split_pdm_lock,
    without_users,
)
from releaser.build.project.wheel import wheel_of
from releaser.build.stage.programs import failure, run_program
from releaser.build.stage.under_way import Stage
from releaser.build.tools import installers
from releaser.build.tools.commands import Program, ProgramFailed
from releaser.errors import BuildError
from releaser.plan.facts import Lock
from releaser.plan.project.target_markers import marker_environment
from releaser.plan.steps import InstallDependencies


def find_pins(step: InstallDependencies, stage: Stage) -> Pins:
    """Return what is to be installed, in a file that the installer reads."""
    lock, folder = step.lock, step.project
    if lock is not None:
        path, base = _locked(step, lock, stage)
        return _with_local_projects(path, base, stage, is_hashed=True)
    to = stage.folder / "resolved.txt"
    program = installers.resolve(stage.installer, folder, stage.wheel, to, step.extras, step.groups)
    run_program(stage, program, "the dependencies could not be resolved")
    if stage.installer.kind == "pip":
        to.write_text(pinned(to.read_text(encoding="utf-8"), stage.wheel.name.partition("-")[0]), encoding="utf-8")
    return _with_local_projects(to, folder, stage, is_hashed=False)


def locked_pins(step: InstallDependencies, stage: Stage) -> Pins | None:
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
        raise failure(error, sentence) from error


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
            stage.local_wheels[folder] = wheel_of(folder, stage, folder.name)
    rest = stage.folder / ("pylock.rest.toml" if path.suffix == ".toml" else "rest.txt")  # uv tells them by the name
    rest.touch(mode=0o600)  # what an exporter wrote may hold credentials
    rest.write_text(text, encoding="utf-8")
    return read_pins(rest, is_hashed=is_hashed)
