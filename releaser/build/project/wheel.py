"""How is a wheel built of the project, and of others of the same repository?"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from releaser.build.project.application_wheel import write_application_wheel
from releaser.build.project.build_env import build_in_kept_environment
from releaser.build.project.flat_layout import folder_to_build
from releaser.build.project.missing_files import missing_files
from releaser.build.project.own_output import copy_without, packed_output, refuse_output
from releaser.build.stage.machine import machine_key
from releaser.build.stage.programs import failure
from releaser.build.stage.under_way import Stage
from releaser.build.tools import installers
from releaser.build.tools.commands import ProgramFailed
from releaser.build.tools.dist_info import wheel_files
from releaser.errors import BuildError
from releaser.plan.steps import BuildWheel, StageTree

_SEVERAL_PACKAGES: Final = "Multiple top-level"
"""In what setuptools says of a project of which it cannot tell what is to be packed."""


def build_wheel(step: BuildWheel, stage: Stage) -> None:
    """Build the project's wheel into the staging folder."""
    root, target = stage.plan.root, stage.plan.target
    ours = [root / "rel"]
    if target.is_relative_to(root):
        ours.append(root / target.relative_to(root).parts[0])
    stage.project, stage.is_tree = step.project, step.is_tree
    if step.is_tree:
        stage.wheel = write_application_wheel(step.project, _folder_of_wheels(stage))
        return
    output = target.parent
    if step.is_staged:
        stage.wheel = _of_staged_copy(step, stage)
    else:
        project = folder_to_build(step.project, stage.folder / "project-without-rel", tuple(ours))
        stage.wheel = wheel_of(project, stage, "the project")
        if packed_output(stage.wheel, output):
            stage.report.note(f"the wheel holds files of {output.name}/, so it is built of a copy without them")
            copy = copy_without(step.project, output, stage.folder / "sources-without-output" / step.project.name)
            stage.wheel = wheel_of(copy, stage, "the project")
    refuse_output(stage.wheel, output)
    if not (stage.plan.dev_mode or _has_whole_tree(stage)):
        stage.warnings += missing_files(step.project, wheel_files(stage.wheel), output)


def _has_whole_tree(stage: Stage) -> bool:
    return any(isinstance(step, StageTree) and step.is_whole for step in stage.plan.steps)


def _of_staged_copy(step: BuildWheel, stage: Stage) -> Path:
    """Build the wheel of the copy in which steps have run; the repository is beside it while that is done."""
    link = stage.tree / ".git"
    if (step.project / ".git").exists():
        link.symlink_to(step.project / ".git")
    try:
        return wheel_of(stage.tree, stage, "the project")
    finally:
        link.unlink(missing_ok=True)


def wheel_of(project: Path, stage: Stage, shown: str) -> Path:
    """Return the wheel of `project`, which is called `shown` where it cannot be built."""
    wheels = _folder_of_wheels(stage)
    try:
        if not build_in_kept_environment(project, wheels, stage, machine_key(stage)):
            stage.run(installers.build_wheel(stage.installer, project, wheels))
    except ProgramFailed as error:
        told = failure(error, f"{shown} could not be built")
        if any(_SEVERAL_PACKAGES in line for line in error.lines):
            hint = "without [build-system] in pyproject.toml the project is an application, bundled as its folder lies"
            told = BuildError(str(told), output=told.output, hint=hint)
        raise told from error
    found = sorted(wheels.glob("*.whl"))
    if len(found) != 1:
        raise BuildError(f"{shown}'s build backend made {len(found)} wheels where one was expected")
    return found[0]


def _folder_of_wheels(stage: Stage) -> Path:
    wheels = stage.folder / "wheels"
    wheels.mkdir(exist_ok=True)
    folder = wheels / str(len(list(wheels.iterdir())))
    folder.mkdir()
    return folder
