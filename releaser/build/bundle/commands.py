"""How does a build run the author's commands? In the staged tree, with the bundle laid out around it as on a host.

STAGING/bundle/bin/python, bin/...          first in PATH, once the dependencies are there
STAGING/bundle/lib/pythonX.Y/site-packages  the packages
STAGING/bundle/app                          the tree: their working folder
STAGING/var                                 RELEASE_VAR, for what an app makes when it is imported
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from releaser.build.bundle.programs import write_programs_of
from releaser.build.stage.programs import LAST_LINES
from releaser.build.stage.under_way import Stage
from releaser.build.tools.commands import Program, ProgramFailed
from releaser.errors import BuildError
from releaser.plan.steps import BuildCommand, RunCommands
from releaser.runtime.release.variables.environment import SubstitutionError, substitute

_UNSET = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "DJANGO_SETTINGS_MODULE", "FLASK_APP")
"""Of the builder's shell: they would make what is built depend on it."""
_SHELL_WORDS = 2


def run_commands(step: RunCommands, stage: Stage) -> None:
    """Run each command to its end.

    Raises:
        BuildError: one failed; what it printed last is beside it.
    """
    home = stage.tree.parent
    programs = _lay_out(home, stage) if step.when == "after" else home / "bin"
    for number, command in enumerate(step.commands, 1):
        program = Program(argv=_argv(command, programs), folder=stage.tree, env=_variables(command, programs, stage))
        try:
            stage.run(program)
        except ProgramFailed as error:
            raise _failure(command, number, error) from error


def _failure(command: BuildCommand, number: int, error: ProgramFailed) -> BuildError:
    lines = error.lines[-LAST_LINES:]
    hint = "what only the host has, the step's `env` can give it" if any("KeyError" in line for line in lines) else ""
    return BuildError(
        f"step {number} of the release failed ({command.place.where}): `{shown(command)}`: {error}",
        output=lines,
        hint=hint or "'releaser build -v' shows everything it prints",
    )


def shown(command: BuildCommand) -> str:
    """Return a command as its author wrote it."""
    is_shell = command.run[:_SHELL_WORDS] == ("/bin/sh", "-ec")
    return command.run[_SHELL_WORDS] if is_shell else shlex.join(command.run)


def _argv(command: BuildCommand, programs: Path) -> tuple[str, ...]:
    """Return the words, a program of the bundle by its path: PATH is that of the process to be, not of this one."""
    own = programs / command.run[0]
    return (str(own), *command.run[1:]) if "/" not in command.run[0] and own.exists() else command.run


def _lay_out(home: Path, stage: Stage) -> Path:
    """Make a virtual environment of the staged packages around the tree, and return the folder of its programs."""
    interpreter = stage.plan.interpreter
    programs = home / "bin"
    if programs.exists():
        return programs
    programs.mkdir(parents=True)
    python = os.path.realpath(interpreter.path)
    text = f"home = {os.path.dirname(python)}\ninclude-system-site-packages = false\n"  # noqa: PTH120
    (home / "pyvenv.cfg").write_text(f"{text}version = {interpreter.full_version}\n", encoding="utf-8")
    (programs / "python").symlink_to(python)
    (programs / "python3").symlink_to("python")
    packages = home / "lib" / f"python{interpreter.version}" / "site-packages"
    packages.parent.mkdir(parents=True)
    packages.symlink_to(stage.site_packages)
    write_programs_of(stage, programs)
    return programs


def _variables(command: BuildCommand, programs: Path, stage: Stage) -> dict[str, str]:
    sketch = stage.plan.sketch
    var = stage.folder / "var"
    var.mkdir(exist_ok=True)
    contract = {
        "RELEASE_ROOT": str(stage.root),
        "RELEASE_NAME": sketch.name,
        "RELEASE_VERSION": sketch.version,
        "RELEASE_ENVIRONMENT": sketch.environment,
        "RELEASE_COMMAND": "build",
        "RELEASE_PROG": str(stage.root / "bin" / sketch.name),
        "RELEASE_VAR": str(var),
        "RELEASE_PYTHON": os.path.realpath(stage.plan.interpreter.path),
    }
    given = {**os.environ, **contract}
    return {
        **dict.fromkeys((name for name in _UNSET if name in os.environ), ""),
        **_defaults(sketch.env, given),
        **contract,
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "VIRTUAL_ENV": str(programs.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
        "PYTHONUTF8": "1",
        **command.env,
    }


def _defaults(env: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Return the release's `env`; what only a host can replace is left out."""
    found: dict[str, str] = {}
    for name, text in env.items():
        try:
            found[name] = substitute(text, given)
        except SubstitutionError:
            continue
    return found
