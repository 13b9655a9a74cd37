"""What of the dependencies is left out, and how much is it? Tests, documentation, type stubs, debugging information,
if the author says so.

Only what nothing imports may go. Packages that import their own tests, or load their stubs when they run, keep them
and are named; the project's own files are never touched, nor is any metadata: licences stay.
"""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from releaser.build.stage.under_way import Stage
from releaser.build.tools.debug_info import OtherLayout, remove_debug_info
from releaser.build.tools.dist_info import dist_infos, forget_missing
from releaser.build.tools.layers import names_below
from releaser.plan.steps import StripBundle

_SHOWN = 4
"""Packages that a line names, the ones that gave most."""
_MANUALS = ("share/doc", "share/man", "share/info")
_IMPORTS_TESTS = re.compile(
    rb"^[ \t]*(?:from[ \t]+[\w.]*\btests\b|(?:from|import)[ \t]+[^#\n]*\btests\b)", re.MULTILINE
)
_LOADS_STUBS = re.compile(rb"\battach_stub\b")
_STUBS_OF_OTHERS = "some are of other packages, in folders without a module"
_MODULES = (".py", ".pyc", ".so")
_TEXTS: Final = (".py", ".pyi", ".typed")
"""Endings of most of what is no program; a file with another ending is looked into."""
_DEBUG_INFO: Final = "debug info"


def strip_bundle(step: StripBundle, stage: Stage) -> None:
    """Remove from site-packages what `step` names, and tell what went, how much, and what was kept and why."""
    tree = _Tree(stage.site_packages, frozenset(stage.project_files), step.keep)
    for wanted, noun, find in (
        (step.tests, "tests", _tests),
        (step.docs, "docs", _docs),
        (step.type_stubs, "type stubs", _type_stubs),
    ):
        if wanted:
            removed, kept = tree.remove(find)
            stage.report.note(_sentence(noun, removed))
            for package, reason in sorted(kept.items()):
                stage.report.note(f"{package} keeps its {noun}: {reason}")
    for folder in dist_infos(stage.site_packages):
        forget_missing(folder)


def strip_debug_info(site_packages: Path, keep: tuple[str, ...]) -> tuple[str, ...]:
    """Take debugging information out of the programs and shared libraries of `site_packages`; return what to tell.

    Nothing in there may be linked from elsewhere. RECORD is to be written anew.
    """
    tree = _Tree(site_packages, frozenset(), keep)
    bytes_by_package: Counter[str] = Counter()
    kept: set[str] = set()
    for path in tree.files():
        if path.suffix in _TEXTS:
            continue
        try:
            saved = remove_debug_info(site_packages / path)
        except OtherLayout:
            kept.add(path.parts[0])
        else:
            if saved:
                bytes_by_package[path.parts[0]] += saved
    reason = "files rewritten after linking, as by patchelf"
    told = (f"{package} keeps its {_DEBUG_INFO}: {reason}" for package in sorted(kept))
    return (_sentence(_DEBUG_INFO, bytes_by_package), *told)


