"""What of the project's own wheel must not get into a release? Secrets that its build backend took for data files."""

from __future__ import annotations

from pathlib import PurePath

from releaser.build.dist_info import dist_infos, rewrite_record
from releaser.build.stage import Stage
from releaser.plan.private_files import PRIVATE, is_below_private_folder, is_private


def leave_private_files_out(stage: Stage) -> None:
    """Remove them from site-packages and from RECORD, and name each in a warning."""
    found = [name for name in stage.project_files if _is_private(name, stage)]
    for name in found:
        (stage.site_packages / name).unlink(missing_ok=True)
        stage.warnings.append(f"{name}: {PRIVATE}")
    if found:
        stage.project_files = tuple(name for name in stage.project_files if name not in found)
        for folder in dist_infos(stage.site_packages):
            rewrite_record(folder)


def _is_private(name: str, stage: Stage) -> bool:
    return is_below_private_folder(PurePath(name)) or is_private(stage.site_packages / name)
