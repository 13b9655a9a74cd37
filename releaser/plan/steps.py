"""What a plan is made of: one frozen value per step, in the order the build carries them out.

A step holds everything that its execution needs to know beforehand. What only the steps before it find out (the
bundle's content hash, the revision line) is the business of `releaser.build`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from releaser.errors import Problem
from releaser.plan.facts import Interpreter, Lock
from releaser.runtime.manifest import Command, Hook, Readiness, Socket


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildWheel:
    """Build the project itself, in isolation, into a wheel."""

    project: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallDependencies:
    """Install what the lock pins, or without one what the project's metadata asks for at this moment."""

    project: Path
    lock: Lock | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallProject:
    """Install the project's wheel; in dev_mode only its metadata, its modules stay where they are."""

    project: Path
    dev_mode: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TidyBundle:
    """Remove what differs from machine to machine, and what nothing in a release uses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddRuntime:
    """Put the runtime into the bundle, so that the app can import it, and beside it, so that the launcher can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckBundle:
    """Find the entry point and every function that is called by name, without importing anything."""

    entry_point: str
    command: tuple[str, ...]
    calls: tuple[tuple[str, Problem], ...]
    """`module:function`, and a problem that says where it was written and nothing else."""
    place: Problem
    """Where the entry point or command was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyMigrations:
    """Put the alembic scripts and their configuration into the release as plain files, and read their graph."""

    scripts: Path
    config: Path | None
    """None: the project has neither alembic.ini nor `[tool.alembic]`."""
    url: str
    run: str
    dev_mode: bool
    place: Problem
    """Where the migrations were written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileBundle:
    """Compile byte code with the Python that will read it."""

    include_src: bool
    dev_mode: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BundlePython:
    """Copy an interpreter into the release."""

    prefix: str
    """Empty: the one that runs the build."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteBundle:
    """Make the zipapp."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A hook's or command's file and where it goes."""

    source: Path
    """Absolute; unused when `text` is set."""
    to: str
    """Below the version's folder."""
    text: str = ""
    """The content, for a script that releaser writes itself."""
    executable: bool = True
    """Whether the source has its executable bit; the copy always has it."""
    shebang: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyScripts:
    """Put hooks and commands into the release; in dev_mode as links to their sources."""

    scripts: tuple[Script, ...]
    dev_mode: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteLauncher:
    """Write `bin/NAME`, env.sh and the files that the launcher reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteManifest:
    """Set every mode and write manifest.json, last: its presence means complete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteArchive:
    """Pack the staged tree into the file that moves between machines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishArchive:
    """Give the archive its name, by one rename."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishTree:
    """Give the tree its name, by one rename: from here on the new build is the one that is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CarryVar:
    """Move the published folder's var, what a release run from it has written, into the new tree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveStaging:
    """Remove the replaced tree and whatever else was only needed to build."""


Step = (
    BuildWheel
    | InstallDependencies
    | InstallProject
    | TidyBundle
    | AddRuntime
    | CheckBundle
    | CopyMigrations
    | CompileBundle
    | BundlePython
    | WriteBundle
    | CopyScripts
    | WriteLauncher
    | WriteManifest
    | WriteArchive
    | PublishArchive
    | PublishTree
    | CarryVar
    | RemoveStaging
)


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
    stop_timeout_s: float
    required_env: tuple[str, ...]
    env: Mapping[str, str]
    inputs: Mapping[str, str]


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

    @property
    def published(self) -> Path:
        """The release's folder once it is built."""
        return self.target / "rel" / self.sketch.name

    @property
    def archive(self) -> Path:
        """The archive once it is built; dev_mode makes none."""
        return self.target / f"{self.sketch.name}-{self.sketch.version}.tar.gz"

    @property
    def has_archive(self) -> bool:
        return any(isinstance(step, WriteArchive) for step in self.steps)
