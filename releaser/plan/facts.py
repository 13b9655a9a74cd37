"""What was found in the project and on the disk before anything is decided: frozen values, gathered by `gather`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

LockKind = Literal["uv", "pylock", "requirements", "poetry", "pdm"]
PathKind = Literal["file", "folder", "missing", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PathFact:
    """One path that the configuration names, or an entry of a folder that it names."""

    kind: PathKind
    readable: bool = True
    executable: bool = False
    shebang: tuple[str, ...] = ()
    """Words after `#!`, as the kernel splits them: the interpreter and at most one argument; empty without one."""
    shebang_program_found: bool = True
    """Whether the interpreter exists on this machine (through PATH for `/usr/bin/env NAME`)."""
    has_carriage_return: bool = False
    """Whether the first line ends in CR LF: the kernel then looks for a program whose name ends in CR."""
    summary: str = ""
    """First line of the leading comment."""
    entries: tuple[str, ...] = ()
    """Names of a folder's files in byte order, without hidden files and editors' backups."""
    private: tuple[str, ...] = ()
    """Names of a folder's entries that must not get into a release; they are not among `entries`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayFile:
    """One file that an overlay names."""

    source: Path
    """Absolute."""
    inside: str
    """Its path below what the overlay names; the name of the file when that is a file."""
    executable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayFact:
    """What lies at the source of one overlay."""

    kind: str
    """`file`, `folder`, `pattern`, `missing`; `none` for an overlay without a source."""
    files: tuple[OverlayFile, ...] = ()
    text: str = ""
    """Of a template."""
    private: tuple[str, ...] = ()
    """Paths below the root of what must not get into a release, and so is not among `files`."""
    trouble: tuple[str, ...] = ()
    """What forbids to copy it: sentences."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """The file that pins the project's dependencies."""

    path: Path
    """Absolute."""
    shown: str
    """Relative to the root of the configuration."""
    kind: LockKind
    sha256: str
    packages: int
    """How many packages it pins, for people."""
    exporter: str = ""
    """poetry.lock and pdm.lock: absolute path of the program that can read it; empty: it is not installed."""
    groups: tuple[str, ...] = ()
    """pdm.lock: the extras and groups that it was made with; empty: it does not say."""
    unhashed_lines: tuple[int, ...] = ()
    """requirements.txt: lines, from 1, of requirements without `--hash`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusableLock:
    """What lies where the lock would, and cannot be read: a folder, a pipe, a link that leads nowhere."""

    shown: str
    """Relative to the root of the configuration."""
    why: str
    """For after its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What `pyproject.toml` says."""

    folder: Path
    """Absolute."""
    name: str
    version: str
    """Empty when it is computed by the build backend and cannot be read from a file."""
    requires_python: str = ""
    has_dependencies: bool = True
    """False when it says that there are none; a list that the build backend computes may hold some."""
    has_alembic_table: bool = False
    """Whether it has `[tool.alembic]`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Git:
    """The state of the repository that the configuration lies in."""

    revision: str
    description: str
    """`git describe --tags --always --dirty`."""
    dirty: bool
    hides_tags: bool = False
    """Whether no tag is reachable, and the clone is shallow: the tag may lie in the history that was left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """The Python that the release is built for and with."""

    path: Path
    version: str
    """`3.11`."""
    full_version: str
    """`3.11.7`."""
    implementation: str
    """`cpython`."""
    platform: str
    """`linux-x86_64`."""
    wheels_platform: str = ""
    """Tag of another platform that the release is for, `manylinux_2_28_aarch64`; empty: this machine's."""
    compiles: bool = True
    """Whether `path` is a Python of this version; false: there is none here, and `path` is another."""

    @property
    def is_foreign(self) -> bool:
        """Whether wheels are chosen for something else than what `path` is."""
        return bool(self.wheels_platform) or not self.compiles


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionAnswer:
    """What the command of `version` said."""

    version: str = ""
    trouble: str = ""
    """Why there is no version; empty when there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationsFact:
    """What of the migrations of one database is on the disk."""

    folder: Path | None = None
    """Absolute folder that `script_location` means; None when there is none."""
    config: Path | None = None
    """Absolute path of alembic.ini or pyproject.toml; None when there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that a plan depends on besides the profile."""

    project: Project | None
    """None: the project's folder has no pyproject.toml that can be used; `project_trouble` says why."""
    project_trouble: str = ""
    lock: Lock | None
    unusable_lock: UnusableLock | None = None
    """Why there is none, although something has its name."""
    """None: there is none."""
    git: Git | None
    """None: not in a repository, or git is not installed."""
    interpreter: Interpreter | None
    """None: the one that the profile names does not run."""
    paths: Mapping[str, PathFact] = field(default_factory=dict)
    """By path as the configuration has it, relative to its root; entries of a folder as `folder/entry`."""
    overlays: tuple[OverlayFact, ...] = ()
    """One for each overlay of the profile, in their order."""
    migrations: Mapping[str, MigrationsFact] = field(default_factory=dict)
    """By the name of the database."""
    squawk: Path | None = None
    """Absolute path of squawk, which lints SQL; None when there is none."""
    version_answer: VersionAnswer | None = None
    """None: `version` is no command."""
    config_sha256: str = ""
    tools: Mapping[str, str] = field(default_factory=dict)
    """Versions of releaser, shiv and uv; with an interpreter in the release, of patchelf."""
