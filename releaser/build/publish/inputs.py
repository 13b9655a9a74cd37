"""What can change the result of a build, besides its plan? Files, the machine's parts, and the environment.

A plan holds what was decided; here is what its steps will read. Where that cannot be told for certain there is a
reason, in words, and a build goes the long way.
"""

from __future__ import annotations

import os
import re
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, assert_never

from releaser.build.interpreter.python_files import interpreter_files
from releaser.build.tools.cache import key_of
from releaser.plan.facts import Lock
from releaser.plan.plan import Plan
from releaser.plan.steps import (
    AddRuntime,
    BuildWheel,
    BundlePython,
    CarryVar,
    CheckBundle,
    CheckGlibc,
    CompileBundle,
    CopyMigrations,
    CopyOverlays,
    CopyScripts,
    FinishTree,
    InstallDependencies,
    InstallProject,
    NoteMigrationCommand,
    PublishArchive,
    PublishTree,
    RemoveStaging,
    RunCommands,
    RunPlugins,
    Sign,
    StageTree,
    Step,
    StripBundle,
    TidyBundle,
    WriteArchive,
    WriteBundle,
    WriteLauncher,
    WriteManifest,
    WriteRunFile,
    WriteSidecars,
)

_BACKENDS: Final = (
    "hatchling.build",
    "setuptools.build_meta",
    "flit_core.buildapi",
    "poetry.core.masonry.api",
    "uv_build",
)
"""Backends whose wheel follows from the project's files, unless they are told otherwise."""
_NAME = re.compile(r"(?:hatchling|setuptools|wheel|flit[-_]core|poetry[-_]core|uv[-_]build)(?![\w.-])", re.IGNORECASE)
"""What may stand in `[build-system] requires`: whatever else may be a plugin of the backend."""
_PASSED_BY: Final = frozenset(
    {".git", ".hg", ".svn", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".tox", ".nox"}
)
"""Folders that no backend packs and that change by themselves."""
_OF_A_TERMINAL: Final = frozenset(
    {"_", "OLDPWD", "PWD", "SHLVL", "COLUMNS", "LINES", "TERM", "COLORTERM", "NO_COLOR", "FORCE_COLOR", "WINDOWID"}
)
"""Variables that differ from call to call, and that nothing of a build reads."""
_IGNORES: Final = (".gitignore", ".hgignore")
_OPTION = re.compile(r"^\s*(?:-[^-]|--(?!hash\b))", re.MULTILINE)


_ALEMBICS: Final = ("alembic.ini", "pyproject.toml")
_ARCHIVES: Final = (".gz", ".zst")
_MOST_FILES: Final = 20_000


class NotCertain(Exception):
    """What the build reads cannot be told before it runs; the text says why."""


def key_of_surroundings(plan: Plan, *, epoch: int, is_offline: bool) -> str:
    """Return a hash of everything that is no file of the author's: the plan, the environment, the tools, the day.

    The day, because the environment that a wheel is built in is kept for one (see `build_env`).
    """
    environment = {name: value for name, value in os.environ.items() if name not in _OF_A_TERMINAL}
    packages = [Path(entry) for entry in sys.path if entry.endswith("-packages")]
    tools = [status_of(path) for path in sorted((*_own_files(), *packages, *_interpreter_files(plan)))]
    day = time.strftime("%Y-%m-%d", time.gmtime())
    return key_of(repr(plan), environment, tools, sys.version, sys.executable, day, epoch, is_offline, os.getuid())


def check_certain(plan: Plan) -> None:
    """Check that `input_files` names all that the steps of `plan` read.

    Raises:
        NotCertain: something else may be read.
    """
    if plan.dev_mode:
        raise NotCertain("dev_mode links the source tree")
    if plan.plugins:
        raise NotCertain("plugins may read anything")
    if plan.is_signed:
        raise NotCertain("it is to be signed")
    for step in plan.steps:
        match step:
            case BuildWheel(is_tree=True):
                continue
            case RunCommands():
                raise NotCertain("the build's steps may read anything")
            case BuildWheel(project=project):
                path = project / "pyproject.toml"
                text = path.read_text(encoding="utf-8") if path.exists() else ""
                data = tomllib.loads(text)
                reason = why_not_pure(data, has_setup_py=(project / "setup.py").exists())
                if reason or "../" in text:
                    raise NotCertain(reason or "pyproject.toml may name files outside of the project's folder")
            case InstallDependencies(lock=None, wanted=wanted) if wanted is not None:
                raise NotCertain("without a lock dependencies are resolved at each build")
            case InstallDependencies(lock=lock) if lock is not None:
                _check_lock(lock)
            case _:
                pass


