"""What do manifest.json and release.mtree say? The plan's part and what the steps found out, written at the end.

The manifest says what the runtime needs to know, the record what every file, folder and link of the release is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from releaser.build.stage.under_way import Stage
from releaser.build.tools.tree import members_of, normalise_modes
from releaser.errors import BuildError
from releaser.plan.steps import CopyOverlays, WriteManifest
from releaser.runtime.archives.rules import Judge, Refused
from releaser.runtime.release.checking import record
from releaser.runtime.release.checking.record import Member
from releaser.runtime.release.manifest import MAIN, Bundle, Manifest, Process, Python


def write_manifest(_: WriteManifest, stage: Stage) -> None:
    """Set the modes of the staged tree, then write its manifest, and the record of everything.

    Raises:
        BuildError: the tree holds what no host would unpack.
    """
    normalise_modes(stage.root)
    manifest = _manifest(stage)
    _write(stage.release / "manifest.json", manifest.to_json())
    members = _members(stage)
    if stage.plan.packages:
        _check(stage, members, manifest.links)
    _write(stage.release / record.NAME, record.encode(members))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)


def _members(stage: Stage) -> dict[str, Member]:
    """Return everything below the root; of the interpreter it is known, unless a plugin may have been at it."""
    known = {} if stage.plan.plugins else stage.interpreter_members
    if not known:
        return members_of(stage.root)
    below = {f"{stage.bundled_python}/{path}": member for path, member in known.items()}
    return {**members_of(stage.root, without=stage.bundled_python), **below}


def _check(stage: Stage, members: Mapping[str, Member], links: Mapping[str, str]) -> None:
    """Refuse now what `bin/NAME unpack` would refuse on a host; only overlays and plugins can bring such a thing.

    Raises:
        BuildError: which file or link it is.
    """
    name = stage.plan.sketch.name
    judge = Judge()
    try:
        for path in sorted(members):
            judge.admit(f"{name}/{path}", members[path])
        judge.check_links({f"releases/{stage.plan.sketch.version}/{path}": target for path, target in links.items()})
    except Refused as error:
        raise BuildError(f"no host would unpack this release: {error}") from error


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
            tree=stage.tree_place,
            tree_paths=list(stage.tree_paths),
            shared=list(stage.shared),
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
        inputs=dict(sketch.inputs),
        links=_links(stage),
        working_directory=sketch.working_directory,
    )


def _links(stage: Stage) -> dict[str, str]:
    """Return the overlays that lead to places of the host, by their path."""
    return {
        overlay.to: overlay.target
        for step in stage.plan.steps
        if isinstance(step, CopyOverlays)
        for overlay in step.overlays
        if overlay.kind == "link" and overlay.target.startswith("/")
    }


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
