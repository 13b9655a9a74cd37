"""How does the bundle get its byte code? Compiled by the Python that will read it, valid without a look at the source.

Unchecked-hash byte code (PEP 552) is the same at any time and in any folder, and saves a stat per module at start. The
path that it records is `site-packages/...`, whatever the folder it was compiled in; the import system puts the real
one in its place when it loads it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from releaser.build.commands import Program, ProgramFailed
from releaser.build.dist_info import dist_infos, rewrite_record
from releaser.build.layers import fresh_files
from releaser.build.source_readers import source_readers
from releaser.build.stage import Stage
from releaser.errors import BuildError
from releaser.plan.facts import Interpreter
from releaser.plan.steps import CompileBundle

_LAST_LINES = 15
_COMPLAINT = "*** Error compiling "


def compile_bundle(step: CompileBundle, stage: Stage) -> None:
    """Compile what of site-packages does not come compiled from the cache.

    Raises:
        BuildError: a module of the project itself does not compile. Those of dependencies may: some ship templates.
    """
    if not stage.plan.interpreter.compiles:
        version = stage.plan.interpreter.version
        stage.warnings.append(f"there is no Python {version} on this machine: byte code is left out, starts are slower")
        return
    fresh = [name for name in fresh_files(stage.site_packages, stage.linked) if name.endswith(".py")]
    ours = frozenset(() if step.dev_mode else stage.project_files)
    own = tuple(name for name in fresh if name in ours)
    level = ("-o", str(step.optimize))
    if not step.include_src and own:
        _leave_sources_out(stage, own, level)
    elif own:
        _compile_own(stage, own, level)
    others = [name for name in fresh if name not in ours]
    if others:
        compile_folder(stage, stage.site_packages, "site-packages", (*level, "-i", _listed(stage, others)))


def compile_program(interpreter: Interpreter, folder: Path, prefix: str, words: tuple[str, ...]) -> Program:
    """Return the command that compiles `folder`, recording paths as below `prefix`."""
    options = ("-I", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "-s", str(folder), "-p", prefix)
    return Program(argv=(str(interpreter.path), *options, *words), folder=folder)


def compile_folder(stage: Stage, folder: Path, prefix: str, words: tuple[str, ...]) -> None:
    """Compile what lies below `folder`, or what `-i` among the words names; what does not compile is noted."""
    if not stage.plan.interpreter.compiles:
        return
    where = () if "-i" in words else (str(folder),)
    program = compile_program(stage.plan.interpreter, folder, prefix, (*words, *where))
    try:
        stage.run(program)
    except ProgramFailed as error:
        for name in failed_files(error.lines, folder):
            stage.report.note(f"{name} does not compile, and is kept as it is")


def _listed(stage: Stage, names: Iterable[str]) -> str:
    """Return a file that lists modules of the staged site-packages, as compileall takes them."""
    file = stage.folder / "modules"
    file.write_text("".join(f"{stage.site_packages / name}\n" for name in names), encoding="utf-8")
    return str(file)


def _leave_sources_out(stage: Stage, own: tuple[str, ...], level: tuple[str, ...]) -> None:
    """Put the project's byte code where its sources were: beside a source, `__pycache__` would not be importable."""
    _compile_own(stage, own, ("-b", *level))
    for name in own:
        text = (stage.site_packages / name).read_bytes().decode("utf-8", "replace")
        for line, reader in source_readers(text):
            stage.warnings.append(f"{name}:{line}: {reader} finds nothing in this release, include_src is false")
        (stage.site_packages / name).unlink()
    for folder in dist_infos(stage.site_packages):
        record = folder / "RECORD"
        if record.is_file() and stage.linked.origin(f"{folder.name}/RECORD", record.lstat()) is None:
            rewrite_record(folder)


def _compile_own(stage: Stage, own: tuple[str, ...], words: tuple[str, ...]) -> None:
    words = (*words, "-i", _listed(stage, own))
    program = compile_program(stage.plan.interpreter, stage.site_packages, "site-packages", words)
    try:
        stage.run(program)
    except ProgramFailed as error:
        raise BuildError(
            f"the project does not compile under Python {stage.plan.interpreter.version}",
            output=tuple(line for line in error.lines if line.strip() and not line.startswith("***"))[-_LAST_LINES:],
        ) from error


def failed_files(lines: tuple[str, ...], folder: Path) -> list[str]:
    """Return the files that compileall names as failed, relative to `folder`."""
    found = (line.removeprefix(_COMPLAINT).rstrip(".").strip("'\"") for line in lines if line.startswith(_COMPLAINT))
    return [os.path.relpath(name, folder) for name in found]
