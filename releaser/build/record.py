"""What does manifest.json say? The plan's part and what the steps found out, written when everything else is there."""

from __future__ import annotations

from releaser.build.stage import Stage
from releaser.build.tree import hashes_of, normalise_modes
from releaser.runtime.manifest import MAIN, Bundle, Manifest, Process, Python

NOT_HASHED = ("manifest.json",)
"""It cannot hold its own hash. That of env.sh, which operators may edit, tells whether one has."""


def write_manifest(stage: Stage) -> None:
    """Set the modes of the staged tree, then write its manifest."""
    normalise_modes(stage.root)
    path = stage.release / "manifest.json"
    path.write_text(_manifest(stage).to_json(), encoding="utf-8")
    path.chmod(0o644)


def _manifest(stage: Stage) -> Manifest:
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
        entry=stage.entries[MAIN],
        hooks=list(sketch.hooks),
        commands=list(sketch.commands),
        sockets=list(sketch.sockets),
        readiness=sketch.readiness,
        heart=sketch.heart,
        liveness=sketch.liveness,
        processes=[
            Process(
                name=item.name,
                entry=stage.entries[item.name],
                readiness=item.readiness,
                heart=item.heart,
                liveness=item.liveness,
                replicas=item.replicas,
                sockets=list(item.sockets),
            )
            for item in sketch.processes
        ],
        log=sketch.log,
        stop_timeout_s=sketch.stop_timeout_s,
        drain_s=sketch.drain_s,
        required_env=list(sketch.required_env),
        env=dict(sketch.env),
        env_file=sketch.env_file,
        config_providers=list(sketch.config_providers),
        python_args=list(sketch.python_args),
        python_optimize=sketch.python_optimize,
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
        glibc=stage.glibc,
    )
