"""Which archives does a build pack its release into? That of its format, and the one inside the file that runs."""

from __future__ import annotations

from pathlib import Path

from releaser.build.archive.writing import write_archive
from releaser.build.stage.under_way import Stage
from releaser.build.tools import cache
from releaser.plan.steps import WriteArchive, WriteRunFile


def pack_archive(_: WriteArchive, stage: Stage) -> None:
    """Write the archive into the staging folder."""
    _pack(stage, stage.archive)


def pack_run_file(_: WriteRunFile, stage: Stage) -> None:
    """Write the file that runs into the staging folder; it holds the archive, or one that is made for it."""
    from releaser.build.archive.run_file import write_run_file

    payload = stage.archive
    if payload.suffix != ".gz" or not payload.exists():
        payload = stage.folder / "payload.tar.gz"
        _pack(stage, payload)
    sketch = stage.plan.sketch
    write_run_file(payload, stage.folder / stage.plan.run_file.name, sketch.name, sketch.version)


def _pack(stage: Stage, to: Path) -> None:
    """Write an archive; what is compressed for those of this release and environment is kept, under their lock."""
    plan = stage.plan
    pieces = plan.target.parent / cache.NAME / "pieces" / f"{plan.target.name}-{plan.sketch.name}{to.suffix}"
    cuts = {stage.bundle: tuple(stage.bundle_cuts)}
    write_archive(stage.root, to, stage.epoch, pieces, cuts)
