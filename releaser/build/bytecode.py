"""How does the bundle get its byte code? Compiled by the Python that will read it, valid without a look at the source.

Unchecked-hash byte code (PEP 552) is the same at any time and in any folder, and saves a stat per module at start. The
path that it records is `site-packages/...`, whatever the folder it was compiled in; the import system puts the real
one in its place when it loads it.
"""

from __future__ import annotations

import os
from pathlib import Path

from releaser.build.commands import Program, ProgramFailed
from releaser.build.dist_info import dist_infos, rewrite_record
from releaser.build.stage import Stage
from releaser.errors import BuildError
from releaser.plan.facts import Interpreter
from releaser.plan.steps import CompileBundle

_LAST_LINES = 15
_COMPLAINT = "*** Error compiling "


def compile_bundle(step: CompileBundle, stage: Stage) -> None:
    """Compile everything in site-packages, and the runtime beside the bundle.

    Raises:
        BuildError: a module of the project itself does not compile. Those of dependencies may: some ship templates.
    """
    own = tuple(name for name in stage.project_files if name.endswith(".py") and not step.dev_mode)
    level = ("-o", str(step.optimize))
    if not step.include_src and own:
        _leave_sources_out(stage, own, level)
    elif own:
        _compile_own(stage, own, level)
    _compile(stage, stage.site_packages, "site-packages", (*level, "-j", str(os.cpu_count() or 1)))
    # The supervisor and the app both read it, each at its own level.
    _compile(stage, stage.release / "runtime", "runtime", ("-o", "0", *level) if step.optimize else ())


def compile_program(interpreter: Interpreter, folder: Path, prefix: str, words: tuple[str, ...]) -> Program:
    """Return the command that compiles `folder`, recording paths as below `prefix`."""
    options = ("-I", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "-s", str(folder), "-p", prefix)
    return Program(argv=(str(interpreter.path), *options, *words), folder=folder)


def _leave_sources_out(stage: Stage, own: tuple[str, ...], level: tuple[str, ...]) -> None:
    """Put the project's byte code where its sources were: beside a source, `__pycache__` would not be importable."""
    _compile_own(stage, own, ("-b", *level))
    for name in own:
        (stage.site_packages / name).unlink()
    for folder in dist_infos(stage.site_packages):
        rewrite_record(folder)


def _compile_own(stage: Stage, own: tuple[str, ...], words: tuple[str, ...]) -> None:
    names = stage.folder / "own-modules"
    names.write_text("".join(f"{stage.site_packages / name}\n" for name in own), encoding="utf-8")
    program = compile_program(stage.plan.interpreter, stage.site_packages, "site-packages", (*words, "-i", str(names)))
    try:
        stage.run(program)
    except ProgramFailed as error:
        raise BuildError(
            f"the project does not compile under Python {stage.plan.interpreter.version}",
            output=tuple(line for line in error.lines if line.strip() and not line.startswith("***"))[-_LAST_LINES:],
        ) from error


def _compile(stage: Stage, folder: Path, prefix: str, words: tuple[str, ...]) -> None:
    program = compile_program(stage.plan.interpreter, folder, prefix, (*words, str(folder)))
    try:
        stage.run(program)
    except ProgramFailed as error:
        for name in failed_files(error.lines, folder):
            stage.report.note(f"{name} does not compile, and is kept as it is")


def failed_files(lines: tuple[str, ...], folder: Path) -> list[str]:
    """Return the files that compileall names as failed, relative to `folder`."""
    found = (line.removeprefix(_COMPLAINT).rstrip(".").strip("'\"") for line in lines if line.startswith(_COMPLAINT))
    return [os.path.relpath(name, folder) for name in found]
