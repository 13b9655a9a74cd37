"""How do overlays get into a release? Written where the plan says, never through a link, never over what is there."""

from __future__ import annotations

import shutil
from pathlib import Path

from releaser.build.stage.under_way import Stage
from releaser.errors import BuildError
from releaser.plan.steps import CopyOverlays, Overlay


def copy_overlays(step: CopyOverlays, stage: Stage) -> None:
    """Put every overlay in its place; in dev_mode files are links to their sources, so that edits are live.

    Raises:
        BuildError: the place is taken by something that the plan could not know of, or lies behind a link.
    """
    for overlay in step.overlays:
        to = stage.release / overlay.to
        _make_folders(to.parent, stage.release)
        if overlay.kind == "folder" and to.is_dir() and not to.is_symlink():
            continue
        if to.is_symlink() or to.exists():
            raise BuildError(f"the overlay '{overlay.to}' would take the place of a file that the release needs")
        _write(overlay, to, step.dev_mode)


def _write(overlay: Overlay, to: Path, dev_mode: bool) -> None:
    match overlay.kind:
        case "folder":
            to.mkdir()
        case "link":
            to.symlink_to(overlay.target)
        case "text":
            to.write_text(overlay.text, encoding="utf-8")
        case "file":
            # A link has the mode of its source: with another one there has to be a copy.
            if dev_mode and overlay.executable == overlay.is_source_executable:
                to.symlink_to(overlay.source.resolve())
                return
            shutil.copyfile(overlay.source, to)
    if overlay.kind in ("text", "file"):
        to.chmod(0o755 if overlay.executable else 0o644)


def _make_folders(folder: Path, release: Path) -> None:
    for parent in (*reversed(folder.relative_to(release).parents), folder.relative_to(release)):
        path = release / parent
        if path.is_symlink():
            raise BuildError(f"an overlay would be written through the link '{parent}'")
        path.mkdir(exist_ok=True)
