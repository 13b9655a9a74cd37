"""From what was an artifact made, and by what? An in-toto statement with SLSA's provenance, v1.

It names no host, no user and no time, so that a second build of the same can be compared with it. Formats:
in-toto.io/Statement/v1 and slsa.dev/provenance/v1.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from releaser.plan.plan import Plan

BUILDER = "releaser"
BUILD_TYPE = "urn:releaser:build:1"
_NO_TOOLS = frozenset({"config", "lock", "git"})


def provenance(plan: Plan, subjects: Iterable[Path], full_version: str) -> str:
    """Return the statement about `subjects`, the files that were made, as JSON; `full_version` is the Python's."""
    sketch = plan.sketch
    tools = {name: version for name, version in sketch.inputs.items() if name not in _NO_TOOLS}
    statement: dict[str, Any] = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": path.name, "digest": {"sha256": _sha256(path)}} for path in subjects],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "release": sketch.name,
                    "version": sketch.version,
                    "environment": sketch.environment,
                },
                "internalParameters": {"python": full_version, "tools": tools},
                "resolvedDependencies": _materials(sketch.inputs),
            },
            "runDetails": {"builder": {"id": BUILDER, "version": {BUILDER: tools.get(BUILDER, "")}}},
        },
    }
    return json.dumps(statement, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _materials(inputs: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the configuration, the lock and the revision, as far as there are any."""
    materials: list[dict[str, Any]] = []
    if "config" in inputs:
        materials.append({"name": "config", "digest": {"sha256": inputs["config"].removeprefix("sha256:")}})
    if "lock" in inputs:
        name, _, digest = inputs["lock"].rpartition(" sha256:")
        materials.append({"name": name, "digest": {"sha256": digest}})
    if "git" in inputs:
        revision, _, dirty = inputs["git"].partition("-")
        materials.append({"name": "git", "digest": {"gitCommit": revision}, "annotations": {"dirty": bool(dirty)}})
    return materials


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
