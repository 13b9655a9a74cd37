"""dev_mode: which folders of the source tree must be on `sys.path`, so that the project's modules are found there?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from releaser.build.tools.dist_info import is_extension
from releaser.errors import Problem, ProjectError

_DEPTH = 3
_NOT_SOURCES = ("build", "dist", "node_modules", "venv", "_build", "__pycache__")


def find_source_paths(project: Path, files: tuple[str, ...]) -> tuple[Path, ...]:
    """Return the folders that hold the top-level packages of a wheel's `files`, in the order they are searched.

    Raises:
        ProjectError: a package is nowhere in the project, or has machine code that only a build can make.
    """
    problems: list[Problem] = []
    found: dict[Path, None] = {}
    candidates = tuple(_candidates(project))
    for top in sorted({_top(name) for name in files if name.endswith(".py")}):
        sample = next(name for name in files if _top(name) == top and name.endswith(".py"))
        folder = next((candidate for candidate in candidates if (candidate / sample).is_file()), None)
        if folder is None:
            problems.append(Problem(where="", what=f"'{top}' is in the project's wheel, and {sample} is nowhere in it"))
        else:
            found[folder] = None
    problems += [
        Problem(where="", what=f"{name} is machine code, made by a build; dev_mode runs the sources as they stand")
        for name in files
        if is_extension(name)
    ]
    if problems:
        raise ProjectError("cannot link the project's source tree", problems=tuple(problems))
    return tuple(found)


def _top(name: str) -> str:
    return PurePosixPath(name).parts[0]


def _candidates(project: Path) -> Iterator[Path]:
    """Return where sources usually are, then everywhere else near the top."""
    yield project / "src"
    yield project
    level = [project]
    for _ in range(_DEPTH):
        level = [folder for parent in level for folder in sorted(parent.iterdir()) if _may_hold_sources(folder)]
        yield from level


def _may_hold_sources(folder: Path) -> bool:
    return folder.is_dir() and not folder.name.startswith(".") and folder.name not in _NOT_SOURCES
