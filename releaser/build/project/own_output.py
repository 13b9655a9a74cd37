"""Does the project's wheel hold what builds have made before? Then it is built once more, of sources without that.

A backend that takes every folder of a name (hatchling's `include = ["shop/"]`) finds `_build/prod/rel/shop/` as well:
the first release would be in the second one, with its logs and databases. Only a wheel shows what a backend takes.
"""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from releaser.errors import BuildError
from releaser.plan.project.tree import MADE_ANEW

_MOST_SHOWN = 3


def packed_output(wheel: Path, output: Path) -> list[str]:
    """Return the members of `wheel` that are files of the folder `output`, where builds go."""
    with zipfile.ZipFile(wheel) as archive:
        return [name for name in archive.namelist() if not name.endswith("/") and _is_of(name, output)]


def refuse_output(wheel: Path, output: Path) -> None:
    """Do nothing if no member of `wheel` is of `output`.

    Raises:
        BuildError: some are.
    """
    found = packed_output(wheel, output)
    if found:
        more = f" and {len(found) - _MOST_SHOWN} more" if len(found) > _MOST_SHOWN else ""
        raise BuildError(
            f"the project's wheel holds what an earlier build made: {', '.join(found[:_MOST_SHOWN])}{more}",
            hint=f"tell the build backend to leave {output.name}/ out",
        )


def copy_without(project: Path, output: Path, to: Path) -> Path:
    """Copy the sources of `project` into the new folder `to`, without `output`, and return it.

    The repository is linked, since versions are computed from it; where it lies further up, an empty .gitignore keeps
    backends from reading the output's own.
    """

    def ignored(folder: str, names: list[str]) -> set[str]:
        return {name for name in names if name in MADE_ANEW or _is_left_out(Path(folder, name), output)}

    shutil.copytree(project, to, symlinks=True, ignore=ignored)
    if (project / ".git").exists():
        (to / ".git").symlink_to(project / ".git")
    elif not (to / ".gitignore").exists():
        (to / ".gitignore").touch()
    return to


def _is_left_out(path: Path, output: Path) -> bool:
    return (
        path == output or (path / "pyvenv.cfg").is_file() or (path.exists() and not (path.is_dir() or path.is_file()))
    )


def _is_of(name: str, output: Path) -> bool:
    return any(os.path.lexists(output / tail) for tail in _tails(name, output.name))


def _tails(name: str, folder: str) -> Iterator[Path]:
    """Yield what comes after each part of a member's path that is called as `folder` is."""
    parts = PurePosixPath(name).parts
    yield from (Path(*parts[index + 1 :]) for index, part in enumerate(parts[:-1]) if part == folder)
