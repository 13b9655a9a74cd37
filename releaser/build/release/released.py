"""Which revisions did the release before have? Those are not looked at again.

The author says it (`released`), and then it is the same on every machine. Else it is seen in what was built here: the
versions in the published folder, without the one that is being built, since it is about to be replaced; and if there is
none, the newest archive of another version beside it.
"""

from __future__ import annotations

from pathlib import Path

from releaser.artifacts.opening import DamagedArtifact
from releaser.artifacts.reading import read_manifest
from releaser.build.stage.under_way import Graph
from releaser.errors import Problem, ProjectError, UsageError
from releaser.plan.plan import Plan
from releaser.plan.steps import (
    CopyMigrations,
)
from releaser.runtime.release.manifest import Manifest, ManifestError


def known_revisions(graph: Graph, plan: Plan, step: CopyMigrations) -> frozenset[str]:
    """Return the revisions of `graph` that a release before this one had; none if nothing is known of it.

    Raises:
        ProjectError: the line has no such revision.
    """
    released, name = step.spec.released, step.spec.name
    if released:
        if released not in graph.line:
            what = f"there is no revision {released!r} on the line"
            problem = Problem(where=step.place.where, what=what, hint=f"the newest one is {graph.line[-1]!r}")
            raise ProjectError("cannot tell which revisions are new", problems=(problem,))
        return frozenset(graph.line[: graph.line.index(released) + 1])
    version = plan.sketch.version
    manifests = plan.published.glob("releases/*/manifest.json")
    lines = [_line_of_file(path, name) for path in manifests if path.parent.name != version]
    if not any(lines):
        lines = [_line_of_newest_archive(plan, name)]
    return frozenset(revision for line in lines for revision in line)


def _line_of_file(path: Path, database: str) -> tuple[str, ...]:
    try:
        return _line(Manifest.from_json(path.read_text(encoding="utf-8")), database)
    except (OSError, ValueError, ManifestError):
        return ()  # damaged, or of another format: nothing is known of it


def _line_of_newest_archive(plan: Plan, database: str) -> tuple[str, ...]:
    if not plan.has_archive:
        return ()
    suffix = plan.archive.name.removeprefix(f"{plan.sketch.name}-{plan.sketch.version}")
    found = [path for path in plan.target.glob(f"{plan.sketch.name}-*{suffix}") if path != plan.archive]
    for path in sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True):
        try:
            manifest = read_manifest(path)
        except (UsageError, DamagedArtifact):
            continue
        if manifest.name == plan.sketch.name and manifest.version != plan.sketch.version:
            return _line(manifest, database)
    return ()


def _line(manifest: Manifest, database: str) -> tuple[str, ...]:
    records = [record for record in manifest.migrations if record.name == database]
    return tuple(revision for record in records for revision in record.line)