def input_files(plan: Plan) -> list[Path]:
    """Return each file that the steps of `plan` read, and those that would be read if they were there, sorted.

    Raises:
        NotCertain: a link leads to another folder, or there are very many.
    """
    found: set[Path] = set()
    for step in plan.steps:
        match step:
            case BuildWheel(project=project):
                found.update(_project_files(project, plan))
            case StageTree(project=project):
                found.update(_project_files(project, plan))
                found.update(_git_index(project))
            case InstallDependencies(lock=lock) if lock is not None:
                found.add(lock.path)
            case CopyScripts(scripts=scripts):
                found.update(script.source for script in scripts if not script.text)
            case CopyOverlays(overlays=overlays):
                found.update(overlay.source for overlay in overlays if overlay.kind == "file")
            case CopyMigrations(scripts=folder, config=config, squawk=squawk):
                found.update(_files_below(folder))
                found.update((plan.root / ".squawk.toml", *(() if squawk is None else (squawk,))))
                # An older archive tells which revisions are new.
                older = [path for path in plan.target.glob(f"{plan.sketch.name}-*") if path not in plan.packages]
                found.update(path for path in older if path.suffix in _ARCHIVES)
                if config is not None:
                    found.update((config, *(config.with_name(name) for name in _ALEMBICS)))
            case _:
                _reads_nothing(step)
    for links in plan.find_links:
        found.update(_files_below(links))
    if len(found) > _MOST_FILES:
        raise NotCertain(f"the project has {len(found)} files")
    return sorted(found)


def _reads_nothing(step: Step) -> None:
    """Name each other step, which reads what earlier ones have made: the type checker asks for a new one."""
    match step:
        case BuildWheel() | InstallDependencies() | CopyScripts() | CopyOverlays() | CopyMigrations():
            pass
        case InstallProject() | TidyBundle() | StripBundle() | AddRuntime() | CheckBundle() | NoteMigrationCommand():
            pass
        case CompileBundle() | BundlePython() | CheckGlibc() | WriteBundle() | WriteLauncher() | WriteManifest():
            pass
        case WriteArchive() | WriteRunFile() | WriteSidecars() | PublishArchive() | PublishTree() | CarryVar():
            pass
        case StageTree() | FinishTree():
            pass
        case RemoveStaging() | Sign() | RunPlugins() | RunCommands():  # with one of the last three there is no receipt
            pass
        case _:
            assert_never(step)


def status_of(path: Path) -> list[object]:
    """Return what tells a file from a changed one without reading it; of one that is not there, that."""
    try:
        status = path.stat()
    except OSError:
        return [str(path), None]
    return [str(path), status.st_size, status.st_mtime_ns, status.st_mode, status.st_ino]


def _project_files(project: Path, plan: Plan) -> Iterator[Path]:
    yield from _files_below(project, output=plan.target.parent)
    # A .gitignore above the project, up to the repository's own, tells backends what to leave out.
    for folder in project.parents:
        yield from (folder / name for name in _IGNORES)
        if (folder / ".git").exists():
            break


def _git_index(project: Path) -> Iterator[Path]:
    """Yield the file in which git keeps what it tracks: a file that is ignored as well may be a part of the tree."""
    for folder in (project, *project.parents):
        if (folder / ".git").exists():
            yield folder / ".git" / "index"
            return


def why_not_pure(data: Mapping[str, Any], *, has_setup_py: bool = False) -> str:
    """Return why the wheel of a project with this `pyproject.toml` may depend on more than its files, or ``""``."""
    system = _table(data, "build-system")
    backend = system.get("build-backend", "")
    hatch = _table(_table(data, "tool"), "hatch")
    version = _table(hatch, "version")
    if backend not in _BACKENDS or "backend-path" in system:
        return "what the build backend reads is not known"
    if has_setup_py:
        return "setup.py may read anything"
    if any(_NAME.match(text) is None for text in map(str, system.get("requires", ()))):
        return "the build backend may ask more than the project's files"
    if version.get("source", "regex") != "regex":
        return "the version is computed"
    if _table(_table(hatch, "metadata"), "hooks") or _has_hooks(_table(hatch, "build")):
        return "build hooks may read anything"
    if _table(_table(_table(data, "tool"), "poetry"), "build"):
        return "a build script may read anything"
    return ""


def _has_hooks(table: Mapping[str, Any]) -> bool:
    return "hooks" in table or any(_has_hooks(value) for value in table.values() if isinstance(value, dict))


def _table(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = data.get(name, {})
    return found if isinstance(found, dict) else {}


def _files_below(folder: Path, output: Path | None = None) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not _is_passed_by(Path(parent, name), output)]
        for name in folders:
            if Path(parent, name).is_symlink():
                raise NotCertain(f"{name} is a link to a folder")
        yield from (Path(parent, name) for name in names)


def _is_passed_by(folder: Path, output: Path | None) -> bool:
    return folder.name in _PASSED_BY or folder == output or (folder / "pyvenv.cfg").exists()


def _check_lock(lock: Lock) -> None:
    if lock.kind == "requirements" and _OPTION.search(lock.path.read_text(encoding="utf-8", errors="replace")):
        raise NotCertain(f"{lock.path.name} may name other files")


def _own_files() -> Iterator[Path]:
    """Yield releaser's own files, whose version does not change while it is worked on."""
    for parent, _, names in os.walk(Path(__file__).parents[2]):
        yield from (Path(parent, name) for name in names if not name.endswith(".pyc"))


def _interpreter_files(plan: Plan) -> Iterator[Path]:
    yield Path(os.path.realpath(plan.interpreter.path))
    if any(isinstance(step, BundlePython) for step in plan.steps):
        yield from interpreter_files(plan.interpreter)
