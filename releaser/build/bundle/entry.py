"""What does the instance run, and is it there? Looked up on disk; nothing of the app is imported."""

from __future__ import annotations

import difflib
import posixpath
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from releaser.build.bundle.attributes import known_names
from releaser.build.bundle.clashes import clashes
from releaser.build.bundle.programs import without_interpreter
from releaser.build.bundle.served import served_by
from releaser.build.bundle.unmet import unmet_problems
from releaser.build.stage.under_way import Stage
from releaser.build.tools.dist_info import console_scripts
from releaser.errors import Problem, ProjectError
from releaser.plan.steps import CheckBundle
from releaser.runtime.release.manifest import MAIN, Entry

PYTHON_WORDS = ("python", "python3")


def check_bundle(step: CheckBundle, stage: Stage) -> None:
    """Find the entry point, the modules of everything that is called by name, and what the project depends on.

    Raises:
        ProjectError: with a problem for each that is not in the bundle.
    """
    roots = stage.import_roots
    problems = list(unmet_problems(stage))
    own = {wheel.name.partition("-")[0] for wheel in (stage.wheel, *stage.local_wheels.values())}
    stage.warnings += clashes(stage.site_packages, own)
    for program in step.programs:
        if program.entry_point:
            problems += _missing(program.entry_point, stage, program.place)
            argv0 = stage.plan.sketch.name if program.name == MAIN else program.name
            stage.entries[program.name] = Entry(kind="callable", target=program.entry_point, argv0=argv0, args=[])
            continue
        entry, trouble = _command(program.command, stage, roots)
        if entry is None:
            problems.append(replace(program.place, what=trouble))
            continue
        stage.entries[program.name] = entry
        for app in served_by(program.command):
            problems += _missing(app, stage, program.place)
    for module, place in step.modules:
        problems += _missing(module, stage, place)
    for call, place in step.calls:
        problems += _missing(call, stage, place)
    if problems:
        raise ProjectError("the bundle does not hold what the release runs", problems=tuple(problems))


def has_module(name: str, roots: tuple[Path, ...]) -> bool:
    """Tell whether the module `name` has a file or a folder below one of `roots`, or is the standard library's."""
    if name.partition(".")[0] in sys.stdlib_module_names:
        return True
    path = Path(*name.split("."))
    return any(_is_module(root / path) for root in roots)


def _is_module(path: Path) -> bool:
    if path.is_dir() or path.with_name(f"{path.name}.py").is_file():
        return True
    # Byte code without its source, and extension modules: name.pyc, name.abi3.so, name.cpython-311-x86_64-linux-gnu.so
    return any(found.suffix in (".pyc", ".so") for found in path.parent.glob(f"{path.name}.*"))


def _missing(call: str, stage: Stage, place: Problem) -> list[Problem]:
    roots = stage.import_roots
    module, _, attribute = call.partition(":")
    if has_module(module, roots):
        return _missing_name(module, attribute.partition(".")[0], roots, place)
    hint = _hint(module, stage)
    return [replace(place, what=f"there is no module '{module}' in the bundle", hint=hint)]


def _hint(module: str, stage: Stage) -> str:
    """Return what brings a missing module into the bundle."""
    folders = (stage.project, stage.project / "src")
    if not stage.is_tree and any(_is_module(folder / Path(*module.split("."))) for folder in folders):
        return 'it is in the project\'s folder and not in its wheel; layout = "folder" takes the folder as it lies'
    return "is it part of the project's wheel, or of a dependency that the lock names?"


def _missing_name(module: str, name: str, roots: tuple[Path, ...], place: Problem) -> list[Problem]:
    """Return a problem if the module's source leaves no doubt that it has no such name."""
    names = known_names(module, roots) if name else None
    if names is None or name in names:
        return []
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean '{module}:{near[0]}'?" if near else ""
    return [replace(place, what=f"the module '{module}' has no '{name}'", hint=hint)]


def _command(words: tuple[str, ...], stage: Stage, roots: tuple[Path, ...]) -> tuple[Entry | None, str]:
    """Return the entry for a command line, or what is wrong with it."""
    name, args = words[0], list(words[1:])
    if name in PYTHON_WORDS and len(words) > 1 and words[1].endswith(".py"):
        return _file(words, stage)
    if name in PYTHON_WORDS:
        if len(words) < 3 or words[1] != "-m":
            return None, f"expected '{name} -m module' or '{name} file.py', found '{' '.join(words)}'"
        if not has_module(words[2], roots):
            return None, f"there is no module '{words[2]}' in the bundle"
        return Entry(kind="module", target=words[2], argv0=words[2], args=args[2:]), ""
    scripts = console_scripts(stage.site_packages)
    if name in scripts:
        return Entry(kind="callable", target=scripts[name], argv0=name, args=args), ""
    if _is_python_script(stage.scripts / name):
        return _copied_script(stage, name, args), ""
    near = difflib.get_close_matches(name, scripts, n=1)
    return None, f"there is no console script '{name}' in the bundle" + (f"; did you mean '{near[0]}'?" if near else "")


def _file(words: tuple[str, ...], stage: Stage) -> tuple[Entry | None, str]:
    """Return the entry for a file of the tree that Python runs, by the path that it has there."""
    target = posixpath.normpath(words[1])
    tree = Path(stage.tree_place) if stage.tree_place.startswith("/") else stage.tree
    if target.startswith(("/", "..")) or not stage.tree_place or not (tree / target).is_file():
        return None, f"there is no file '{words[1]}' among the project's files in the release"
    return Entry(kind="file", target=target, argv0=posixpath.basename(target), args=list(words[2:])), ""


def _is_python_script(path: Path) -> bool:
    return path.is_file() and without_interpreter(path.read_bytes()) is not None


def _copied_script(stage: Stage, name: str, args: list[str]) -> Entry:
    """Copy a script that a wheel ships as a file; its first line, which names this machine's Python, is left out."""
    target = stage.release / "scripts" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    body = without_interpreter((stage.scripts / name).read_bytes()) or b""
    target.write_bytes(b"#!/usr/bin/env python3\n" + body)
    shutil.copymode(stage.scripts / name, target)
    return Entry(kind="script", target=f"scripts/{name}", argv0=name, args=args)
