"""What a plan is made of: one frozen value per step, in the order the build carries them out.

A step holds everything that its execution needs to know beforehand. What only the steps before it find out (the
bundle's content hash, the revision line) is the business of `releaser.build`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from releaser.config.profile import MigrationsSpec
from releaser.errors import Problem
from releaser.plan.facts import Lock, Wanted

RESOLVED = "resolved.txt"
"""In the release of a build without a lock: what was resolved, with hashes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildWheel:
    """Build the project itself, in isolation, into a wheel."""

    project: Path
    is_tree: bool = False
    """Whether its files are the app as they lie: the wheel holds what describes it, and no module."""
    is_staged: bool = False
    """Whether it is built from the staged copy, in which steps have run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTree:
    """Copy the project's files as they lie into the staging folder."""

    project: Path
    is_whole: bool
    """Whether everything that git does not ignore is in it."""
    is_app: bool
    """Whether it is the app, and no wheel."""
    is_shipped: bool
    """Whether anything of it goes into the release; otherwise only what steps write does."""
    is_scratch: bool = False
    """Whether the rest of it is staged as well, for steps to work with."""
    files: tuple[str, ...] = ()
    """Patterns of what goes in besides."""
    exclude: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    import_paths: tuple[str, ...] = ("",)
    """Folders of it that modules are imported from, relative to it."""
    dev_mode: bool = False
    places: tuple[Problem, ...] = ()
    """Where each pattern of `files` was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishTree:
    """Leave of the staged files what goes into the bundle, with what steps have written."""

    tree: StageTree


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildCommand:
    """One of the author's commands."""

    run: tuple[str, ...]
    env: Mapping[str, str]
    place: Problem
    """Where it was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCommands:
    """Run the author's commands in the staged tree, before the dependencies are there or after."""

    commands: tuple[BuildCommand, ...]
    when: Literal["before", "after"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallDependencies:
    """Install what the lock pins, or without one what the project's metadata asks for at this moment."""

    project: Path
    lock: Lock | None
    optimize: int = 0
    """Level of their byte code."""
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    wanted: Wanted | None = None
    """What is resolved where there is no lock; None: there is one, or nothing is asked for."""
    without_debug_info: bool = False
    """Whether they lose what only debuggers read, and their byte code the columns."""
    keep: tuple[str, ...] = ()
    """Paths and patterns below site-packages of those that do not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallProject:
    """Install the project's wheel; in dev_mode only its metadata, its modules stay where they are."""

    project: Path
    dev_mode: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TidyBundle:
    """Remove what differs from machine to machine, and what nothing in a release uses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StripBundle:
    """Leave out of the dependencies what a running app does not need."""

    tests: bool
    docs: bool
    type_stubs: bool
    keep: tuple[str, ...]
    """Paths and patterns below site-packages that stay in any case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddRuntime:
    """Put the runtime into the bundle, so that the app can import it, and beside it, so that the launcher can."""

    optimize: int = 0
    """Level of its byte code in the bundle; beside it, it has level 0 as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What one process runs: exactly one of `entry_point` and `command` is set."""

    name: str
    entry_point: str
    command: tuple[str, ...]
    place: Problem
    """Where the entry point or command was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckBundle:
    """Find the entry point and every function that is called by name, without importing anything."""

    programs: tuple[Program, ...]
    """What each process of the release runs, the main one first."""
    modules: tuple[tuple[str, Problem], ...]
    """Modules that settings name, such as DJANGO_SETTINGS_MODULE, and a problem that says where."""
    calls: tuple[tuple[str, Problem], ...]
    """`module:function`, and a problem that says where it was written and nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyMigrations:
    """Put the alembic scripts and their configuration into the release as plain files, and read their graph."""

    scripts: Path
    config: Path | None
    """None: the project has neither alembic.ini nor `[tool.alembic]`."""
    squawk: Path | None
    """The program; None: neither the project nor this machine has it."""
    spec: MigrationsSpec
    """What was written about them."""
    dev_mode: bool
    place: Problem
    """Where the migrations were written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteMigrationCommand:
    """Note the command that migrates a database instead of alembic, as it was found in the bundle."""

    spec: MigrationsSpec
    command: str
    """Name of its program."""
    check: str
    """Name of the program that checks, or empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileBundle:
    """Compile byte code with the Python that will read it."""

    include_src: bool
    dev_mode: bool
    optimize: int = 0
    """0, 1 or 2: what the app will be started with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BundlePython:
    """Copy an interpreter into the release."""

    prefix: str
    """Empty: the one that the release is built for."""
    optimize: int = 0
    """Level of the standard library's byte code besides 0, which the supervisor reads."""
    include_libc: bool = False
    glibc_max: str = ""
    """The newest glibc that the release may need of its hosts, such as `2.31`; empty: any, or none of theirs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckGlibc:
    """Refuse program files that need a newer glibc than the author allows."""

    maximum: str
    """`2.31`."""
    place: Problem
    """Where it was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteBundle:
    """Make the zipapp."""

    is_stored: bool = False
    """Whether its members are not compressed: an archive that is compressed as a whole is smaller then."""


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
class Overlay:
    """One thing of the author's in the release, and where it goes."""

    kind: Literal["file", "text", "link", "folder"]
    to: str
    """Below the version's folder."""
    source: Path = Path()
    """Absolute; of a `file`."""
    text: str = ""
    """Of a `text`: a template with its variables filled in."""
    target: str = ""
    """Of a `link`: where it leads."""
    executable: bool = False
    is_source_executable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyOverlays:
    """Put the overlays into the release; in dev_mode files are links to their sources."""

    overlays: tuple[Overlay, ...]
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

    format: str
    """`tar.gz` or `tar.zst`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRunFile:
    """Pack the staged tree into one file that unpacks itself and runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteSidecars:
    """Write what lies beside the archive: bill of materials, provenance, record, and the checksums of all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """Sign the checksums."""

    key: Path
    """Absolute; a private key, or the public half of one that ssh-agent holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishArchive:
    """Give the archive, and what goes with it, their names, each by one rename."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishTree:
    """Give the tree its name, by one rename: from here on the new build is the one that is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CarryVar:
    """Move the published folder's var, what a release run from it has written, into the new tree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlugins:
    """Give the plugins that have a function for this event their turn."""

    event: Literal["before_assembly", "after_assembly", "before_package", "after_package", "after_cleanup"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveStaging:
    """Remove the replaced tree and whatever else was only needed to build."""


Step = (
    BuildWheel
    | StageTree
    | RunCommands
    | FinishTree
    | InstallDependencies
    | InstallProject
    | TidyBundle
    | StripBundle
    | AddRuntime
    | CheckBundle
    | CopyMigrations
    | CompileBundle
    | BundlePython
    | CheckGlibc
    | WriteBundle
    | NoteMigrationCommand
    | CopyScripts
    | CopyOverlays
    | WriteLauncher
    | WriteManifest
    | WriteArchive
    | WriteRunFile
    | WriteSidecars
    | Sign
    | PublishArchive
    | PublishTree
    | CarryVar
    | RunPlugins
    | RemoveStaging
)
