"""What does manifest.json say? The plan's part and what the steps found out, written when everything else is there."""

from __future__ import annotations

from releaser.build.stage import Stage
from releaser.build.tree import hashes_of, normalise_modes
from releaser.runtime.manifest import Bundle, Manifest, Python

NOT_HASHED = ("manifest.json", "env.sh")
"""The manifest cannot hold its own hash, and env.sh is the operators' to edit."""


def write_manifest(stage: Stage) -> None:
    """Set the modes of the staged tree, then write its manifest."""
    normalise_modes(stage.root)
    path = stage.release / "manifest.json"
    path.write_text(_manifest(stage).to_json(), encoding="utf-8")
    path.chmod(0o644)


def _manifest(stage: Stage) -> Manifest:
    if stage.entry is None:
        raise AssertionError("the entry point is checked before the manifest is written")
    sketch = stage.plan.sketch
    return Manifest(
        name=sketch.name,
        version=sketch.version,
        environment=sketch.environment,
        python=_python(stage),
        bundle=Bundle(
            id=stage.bundle_id,
            file=f"{sketch.name}.pyz",
            pth=list(stage.pth),
            source_paths=[str(path) for path in stage.source_paths],
        ),
        entry=stage.entry,
        hooks=list(sketch.hooks),
        commands=list(sketch.commands),
        sockets=list(sketch.sockets),
        readiness=sketch.readiness,
        stop_timeout_s=sketch.stop_timeout_s,
        required_env=list(sketch.required_env),
        env=dict(sketch.env),
        migrations=list(stage.migrations),
        files=hashes_of(stage.release, NOT_HASHED),
        inputs=dict(sketch.inputs),
    )


def _python(stage: Stage) -> Python:
    interpreter = stage.plan.interpreter
    is_bound = stage.has_extensions or bool(stage.bundled_python)
    return Python(
        version=interpreter.version,
        full_version=stage.full_version or interpreter.full_version,
        implementation=interpreter.implementation,
        platform=interpreter.platform if is_bound else "any",
        bundled=stage.bundled_python,
    )
