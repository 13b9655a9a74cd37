"""What do installers leave in site-packages that is not the same on every machine, and how is it taken out again?"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from packaging.utils import canonicalize_name

from releaser.build.tools import dist_info
from releaser.build.tools.layers import SCRIPTS, SITE_PACKAGES

_OF_PACKAGES: Final = (".py", ".pyi", ".so", ".typed")
"""Endings of files in a package; those of a console script begin with `#!`, whatever it is called."""


def tidy(folder: Path) -> None:
    """Leave in a folder's site-packages what is the same on every machine, its console scripts beside it."""
    site_packages = folder / SITE_PACKAGES
    (site_packages / ".lock").unlink(missing_ok=True)
    _move_scripts(site_packages / "bin", folder / SCRIPTS)
    for parent, folders, _ in os.walk(site_packages):
        if "__pycache__" in folders:
            folders.remove("__pycache__")
            shutil.rmtree(Path(parent, "__pycache__"))
    dist_info.tidy(site_packages)


def _move_scripts(folder: Path, to: Path) -> None:
    """Move the console scripts that an installer has put into `folder` to `to`; a package may be called bin as well."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not path.is_dir() and (path.suffix not in _OF_PACKAGES or _has_shebang(path)):
            to.mkdir(exist_ok=True)
            path.rename(to / path.name)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _has_shebang(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"#!"


def remove_replaced(site_packages: Path, by: Path) -> None:
    """Remove from `site_packages` the distributions that are in the folder `by` as well, in whatever version."""
    names = {_name(folder) for folder in dist_info.dist_infos(by)}
    for folder in dist_info.dist_infos(site_packages):
        if _name(folder) in names:
            remove_files(site_packages, tuple(dist_info.recorded_files(folder)))


def _name(folder: Path) -> str:
    return canonicalize_name(folder.name.removesuffix(".dist-info").rpartition("-")[0])


def remove_files(site_packages: Path, names: tuple[str, ...]) -> None:
    """Remove files, with their byte code, and the folders that are empty then."""
    folders: set[Path] = set()
    for path in _with_byte_code(names, site_packages):
        path.unlink(missing_ok=True)
        folders.update(parent for parent in path.parents if parent.is_relative_to(site_packages))
    for folder in sorted(folders - {site_packages}, reverse=True):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _with_byte_code(names: tuple[str, ...], site_packages: Path) -> Iterator[Path]:
    for name in names:
        path = site_packages / name
        yield path
        if path.suffix == ".py":
            yield from (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc")
