"""How do the project and its dependencies get into the staged site-packages?"""

from __future__ import annotations

import shutil
from pathlib import Path

from releaser.build import dist_info, installers
from releaser.build.commands import Program, ProgramFailed
from releaser.build.source_paths import find_source_paths
from releaser.build.stage import Stage
from releaser.errors import BuildError
from releaser.plan.facts import Lock
from releaser.plan.steps import BuildWheel, InstallDependencies, InstallProject

LAST_LINES = 15


def build_wheel(step: BuildWheel, stage: Stage) -> None:
    """Build the project's wheel into the staging folder."""
    wheels = stage.folder / "wheels"
    wheels.mkdir()
    program = installers.build_wheel(stage.installer, step.project, wheels)
    _run(stage, program, "the project could not be built")
    found = sorted(wheels.glob("*.whl"))
    if len(found) != 1:
        raise BuildError(f"the project's build backend made {len(found)} wheels where one was expected")
    stage.wheel = found[0]


def install_dependencies(step: InstallDependencies, stage: Stage) -> None:
    """Install what the lock pins; without a lock, what the wheel asks for."""
    into = stage.site_packages
    into.mkdir()
    if step.lock is None:
        program = installers.install_wheel(stage.installer, step.project, stage.wheel, into, with_dependencies=True)
    else:
        lock = _installable(step.lock, step.project, stage)
        program = installers.install_locked(stage.installer, step.project, lock, into)
    _run(stage, program, "the dependencies could not be installed")


def install_project(step: InstallProject, stage: Stage) -> None:
    """Install the project's wheel; in dev_mode take its modules out again and remember where they come from."""
    stage.project_files = dist_info.wheel_files(stage.wheel)
    if not _is_installed(stage):
        program = installers.install_wheel(
            stage.installer, step.project, stage.wheel, stage.site_packages, with_dependencies=False
        )
        _run(stage, program, "the project could not be installed")
    if step.dev_mode:
        stage.source_paths = find_source_paths(step.project, stage.project_files)
        _remove(stage.site_packages, stage.project_files)


def tidy_bundle(stage: Stage) -> None:
    """Leave in site-packages what is the same on every machine; keep console scripts aside."""
    site_packages = stage.site_packages
    (site_packages / ".lock").unlink(missing_ok=True)
    if (site_packages / "bin").is_dir():
        (site_packages / "bin").rename(stage.scripts)
    for cache in sorted(site_packages.rglob("__pycache__")):
        shutil.rmtree(cache)
    dist_info.tidy(site_packages)
    stage.pth = tuple(sorted(path.name for path in site_packages.glob("*.pth")))
    stage.has_extensions = any(dist_info.is_extension(path.name) for path in site_packages.rglob("*.*"))


def _installable(lock: Lock, project: Path, stage: Stage) -> Path:
    """Return a lock that the installer reads: uv.lock is uv's alone, and is exported first."""
    if lock.kind != "uv":
        return lock.path
    if stage.installer.kind != "uv":
        raise BuildError(f"{lock.shown} can only be read by uv, which has no binary for this machine")
    exported = stage.folder / "requirements.txt"
    _run(stage, installers.export_lock(stage.installer, project, exported), f"{lock.shown} could not be read")
    return exported


def _is_installed(stage: Stage) -> bool:
    """Tell whether the project came along with its dependencies, as it does without a lock."""
    name, version = stage.wheel.name.split("-")[:2]
    return (stage.site_packages / f"{name}-{version}.dist-info").is_dir()


def _run(stage: Stage, program: Program, sentence: str) -> None:
    try:
        stage.run(program)
    except ProgramFailed as error:
        raise BuildError(
            f"{sentence}: {error}",
            output=error.lines[-LAST_LINES:],
            hint="'releaser build -v' shows everything it prints",
        ) from error


def _remove(site_packages: Path, names: tuple[str, ...]) -> None:
    folders: set[Path] = set()
    for name in names:
        path = site_packages / name
        path.unlink(missing_ok=True)
        folders.update(parent for parent in path.parents if parent.is_relative_to(site_packages))
    for folder in sorted(folders - {site_packages}, reverse=True):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
