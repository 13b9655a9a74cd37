"""How does the bundle get its byte code? Compiled by the Python that will read it, valid without a look at the source.

Unchecked-hash byte code (PEP 552) is the same at any time and in any folder, and saves a stat per module at start. The
path that it records is `site-packages/...`, whatever the folder it was compiled in; the import system puts the real
one in its place when it loads it.

It is always compiled in a process of its own, even a single module: marshal notes which strings are shared, and those
that some loaded module has as well count, so that the bytes depend on what the compiling process has imported.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from releaser.build.dependencies import compile_files
from releaser.build.dependencies.source_readers import source_readers
from releaser.build.stage.under_way import Stage
from releaser.build.tools.commands import Program, ProgramFailed
from releaser.build.tools.dist_info import dist_infos, rewrite_record
from releaser.build.tools.layers import SITE_PACKAGES, fresh_files
from releaser.errors import BuildError
from releaser.plan.steps import CompileBundle

_LAST_LINES = 15
_TREE = "app"


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
    if own:
        _compile_own(stage, own, step.optimize, beside=not step.include_src)
        if not step.include_src:
            _leave_sources_out(stage, own)
    _compile_tree(step, stage)
    others = [name for name in fresh if name not in ours]
    if others:
        compile_folder(stage, stage.site_packages, SITE_PACKAGES, (step.optimize,), names=others)


def _compile_tree(step: CompileBundle, stage: Stage) -> None:
    """Compile the project's files as they lie; a script that is for another Python, or a template, is kept as it is."""
    names = tuple(name for name in stage.tree_files if name.endswith(".py"))
    if not names:
        return
    try:
        _compile(stage, stage.tree, _TREE, (step.optimize,), names, beside=not step.include_src)
        failed: set[str] = set()
    except ProgramFailed as error:
        failed = set(failed_files(error.lines))
        if error.code != compile_files.FAILED:
            lines = error.lines[-_LAST_LINES:]
            raise BuildError(f"the project's files could not be compiled: {error}", output=lines) from error
    stage.warnings += [f"{name} does not compile, and is kept as it is" for name in sorted(failed)]
    if not step.include_src:
        run = {entry.target for entry in stage.entries.values() if entry.kind == "file"}
        for name in (each for each in names if each not in failed and each not in run):
            (stage.tree / name).unlink()


def compile_folder(
    stage: Stage,
    folder: Path,
    prefix: str,
    levels: tuple[int, ...],
    names: Iterable[str] | None = None,
    *,
    has_columns: bool = True,
) -> None:
    """Compile `names`, paths below `folder`, or all modules there; what does not compile is noted.

    Without columns, tracebacks name the line alone and do not mark what of it was at work (PEP 657); the byte code is a
    tenth smaller.

    Raises:
        BuildError: the compiler itself did not survive.
    """
    if not stage.plan.interpreter.compiles:
        return
    try:
        _compile(stage, folder, prefix, levels, names, beside=False, has_columns=has_columns)
    except ProgramFailed as error:
        if error.code != compile_files.FAILED:
            sentence = f"the byte code could not be compiled: {error}"
            raise BuildError(sentence, output=error.lines[-_LAST_LINES:]) from error
        for name in failed_files(error.lines):
            stage.report.note(f"{name} does not compile, and is kept as it is")


def failed_files(lines: tuple[str, ...]) -> list[str]:
    """Return the files that did not compile, by their path below the folder."""
    mark = compile_files.MARK
    return [line.removeprefix(mark) for line in lines if line.startswith(mark)]


def _compile_own(stage: Stage, own: tuple[str, ...], level: int, *, beside: bool) -> None:
    try:
        _compile(stage, stage.site_packages, SITE_PACKAGES, (level,), own, beside=beside)
    except ProgramFailed as error:
        raise BuildError(
            f"the project does not compile under Python {stage.plan.interpreter.version}",
            output=tuple(line for line in error.lines if line.strip() and not _is_mark(line))[-_LAST_LINES:],
        ) from error


def _compile(
    stage: Stage,
    folder: Path,
    prefix: str,
    levels: tuple[int, ...],
    names: Iterable[str] | None,
    *,
    beside: bool,
    has_columns: bool = True,
) -> None:
    listed: Path | None = None
    if names is not None:
        listed = stage.folder / "modules"
        listed.write_text("".join(f"{name}\0" for name in names), encoding="utf-8", errors="surrogateescape")
    request = {
        "folder": str(folder),
        "prefix": prefix,
        "files": None if listed is None else str(listed),
        "levels": levels,
        "beside": beside,
        "processes": os.cpu_count() or 1,
    }
    options = ("-I", "-S") if has_columns else ("-I", "-S", "-X", "no_debug_ranges")
    program = (str(Path(compile_files.__file__)), json.dumps(request))
    stage.run(Program(argv=(str(stage.plan.interpreter.path), *options, *program), folder=folder))


def _is_mark(line: str) -> bool:
    return line.startswith(compile_files.MARK)


def _leave_sources_out(stage: Stage, own: tuple[str, ...]) -> None:
    """Leave the project's byte code where its sources were: beside a source, `__pycache__` would not be importable."""
    for name in own:
        text = (stage.site_packages / name).read_bytes().decode("utf-8", "replace")
        for line, reader in source_readers(text):
            stage.warnings.append(f"{name}:{line}: {reader} finds nothing in this release, include_src is false")
        (stage.site_packages / name).unlink()
    for folder in dist_infos(stage.site_packages):
        record = folder / "RECORD"
        if record.is_file() and stage.linked.origin(f"{folder.name}/RECORD", record.lstat()) is None:
            rewrite_record(folder)
