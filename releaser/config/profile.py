"""What a checked configuration is made of: frozen values, one per setting, that the plan is computed from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from releaser.config.text.shown import advice, sentence
from releaser.errors import Problem

Event = Literal[
    "pre_configure",
    "post_configure",
    "pre_start",
    "pre_migrate",
    "post_start",
    "pre_stop",
    "post_stop",
    "pre_upgrade",
    "post_upgrade",
]
OnFailure = Literal["abort", "stop", "warn"]
ReadinessKind = Literal["started", "notify", "http", "tcp", "call"]
LivenessKind = Literal["http", "tcp", "call", "heartbeat"]
MigrationRun = Literal["pre_start", "post_start", "check", "manual"]
DEFAULT_DATABASE = "default"
"""What the database of `[release.X.migrations]` is called, since it has no table of its own."""
OverlayKind = Literal["copy", "link", "mkdir", "template", "chmod"]
OVERLAY_KINDS: tuple[OverlayKind, ...] = ("copy", "link", "mkdir", "template", "chmod")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where in the configuration file a value was written."""

    file: str
    """Path as it is shown to people, relative to the folder of the project."""
    line: int
    """From 1."""
    column: int
    """From 1."""
    key: str
    """Key path as the author wrote it: `environment.prod.hooks.pre_start`."""
    source_line: str = ""
    """The text of that line."""
    length: int = 1
    """Characters of the value on that line."""

    @property
    def where(self) -> str:
        """The place as problems show it: `rel/config.toml:3:1`."""
        return f"{self.file}:{self.line}:{self.column}"

    def problem(self, what: str, hint: str = "") -> Problem:
        """Return a problem of the value that was written here."""
        return Problem(
            where=self.where,
            key=self.key,
            what=sentence(what),
            hint=advice(hint),
            source_line=self.source_line,
            column=self.column,
            length=self.length,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HookSpec:
    """One entry of an event in `hooks`: a path to a file or folder, or a function to call."""

    run: str = ""
    """File, or folder of files (all of them, in byte order), relative to the folder that holds `rel/`."""
    call: str = ""
    """`module:function`, run in the app or in a fresh process of the bundle; exactly one of `run`, `call`."""
    timeout_s: float
    """Seconds; the event's default when the author wrote none."""
    on_failure: OnFailure
    """The event's default when the author wrote none."""
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadinessSpec:
    """How the release learns that the app is ready."""

    kind: ReadinessKind = "started"
    target: str = ""
    """http: URL; tcp: `host:port`; call: `module:function`; else empty."""
    timeout_s: float = 60.0
    interval_s: float = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartSpec:
    """Whether a crashed instance is started again."""

    is_on: bool = False
    restarts: int = 8
    """Crashes in a row that are answered by a restart; one more ends the release."""
    backoff_s: float = 0.1
    """Pause before the first restart; doubled for each that follows."""
    backoff_max_s: float = 30.0
    reset_after_s: float = 60.0
    """An instance that was ready for so long begins a new row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LivenessSpec:
    """How an instance that hangs is found out."""

    kind: LivenessKind
    target: str = ""
    """http: URL; tcp: `host:port`; call: `module:function`; heartbeat: empty."""
    interval_s: float = 5.0
    failures: int = 3
    """So many in a row end the instance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSpec:
    """What becomes of the output of `start`."""

    size_bytes: int = 10_000_000
    """Size at which the file is set aside."""
    count: int = 5
    """Files that are kept, the one that is written to included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec:
    """One process beside the main one, `[release.X.process.NAME]`."""

    entry_point: str = ""
    command: tuple[str, ...] = ()
    readiness: ReadinessSpec = field(default_factory=ReadinessSpec)
    heart: HeartSpec = field(default_factory=HeartSpec)
    liveness: LivenessSpec | None = None
    replicas: int = 1
    sockets: tuple[str, ...] = ()
    """Names of the release's sockets that it inherits."""
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationsSpec:
    """`[release.X.migrations]`, or a table `[release.X.migrations.NAME]` with what it shares with the others."""

    name: str = DEFAULT_DATABASE
    """Of the database."""
    script_location: str = ""
    """alembic's: a folder relative to the project, or `package:folder`; empty when there is a `command`."""
    command: tuple[str, ...] = ()
    """What migrates instead of alembic."""
    check: tuple[str, ...] = ()
    """What ends with 0 if nothing is pending for `command`."""
    config: str = ""
    """alembic.ini or pyproject.toml, relative to the project; empty: the project's own if it has one."""
    url: str = ""
    """Database URL, usually `${DATABASE_URL}`; empty when env.py makes its own."""
    run: MigrationRun = "post_start"
    lock: Literal["auto", "external"] = "auto"
    lock_timeout_s: float = 0.4
    """How long a statement waits for a lock of a table."""
    statement_timeout_s: float = 0.0
    """How long a statement may take; 0: as long as it takes."""
    retries: int = 20
    """Of a revision that did not get one."""
    journal: Literal["on", "required", "off"] = "on"
    backup: Literal["auto", "off"] = "auto"
    targets: str = ""
    """`module:callable` that returns the tenants; empty: it is one database."""
    targets_at_once: int = 4
    """How many tenants are migrated at the same time."""
    targets_timeout_s: float = 60.0
    """For the callable."""
    on_failure: Literal["continue", "stop"] = "continue"
    """What one tenant that fails means for those that are not begun."""
    after_migrate: str = ""
    """`module:callable`, called in the running app once something was applied; empty: it is not told."""
    lint: Literal["warn", "error", "off"] = "warn"
    lint_ignore: tuple[str, ...] = ()
    """Rules that are accepted in every revision."""
    released: str = ""
    """The newest revision that a release before this one has; empty: what was built here before tells."""
    origin: Origin

    @property
    def is_named(self) -> bool:
        """Whether it has a table of its own."""
        return self.name != DEFAULT_DATABASE


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlaySpec:
    """One table of `overlays`: something to put into the release."""

    kind: OverlayKind
    path: str
    """copy, template: the source, relative to `root`; link: where it leads; mkdir, chmod: what is made or changed."""
    to: str = ""
    """Below the version's folder; empty for mkdir and chmod."""
    mode: str = ""
    """`0644` or `0755`; empty: that of the source."""
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSpec:
    """One table of `steps`: a command that the build runs in the staged tree."""

    run: tuple[str, ...]
    """Words of a process."""
    env: Mapping[str, str] = field(default_factory=dict)
    when: Literal["before", "after"] = "after"
    """Whether the dependencies are there yet."""
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class StripSpec:
    """`strip`: what of the dependencies is left out."""

    tests: bool = False
    docs: bool = False
    type_stubs: bool = False
    debug_info: bool = False
    keep: tuple[str, ...] = ()
    """Paths and patterns below site-packages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A release with an environment laid over it: all that a build of it needs to know."""

    root: Path
    """Absolute folder that holds `rel/`; relative paths in the configuration start here."""
    name: str
    environment: str
    extends: str = ""
    """Release that this one was laid over, before the environment."""
    project: str = "."
    """Folder of the Python project to bundle, relative to `root`."""
    version: str | tuple[str, ...] = "project"
    """`project` (pyproject.toml's), `git` (describe), a literal, or the words of a command that prints it."""
    lock: str = ""
    """Lock file relative to `root`; empty: looked for in the project's folder."""
    extras: tuple[str, ...] = ()
    """Optional dependencies of the project that are installed too."""
    groups: tuple[str, ...] = ()
    """Dependency groups (PEP 735) that are installed too."""
    platform: str = ""
    """Tag of another platform to build for, such as `manylinux_2_28_aarch64`; empty: this machine's."""
    python_version: str = ""
    """`3.12`: another Python's minor version to build for; empty: that of the Python that is used."""
    find_links: tuple[str, ...] = ()
    """Folders with wheels, absolute or relative to `root`."""
    entry_point: str = ""
    """`module:callable`; exactly one of `entry_point` and `command` is set."""
    command: tuple[str, ...] = ()
    """A console script of the bundle, or `python -m module`, with its arguments."""
    layout: Literal["", "package", "folder"] = ""
    """Empty: a folder where no build backend makes a wheel, else a package."""
    include_tree: bool = False
    """Whether the project's files go along with its wheel."""
    files: tuple[str, ...] = ()
    """Patterns of what of the project's folder goes in besides."""
    exclude: tuple[str, ...] = ()
    """Patterns of what stays out of the tree."""
    shared: tuple[str, ...] = ()
    """Paths of the tree that live in `var/shared`."""
    steps: tuple[StepSpec, ...] = ()
    """Commands that the build runs in the staged tree."""
    output_dir: str = "_build"
    dev_mode: bool = False
    include_python: bool | str = False
    """False, True (the one that the release is built for), a version of one, or the prefix of one."""
    include_libc: bool = False
    """Whether the C library comes along with the interpreter."""
    glibc_max: str = ""
    """The newest glibc that the release may need, such as `2.31`; empty: any."""
    include_src: bool = True
    plugins: tuple[str, ...] = ()
    """Files relative to `root`, which end in `.py`, and names of entry points."""
    strip: StripSpec = field(default_factory=StripSpec)
    archive: str = "tar.gz"
    """`tar.gz` or `tar.zst`; empty: none is made."""
    executable: bool = False
    """Whether `NAME-VERSION.run` is made."""
    python_args: tuple[str, ...] = ()
    """Flags of the app's interpreter besides those that every release has."""
    python_optimize: int = 0
    """0, 1 or 2: the level that byte code is compiled at, and the app started with."""
    required_env: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    overlays: tuple[OverlaySpec, ...] = ()
    overlay_vars: Mapping[str, Any] = field(default_factory=dict)
    """Variables of templates, besides the standard ones."""
    env_file: str = ""
    """File of the host with variables: absolute, or below the release's root; `-` in front if it may be missing."""
    working_directory: str = ""
    """Where every process of the bundle works; empty: the tree, or the release's root."""
    config_providers: tuple[str, ...] = ()
    """`module:callable` of the bundle, each of which returns variables."""
    commands: Mapping[str, str] = field(default_factory=dict)
    """Name to a file relative to `root`."""
    sockets: Mapping[str, str] = field(default_factory=dict)
    """Name to address: `host:port`, `[v6]:port`, `unix:path`."""
    readiness: ReadinessSpec = field(default_factory=ReadinessSpec)
    heart: HeartSpec = field(default_factory=HeartSpec)
    liveness: LivenessSpec | None = None
    """None: nothing is watched once the app is ready, but its end."""
    process: Mapping[str, ProcessSpec] = field(default_factory=dict)
    """Processes beside the main one, by name."""
    log: LogSpec = field(default_factory=LogSpec)
    stop_timeout_s: float = 30.0
    drain_s: float = 0.0
    migrations: tuple[MigrationsSpec, ...] = ()
    """One for each database, in the order in which they are migrated; empty: this release has no migrations."""
    hooks: Mapping[Event, tuple[HookSpec, ...]] = field(default_factory=dict)
    origins: Mapping[str, Origin] = field(default_factory=dict)
    """Where each setting came from, by its name in the profile (`hooks.pre_start`), and each value of an array
    (`plugins.0`); defaults have none.
    """