def modules_of(site_packages: Path, keep: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Return the modules of dependencies by their path below `site_packages`: those not in `keep`, and the others."""
    if not keep:
        return [name for name in names_below(site_packages) if name.endswith(".py")], []
    all_of_them = {name for name in names_below(site_packages) if name.endswith(".py")}
    lean = all_of_them.intersection(map(str, _Tree(site_packages, frozenset(), keep).files()))
    return sorted(lean), sorted(all_of_them - lean)


class _Tree:
    """The site-packages of a build, without what is not to be touched."""

    def __init__(self, root: Path, own: frozenset[str], keep: tuple[str, ...]) -> None:
        self.root = root
        self._own = own
        self._keep = keep

    def files(self) -> list[PurePosixPath]:
        """Return the dependencies' files that may go, relative to site-packages."""
        found: list[PurePosixPath] = []
        for parent, _, names in os.walk(self.root):
            folder = PurePosixPath(os.path.relpath(parent, self.root))
            if folder.parts and folder.parts[0].endswith(".dist-info"):
                continue
            found += [path for name in names if not self._stays(path := folder / name)]
        return sorted(found)

    def remove(self, find: Callable[[_Tree, list[PurePosixPath]], _Finds]) -> tuple[Counter[str], dict[str, str]]:
        """Remove what `find` yields; return the bytes that each package gave, and why some gave nothing."""
        bytes_by_package: Counter[str] = Counter()
        kept: dict[str, str] = {}
        for path, reason in find(self, self.files()):
            package = path.parts[0]
            if reason:
                kept[package] = reason
                continue
            bytes_by_package[package] += (self.root / path).lstat().st_size
            (self.root / path).unlink()
        self._remove_empty_folders()
        return bytes_by_package, kept

    def text_of(self, package: str, pattern: re.Pattern[bytes]) -> bool:
        """Tell whether a module of the top-level `package`, its tests left out, holds `pattern`."""
        top = self.root / package
        modules = top.rglob("*.py") if top.is_dir() else [top]
        return any(
            pattern.search(path.read_bytes())
            for path in modules
            if "tests" not in path.relative_to(self.root).parts[:-1]
        )

    def _stays(self, path: PurePosixPath) -> bool:
        name = str(path)
        if name in self._own:
            return True
        # A pattern that names a folder keeps all that is in it.
        names = [name, *map(str, path.parents)]
        return any(fnmatch.fnmatchcase(each, kept.rstrip("/")) for each in names for kept in self._keep)

    def _remove_empty_folders(self) -> None:
        for parent, _, _ in os.walk(self.root, topdown=False):
            if Path(parent) != self.root and not any(Path(parent).iterdir()):
                shutil.rmtree(parent)


_Finds = Iterator[tuple[PurePosixPath, str]]
"""Paths to remove, each with empty text, or with the reason why its package keeps it."""


def _tests(tree: _Tree, files: list[PurePosixPath]) -> _Finds:
    reasons: dict[str, str] = {}
    for path in files:
        if "tests" in path.parts[:-1]:
            package = path.parts[0]
            if package not in reasons:
                imports = package != "tests" and tree.text_of(package, _IMPORTS_TESTS)
                reasons[package] = "it imports them" if imports else ""
            yield path, reasons[package]


def _docs(tree: _Tree, files: list[PurePosixPath]) -> _Finds:
    with_modules = {parent for path in files if path.suffix in _MODULES for parent in path.parents}
    for path in files:
        is_manual = any(str(path).startswith(f"{manual}/") for manual in _MANUALS)
        if is_manual or any(parent.name in ("doc", "docs") and parent not in with_modules for parent in path.parents):
            yield path, ""


def _type_stubs(tree: _Tree, files: list[PurePosixPath]) -> _Finds:
    reasons: dict[str, str] = {}
    with_modules = {path.parent for path in files if path.suffix in _MODULES}
    for path in files:
        package = path.parts[0]
        is_of_stubs = package.endswith("-stubs")
        if path.suffix == ".pyi" or path.name == "py.typed" or is_of_stubs:
            if package not in reasons:
                reasons[package] = "it loads them when it runs" if tree.text_of(package, _LOADS_STUBS) else ""
            # A tool that reads code brings the stubs of others, as jedi does: a folder of them has no module.
            is_data = path.suffix == ".pyi" and not is_of_stubs and path.parent not in with_modules
            yield path, reasons[package] or (_STUBS_OF_OTHERS if is_data else "")


def _sentence(noun: str, removed: Counter[str]) -> str:
    if not removed:
        return f"no {noun} of dependencies to leave out"
    named = [f"{package} {_size(count)}" for package, count in removed.most_common(_SHOWN)]
    more = len(removed) - len(named)
    others = f", {more} more" if more else ""
    return f"{noun} left out: {_size(removed.total())} ({', '.join(named)}{others})"


def _size(count_bytes: int) -> str:
    return f"{count_bytes / 1e6:.1f} MB" if count_bytes >= 10**6 else f"{max(1, round(count_bytes / 1000))} kB"
