"""What of the staged tree goes into the bundle, once every step has run? What was there to go in, and what steps wrote.

A file that a step writes into a package's folder goes to where the package is in the bundle.
"""

from __future__ import annotations

import os
import posixpath
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from releaser.build.project.staged_tree import state_of
from releaser.build.stage.under_way import Stage
from releaser.build.tools.dist_info import is_extension
from releaser.build.tools.layers import names_below
from releaser.build.tools.tree import normalise_modes
from releaser.errors import BuildError
from releaser.plan.files.private import PRIVATE, is_below_private_folder, is_private
from releaser.plan.project.tree import is_made_anew
from releaser.plan.steps import FinishTree, StageTree
from releaser.runtime.bundle.tree import TREE

SITE_FILE: Final = "_release_tree.pth"
"""Tells a child process of the app, which runs `site`, where the tree is; the app's own process is told otherwise."""
_BESIDE: Final = ("../../../app", "../site-packages-app")
"""The tree, from site-packages: of an unpacked bundle, and where shiv's bootstrap unpacks it."""
_FILES_WITHOUT_ENDING: Final = ("celerybeat-schedule",)
_LARGEST: Final = 10
_LARGE_BYTES: Final = 100_000


def finish_tree(step: FinishTree, stage: Stage) -> None:
    """Leave in `stage.tree` what goes into the bundle, and note where modules are imported from.

    Raises:
        BuildError: a step removed a folder that is needed, or left what cannot be read.
    """
    tree = step.tree
    is_behind = not tree.is_app and any(is_extension(name) for name in stage.project_files)
    if tree.dev_mode:
        _link(tree, stage, is_behind=is_behind)
        return
    written = _written(stage)
    stage.tree_shipped |= written - _into_packages(written, stage)
    _leave_out(stage)
    stage.tree_files = tuple(names_below(stage.tree)) if stage.tree.is_dir() else ()
    if not (tree.is_shipped or stage.tree_files):
        return
    stage.tree.mkdir(exist_ok=True)
    normalise_modes(stage.tree)
    stage.tree_place = TREE
    stage.shared = tuple(_shared(stage.tree, path) for path in tree.shared)
    if not is_behind:
        stage.tree_paths = tree.import_paths
    _write_site_file(tree, stage, is_behind=is_behind)
    _tell_largest(stage)


def _link(tree: StageTree, stage: Stage, *, is_behind: bool) -> None:
    """Have dev_mode work in the project's folder itself."""
    if not tree.is_shipped:
        return
    stage.tree_place = str(tree.project)
    folders = tuple(Path(posixpath.normpath(tree.project / path)) for path in tree.import_paths)
    stage.source_paths = tuple(dict.fromkeys((*stage.source_paths, *folders)))
    if not is_behind:
        stage.tree_paths = tree.import_paths


def _written(stage: Stage) -> set[str]:
    """Return what steps have written, but for what is made anew everywhere."""
    found: set[str] = set()
    for parent, folders, names in os.walk(stage.tree):
        folders[:] = [name for name in folders if not is_made_anew(Path(parent, name))]
        for path in (Path(parent, name) for name in names):
            name = path.relative_to(stage.tree).as_posix()
            if not is_made_anew(path) and stage.tree_seen.get(name) != state_of(path):
                found.add(name)
    return found


def _into_packages(written: set[str], stage: Stage) -> set[str]:
    """Copy what was written into the folder of a package to where that is in the bundle, and return those names."""
    if stage.is_tree:
        return set()
    packages = {name.partition("/")[0] for name in stage.project_files if "/" in name}
    moved: set[str] = set()
    for name in written:
        inside = name.removeprefix("src/")
        if inside.partition("/")[0] not in packages:
            continue
        target = stage.site_packages / inside
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)  # it may be a link to the cache's
        shutil.copyfile(stage.tree / name, target)
        shutil.copymode(stage.tree / name, target)
        stage.project_files = tuple(sorted({*stage.project_files, inside}))
        moved.add(name)
    return moved


def _leave_out(stage: Stage) -> None:
    """Remove what does not go into the bundle, and make files of links: a zip file has none."""
    for name in names_below(stage.tree) if stage.tree.is_dir() else ():
        path = stage.tree / name
        if name not in stage.tree_shipped:
            path.unlink()
        elif is_private(path) or is_below_private_folder(Path(name)):
            stage.warnings.append(f"{name}: {PRIVATE}")
            path.unlink()
        elif path.is_symlink() or not path.is_file():
            _as_file(path, name, stage)
    for parent, folders, _ in os.walk(stage.tree, topdown=False):
        for folder in (Path(parent, name) for name in folders):
            if folder.is_symlink():
                folder.unlink()
            elif not any(folder.iterdir()):
                folder.rmdir()


def _as_file(path: Path, name: str, stage: Stage) -> None:
    source = Path(os.path.realpath(path))
    path.unlink()
    if source.is_file():
        shutil.copyfile(source, path)
        shutil.copymode(source, path)
    else:
        stage.warnings.append(f"left out, neither a file nor a link to one: {name}")


def _shared(tree: Path, path: str) -> str:
    """Return a shared path with a `/` behind it if it is to be a folder."""
    name = path.rstrip("/")
    place = tree / name
    if place.exists():
        is_folder = place.is_dir()
    else:
        last = posixpath.basename(name)
        is_folder = path.endswith("/") or not ("." in last.lstrip(".") or last in _FILES_WITHOUT_ENDING)
    return f"{name}/" if is_folder else name


def _write_site_file(tree: StageTree, stage: Stage, *, is_behind: bool) -> None:
    """Write the line that puts the tree on `sys.path` where `site` runs; see `activation.obey_pth` of the runtime."""
    places = tuple(_places(tree.import_paths))
    where = "sys.path.extend(p)" if is_behind else "sys.path.__setitem__(slice(0), p)"
    line = (
        "import os, sys; s = sys._getframe(1).f_locals['sitedir']; "
        f"p = list(filter(os.path.isdir, map(os.path.normpath, map(os.path.join, [s] * {len(places)}, {places!r})))); "
        f"{where}\n"
    )
    path = stage.site_packages / SITE_FILE
    if path.exists():
        raise BuildError(f"a distribution brings a file named {SITE_FILE}, which is the release's own")
    path.write_text(line, encoding="utf-8")
    if is_behind:
        stage.pth = tuple(sorted({*stage.pth, SITE_FILE}))


def _places(import_paths: tuple[str, ...]) -> Iterator[str]:
    for path in import_paths:
        yield from (posixpath.join(base, path).rstrip("/") for base in _BESIDE)


def _tell_largest(stage: Stage) -> None:
    """Name the largest files: what should not be there is among them."""
    sizes = {name: (stage.tree / name).stat().st_size for name in stage.tree_files}
    largest = sorted(sizes, key=lambda name: (-sizes[name], name))[:_LARGEST]
    told = [f"{name} ({_size(sizes[name])})" for name in largest if sizes[name] >= _LARGE_BYTES]
    noun = "file" if len(sizes) == 1 else "files"
    summary = f"{len(sizes)} {noun} of the project's folder, {_size(sum(sizes.values()))}"
    stage.report.note(summary + (f"; the largest: {', '.join(told)}" if told else ""))


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1_000_000:.1f} MB" if size_bytes >= _LARGE_BYTES else f"{size_bytes / 1000:.1f} kB"
