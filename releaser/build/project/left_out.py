"""What of the project's own files must not get into a release? Secrets in its wheel, and among its migrations."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path, PurePath

from releaser.build.stage.under_way import Stage
from releaser.build.tools.dist_info import dist_infos, forget_missing
from releaser.plan.files.private import PRIVATE, is_below_private_folder, is_private


def leave_private_files_out(stage: Stage) -> None:
    """Remove them from site-packages and from RECORD, and name each in a warning."""
    found = [name for name in stage.project_files if _is_private(name, stage)]
    for name in found:
        (stage.site_packages / name).unlink(missing_ok=True)
        stage.warnings.append(f"{name}: {PRIVATE}")
    if found:
        stage.project_files = tuple(name for name in stage.project_files if name not in found)
        for folder in dist_infos(stage.site_packages):
            forget_missing(folder)


def without_private_files(stage: Stage) -> Callable[[str, list[str]], set[str]]:
    """Return what `shutil.copytree` is to ignore: byte code, backups, and secrets, each of which it warns of."""
    noise = shutil.ignore_patterns("__pycache__", "*.pyc", "*~")

    def ignored(folder: str, names: list[str]) -> set[str]:
        private = sorted(name for name in names if is_private(Path(folder, name)))
        shown = os.path.relpath(folder, stage.plan.root)
        stage.warnings += [f"{shown}/{name}: {PRIVATE}" for name in private]
        return {*noise(folder, names), *private}

    return ignored


def _is_private(name: str, stage: Stage) -> bool:
    return is_below_private_folder(PurePath(name)) or is_private(stage.site_packages / name)
