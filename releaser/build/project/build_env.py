"""How is a project's wheel built without making a new environment each time?

The environment of `[build-system]` is kept in the cache for a day: longer, and it would lag behind the build tools that
another machine gets. A backend that asks for more than `[build-system]` says is left to uv, as is a project that tells
uv how to build. The interface is that of PEP 517.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from releaser.build.project import build_backend
from releaser.build.project.flat_layout import pyproject_of
from releaser.build.stage.under_way import Stage
from releaser.build.tools import along_the_way
from releaser.build.tools.cache import key_of
from releaser.build.tools.commands import Program, ProgramFailed

_ENVIRONMENT = "environment"
_READY = "ready"
_OF_UV = "uv_build"
"""The backend that is a part of uv, which needs no environment for it."""
_OWN_WORDS = ("no-build-isolation", "no-build-isolation-package", "build-constraint-dependencies", "config-settings")


def build_in_kept_environment(project: Path, into: Path, stage: Stage, machine: tuple[str, ...]) -> bool:
    """Build the wheel of `project` into the folder `into`; false: that is left to uv, and nothing was done.

    Raises:
        ProgramFailed: the backend did not build it, or its requirements could not be installed.
    """
    along_the_way.make_room(project, into)
    data = pyproject_of(project)
    system: dict[str, Any] = data.get("build-system", {})
    of_uv = data.get("tool", {}).get("uv", {})
    if stage.installer.kind != "uv" or any(word in of_uv for word in _OWN_WORDS):
        return False
    if system.get("build-backend", _OF_UV) == _OF_UV:
        return False
    requires = [str(each) for each in system.get("requires", [])]
    uv, python = stage.installer.program, str(stage.installer.python)

    def make(folder: Path) -> None:
        environment = folder / _ENVIRONMENT
        stage.run(_program(project, *uv, "venv", "--quiet", "--relocatable", "--python", python, str(environment)))
        if requires:
            words = ("pip", "install", "--quiet", "--python", str(environment / "bin/python"), *stage.installer.options)
            stage.run(_program(project, *uv, *words, "--", *requires))
        (folder / _READY).touch()

    key = key_of(requires, machine, time.strftime("%Y-%m-%d", time.gmtime()))
    with stage.cache.lock("build-envs", stage.report):
        kept = stage.cache.find_or_make("build-envs", key, is_whole=lambda path: (path / _READY).exists(), make=make)
        programs = kept / _ENVIRONMENT / "bin"
        call = json.dumps([system["build-backend"], system.get("backend-path", []), str(into)])
        program = Program(
            argv=(str(programs / "python"), "-I", str(Path(build_backend.__file__)), call),
            folder=project,
            env={
                "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
                "VIRTUAL_ENV": str(programs.parent),
                **along_the_way.variables(into),
            },
        )
        try:
            stage.run(program)
        except ProgramFailed as error:
            if error.code == build_backend.ASKS_FOR_MORE:
                return False
            raise
    return True


def _program(project: Path, *words: str) -> Program:
    return Program(argv=words, folder=project)
