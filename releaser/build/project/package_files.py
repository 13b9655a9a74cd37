"""Can a wheel hold what lies in the project's packages? A named pipe it waits for, and a locked folder it passes by.

A build backend opens whatever it finds: at a named pipe it hangs without a word. A folder that it may not read it takes
for an empty one, and the release lacks a part.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from releaser.errors import Problem, ProjectError, reason_of

_MARK = "__init__.py"
_PASSED_BY = frozenset({"__pycache__", "node_modules"})


def check_package_files(project: Path, root: Path, output: Path) -> None:
    """Look at the packages below the folder `project`, those in hidden folders and in `output` left out.

    Raises:
        ProjectError: something is no file or folder, or cannot be read; places are relative to `root`.
    """
    problems = tuple(
        Problem(where=os.path.relpath(path, root), what=what) for path, what in sorted(_troubles(project, output))
    )
    if problems:
        raise ProjectError("the project's wheel cannot be built", problems=problems)


def _troubles(project: Path, output: Path) -> Iterator[tuple[str, str]]:
    waiting = [(str(project), False)]
    while waiting:
        folder, is_in_package = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                inside = list(entries)
        except OSError as error:
            if is_in_package:
                yield folder, f"cannot be read: {reason_of(error)}"
            continue
        is_in_package = is_in_package or any(entry.name == _MARK for entry in inside)
        if any(entry.name == "pyvenv.cfg" for entry in inside):
            continue
        for entry in inside:
            if entry.is_dir(follow_symlinks=False):
                if not entry.name.startswith(".") and entry.name not in _PASSED_BY and entry.path != str(output):
                    waiting.append((entry.path, is_in_package))
            elif is_in_package and not entry.is_symlink() and not entry.is_file():
                yield entry.path, "is neither a file nor a folder, and a wheel cannot hold it"
