"""What will be built: the release as far as it is known beforehand, and the steps that make it, in their order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from releaser.errors import Problem
from releaser.plan.facts import Interpreter
from releaser.plan.steps import Sign, Step, WriteArchive, WriteBundle, WriteRunFile
from releaser.runtime.release.manifest import Command, Heart, Hook, Liveness, Log, Readiness, Socket


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSketch:
    """What is known of a process beside the main one before its entry is looked up in the bundle."""

    name: str
    readiness: Readiness
    heart: Heart
    liveness: Liveness
    replicas: int
    sockets: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """The part of the manifest that is known before anything is built."""

    name: str
    version: str
    environment: str
    hooks: tuple[Hook, ...]
    commands: tuple[Command, ...]
    sockets: tuple[Socket, ...]
    readiness: Readiness
    heart: Heart
    liveness: Liveness
    processes: tuple[ProcessSketch, ...]
    log: Log
    stop_timeout_s: float
    drain_s: float
    required_env: tuple[str, ...]
    env: Mapping[str, str]
    env_file: str
    working_directory: str
    config_providers: tuple[str, ...]
    python_args: tuple[str, ...]
    python_optimize: int
    inputs: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """A plugin of the build."""

    name: str
    """As it is listed."""
    file: Path | None
    """Absolute; None: an entry point."""
    place: Problem
    """Where the plugins were written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What will be built, where, and by which steps."""

    root: Path
    """Absolute folder of the configuration: the place that shown paths are relative to."""
    target: Path
    """Absolute folder of the environment's builds, `_build/ENV`."""
    interpreter: Interpreter
    sketch: Sketch
    steps: tuple[Step, ...]
    warnings: tuple[Problem, ...]
    dev_mode: bool = False
    plugins: tuple[Plugin, ...] = ()
    find_links: tuple[Path, ...] = ()
    """Absolute folders with wheels."""
    overlay_vars: Mapping[str, object] = field(default_factory=dict)
    """The author's variables, for plugins."""

    @property
    def published(self) -> Path:
        """The release's folder once it is built."""
        return self.target / "rel" / self.sketch.name

    @property
    def archive(self) -> Path:
        """The archive once it is built, if `has_archive`."""
        kinds = [step.format for step in self.steps if isinstance(step, WriteArchive)]
        return self.target / f"{self._stem}.{kinds[0] if kinds else 'tar.gz'}"

    @property
    def has_archive(self) -> bool:
        return any(isinstance(step, WriteArchive) for step in self.steps)

    @property
    def is_bundle_stored(self) -> bool:
        """Whether the members of the zipapp are not compressed."""
        return any(isinstance(step, WriteBundle) and step.is_stored for step in self.steps)

    @property
    def run_file(self) -> Path:
        """The file that unpacks itself and runs, once it is built, if `has_run_file`."""
        return self.target / f"{self._stem}.run"

    @property
    def has_run_file(self) -> bool:
        return any(isinstance(step, WriteRunFile) for step in self.steps)

    @property
    def packages(self) -> tuple[Path, ...]:
        """The files that move between machines, once they are built."""
        return (self.archive,) * self.has_archive + (self.run_file,) * self.has_run_file

    @property
    def sbom(self) -> Path:
        """The bill of materials beside the packages."""
        return self.target / f"{self._stem}.cdx.json"

    @property
    def provenance(self) -> Path:
        """The statement of what they were made from."""
        return self.target / f"{self._stem}.provenance.json"

    @property
    def record(self) -> Path:
        """A copy of the record of every file, folder and link that is in them."""
        return self.target / f"{self._stem}.mtree"

    @property
    def checksums(self) -> Path:
        """The checksums of everything that moves between machines."""
        return self.target / f"{self._stem}.sha256"

    @property
    def signature(self) -> Path:
        """The signature over the checksums, if there is a step `Sign`."""
        return self.target / f"{self._stem}.sha256.sig"

    @property
    def is_signed(self) -> bool:
        return any(isinstance(step, Sign) for step in self.steps)

    @property
    def _stem(self) -> str:
        return f"{self.sketch.name}-{self.sketch.version}"
