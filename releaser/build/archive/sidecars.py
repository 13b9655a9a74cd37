"""What lies beside an archive? Bill of materials, provenance, record, the checksums of all, and their signature."""

from __future__ import annotations

import shutil
from pathlib import Path

from releaser.artifacts import signatures
from releaser.artifacts.checksums import checksums_of
from releaser.build.archive.provenance import provenance
from releaser.build.stage.under_way import Stage
from releaser.plan.steps import Sign, WriteSidecars
from releaser.runtime.release.checking.record import NAME

_FORMATS = (".tar.gz", ".tar.zst", ".run")


def write_sidecars(_: WriteSidecars, stage: Stage) -> None:
    """Write into the staging folder what goes beside the packages, which are there already."""
    from releaser.build.archive.sbom import sbom

    plan = stage.plan
    packages = [_staged(stage, path) for path in plan.packages]
    bill, statement, checksums = (_staged(stage, path) for path in (plan.sbom, plan.provenance, plan.checksums))
    bill.write_text(sbom(stage), encoding="utf-8")
    version = stage.full_version or plan.interpreter.full_version
    statement.write_text(provenance(plan, [*packages, bill], version), encoding="utf-8")
    record = _staged(stage, plan.record)
    shutil.copyfile(stage.release / NAME, record)
    checksums.write_text(checksums_of([*packages, bill, statement, record]), encoding="utf-8")
    for path in (bill, statement, record, checksums):
        path.chmod(0o644)


def sign_checksums(step: Sign, stage: Stage) -> None:
    """Sign the staged checksums, and through them everything that they name."""
    stage.report.give_way()
    signatures.sign(_staged(stage, stage.plan.checksums), step.key)


def publish_packages(stage: Stage) -> None:
    """Give everything its name, each by one rename; what vouches for the rest goes first and comes last."""
    plan = stage.plan
    for path in (plan.signature, plan.checksums):
        path.unlink(missing_ok=True)
    for path in (*plan.packages, plan.sbom, plan.provenance, plan.record, plan.checksums, plan.signature):
        staged = _staged(stage, path)
        if staged.exists():
            staged.rename(path)
    _remove_other_formats(stage)


def _remove_other_formats(stage: Stage) -> None:
    """Remove what an earlier build of the same version made in another format: the checksums do not vouch for it."""
    plan = stage.plan
    stem = plan.checksums.name.removesuffix(plan.checksums.suffix)
    for ending in _FORMATS:
        path = plan.target / f"{stem}{ending}"
        if path not in plan.packages and path.is_file():
            path.unlink()
            stage.report.note(f"removed {path.name}, which an earlier build made, and this one does not")


def _staged(stage: Stage, path: Path) -> Path:
    return stage.folder / path.name
