"""The record inside a release that the runtime reads: what it is called, what it starts, and what it is made of.

The type lives here, on the shipped side; the builder imports it to write `manifest.json`. It is written last, so
its presence means that the release is complete. No dataclasses: importing them costs the supervisor 3 MiB.

It is one long page on purpose: the records nest as the file does, so that one page is what `manifest.json` looks like,
and every command of a release reads the whole of it: cut up, each of them would import more modules.
"""

from __future__ import annotations

import json

from .layout import MAIN as MAIN
from .manifest_kinds import wrong_field
from .regular import read_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TypeVar

    _R = TypeVar("_R", bound="Record")

FORMAT = 1
MAX_BYTES = 64 * 1024 * 1024
"""Of a manifest: that of a large app with its hashes has one."""

EVENTS = (
    "pre_configure",
    "post_configure",
    "pre_start",
    "pre_migrate",
    "post_start",
    "pre_stop",
    "post_stop",
    "pre_upgrade",
    "post_upgrade",
)
ON_FAILURE = ("abort", "stop", "warn")
READINESS_KINDS = ("started", "notify", "http", "tcp", "call")
ENTRY_KINDS = ("callable", "module", "script", "file")
LIVENESS_KINDS = ("http", "tcp", "call", "heartbeat")
MIGRATION_RUNS = ("pre_start", "post_start", "check", "manual")


class ManifestError(Exception):
    """The manifest is missing, damaged, or of a format that this runtime does not know."""


class Record:
    """A value with named fields: equal by value, made from and turned into a JSON object, never changed."""

    __slots__: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the fields in the order of `__slots__`, nested records as dictionaries."""
        return {name: _plain(getattr(self, name)) for name in self.__slots__}

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.to_dict() == self.to_dict()

    def __hash__(self) -> int:
        return hash(json.dumps(self.to_dict(), sort_keys=True))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{n}={getattr(self, n)!r}' for n in self.__slots__)})"


class Python(Record):
    """The interpreter that the bundle needs."""

    __slots__ = ("bundled", "full_version", "glibc", "implementation", "platform", "version")

    def __init__(
        self, *, version: str, full_version: str, implementation: str, platform: str, bundled: str, glibc: str = ""
    ) -> None:
        self.version = version  # "3.11": byte code and extension modules are bound to it
        self.full_version = full_version  # "3.11.7": what the release was built with
        self.implementation = implementation  # "cpython"
        self.platform = platform  # "linux-x86_64" when there are extension modules, else "any"
        self.bundled = bundled  # folder of the interpreter below the root, "python-3.11.7-HASH", or ""
        self.glibc = glibc  # "2.36": the oldest that its program files run on; "" when none is needed, or not known


class Bundle(Record):
    """The zipapp and how its unpacked form becomes `sys.path`."""

    __slots__ = ("file", "id", "pth", "shared", "source_paths", "tree", "tree_paths")

    def __init__(
        self,
        *,
        id: str,  # noqa: A002
        file: str,
        pth: list[str],
        source_paths: list[str],
        tree: str = "",
        tree_paths: list[str] | None = None,
        shared: list[str] | None = None,
    ) -> None:
        self.id = id  # content hash: the folder below var/bundles
        self.file = file  # "app.pyz", below the version's folder
        self.pth = pth  # names of .pth files in site-packages to obey, as `site` would
        self.source_paths = source_paths  # dev_mode: absolute folders put before site-packages; else empty
        self.tree = tree  # "app", the folder of the project's files below the bundle's; dev_mode: absolute; "": none
        self.tree_paths = tree_paths or []  # folders of it that modules are imported from, before all others
        self.shared = shared or []  # paths of it that live in var/shared; a folder's ends in "/"


class Entry(Record):
    """What the instance runs."""

    __slots__ = ("args", "argv0", "kind", "target")

    def __init__(self, *, kind: str, target: str, argv0: str, args: list[str]) -> None:
        self.kind = kind  # callable: target is "module:attribute"; module: run as `python -m target`;
        # script: target is a path below the version's folder, run as `python target`; file: below the tree
        self.target = target
        self.argv0 = argv0  # sys.argv[0]
        self.args = args  # words before those of the command line; "${NAME:-default}" is replaced at start


class Hook(Record):
    """One program run at one event; hooks of an event run in the order of the manifest."""

    __slots__ = ("call", "event", "name", "on_failure", "path", "summary", "timeout_s")

    def __init__(
        self, *, event: str, name: str, path: str, call: str, timeout_s: float, on_failure: str, summary: str = ""
    ) -> None:
        self.event = event
        self.name = name  # "10-migrate": shown in front of each line of its output
        self.path = path  # executable below the version's folder, or ""
        self.call = call  # "module:function", or ""
        self.timeout_s = timeout_s
        self.on_failure = on_failure  # one of ON_FAILURE
        self.summary = summary  # first line of the file's leading comment, or ""


class Command(Record):
    """A custom command: `bin/NAME name`."""

    __slots__ = ("name", "path", "summary")

    def __init__(self, *, name: str, path: str, summary: str) -> None:
        self.name = name
        self.path = path  # executable below the version's folder
        self.summary = summary  # first line of the file's leading comment, or ""


class Socket(Record):
    """A listening socket that the supervisor binds and every instance inherits."""

    __slots__ = ("address", "name")

    def __init__(self, *, name: str, address: str) -> None:
        self.name = name
        self.address = address  # "127.0.0.1:8000", "[::1]:8000", "unix:/path"; "${PORT:-8000}" is replaced


class Readiness(Record):
    """How the supervisor learns that an instance is ready."""

    __slots__ = ("interval_s", "kind", "target", "timeout_s")

    def __init__(self, *, kind: str, target: str, timeout_s: float, interval_s: float) -> None:
        self.kind = kind  # one of READINESS_KINDS
        self.target = target  # http: URL; tcp: "host:port"; call: "module:function"; else ""
        self.timeout_s = timeout_s
        self.interval_s = interval_s


class Heart(Record):
    """Whether a crashed instance is started again, and when that is given up."""

    __slots__ = ("backoff_max_s", "backoff_s", "is_on", "reset_after_s", "restarts")

    def __init__(
        self,
        *,
        is_on: bool = False,
        restarts: int = 8,
        backoff_s: float = 0.1,
        backoff_max_s: float = 30.0,
        reset_after_s: float = 60.0,
    ) -> None:
        self.is_on = is_on
        self.restarts = restarts  # in a row; one more crash ends the release
        self.backoff_s = backoff_s  # before the first restart; doubled for each that follows
        self.backoff_max_s = backoff_max_s
        self.reset_after_s = reset_after_s  # up for so long: the row begins anew


class Liveness(Record):
    """How an instance that hangs is found out; only with a heart."""

    __slots__ = ("failures", "interval_s", "kind", "target")

    def __init__(self, *, kind: str = "", target: str = "", interval_s: float = 5.0, failures: int = 3) -> None:
        self.kind = kind  # "": not watched; http, tcp, call: probed; heartbeat: the app sends WATCHDOG=1
        self.target = target
        self.interval_s = interval_s
        self.failures = failures  # so many in a row end the instance


class Log(Record):
    """Where the output of `start` ends: how large one file becomes, and how many there are."""

    __slots__ = ("count", "size_bytes")

    def __init__(self, *, size_bytes: int = 10_000_000, count: int = 5) -> None:
        self.size_bytes = size_bytes
        self.count = count  # the one that is written to included


class Process(Record):
    """One more process of the release beside the main one, a worker for example."""

    __slots__ = ("entry", "heart", "liveness", "name", "readiness", "replicas", "sockets")

    def __init__(
        self,
        *,
        name: str,
        entry: Entry,
        readiness: Readiness,
        heart: Heart,
        liveness: Liveness,
        replicas: int,
        sockets: list[str],
    ) -> None:
        self.name = name
        self.entry = entry
        self.readiness = readiness
        self.heart = heart
        self.liveness = liveness
        self.replicas = replicas
        self.sockets = sockets  # names of the release's sockets that it inherits


class Migrations(Record):
    """What migrates one database: alembic's scripts, plain files below the version's `migrations/`, or a command."""

    __slots__ = (
        "after_migrate",
        "backup",
        "check",
        "command",
        "compatible",
        "config",
        "files",
        "heads",
        "journal",
        "line",
        "lock",
        "lock_timeout_s",
        "name",
        "on_failure",
        "released",
        "retries",
        "run",
        "scripts",
        "statement_timeout_s",
        "targets",
        "targets_at_once",
        "targets_timeout_s",
        "url",
        "url_is_used",
        "version_table",
        "version_table_schema",
    )

    def __init__(
        self,
        *,
        name: str,
        scripts: str,
        config: str,
        url: str,
        run: str,
        version_table: str,
        line: list[str],
        heads: list[str],
        files: dict[str, str],
        version_table_schema: str = "",
        url_is_used: bool = False,
        lock: str = "auto",
        lock_timeout_s: float = 0.4,
        statement_timeout_s: float = 0.0,
        retries: int = 20,
        journal: str = "on",
        backup: str = "auto",
        released: str = "",
        compatible: dict[str, bool] | None = None,
        targets: str = "",
        targets_at_once: int = 4,
        targets_timeout_s: float = 60.0,
        on_failure: str = "continue",
        command: Entry | dict[str, Any] | None = None,
        check: Entry | dict[str, Any] | None = None,
        after_migrate: str = "",
    ) -> None:
        self.name = name  # "default" for [release.X.migrations]
        self.scripts = scripts  # alembic's script_location below the version's folder, e.g. "migrations/default"
        # (absolute in dev_mode: the folder in the source tree)
        self.config = config  # alembic.ini or pyproject.toml below the version's folder, or ""
        self.url = url  # "${DATABASE_URL}", or "" when env.py makes its own
        self.run = run  # one of MIGRATION_RUNS
        self.version_table = version_table
        self.line = line  # revision ids from base to head
        self.heads = heads
        self.files = files  # revision id: sha256 of its file; empty in dev_mode
        self.version_table_schema = version_table_schema  # "" for the connection's own
        self.lock = lock  # auto, or external: none of ours
        self.lock_timeout_s = lock_timeout_s  # how long a statement waits for a lock of a table
        self.statement_timeout_s = statement_timeout_s  # how long a statement may take, or 0
        self.retries = retries  # of a revision that did not get one
        self.backup = backup  # auto: an SQLite database is copied; or off
        self.journal = journal  # on, required or off
        self.released = released  # the newest revision that a release before this one has; "" when nobody has said
        self.compatible = compatible or {}  # revision id: may the release before run with it; missing: nobody can tell
        self.targets = targets  # module:callable that returns the tenants, "" for a single database
        self.targets_at_once = targets_at_once  # how many of them are migrated at the same time
        self.targets_timeout_s = targets_timeout_s  # for the callable
        self.on_failure = on_failure  # continue with the other tenants, or stop
        # None: alembic. With a command, `scripts` and everything of its revisions is empty.
        self.command = Entry(**command) if isinstance(command, dict) else command
        self.check = Entry(**check) if isinstance(check, dict) else check  # ends with 0 if nothing is pending
        self.after_migrate = after_migrate  # module:callable, called in the running app once something was applied
        self.url_is_used = url_is_used  # env.py connects to `url` and nothing else, as far as its text tells


class Manifest(Record):
    """Everything the runtime knows of one version."""

    __slots__ = (
        "bundle",
        "commands",
        "config_providers",
        "drain_s",
        "entry",
        "env",
        "env_file",
        "environment",
        "format",
        "heart",
        "hooks",
        "inputs",
        "links",
        "liveness",
        "log",
        "migrations",
        "name",
        "processes",
        "python",
        "python_args",
        "python_optimize",
        "readiness",
        "required_env",
        "sockets",
        "stop_timeout_s",
        "version",
        "working_directory",
    )

    def __init__(
        self,
        *,
        name: str,
        version: str,
        environment: str,
        python: Python,
        bundle: Bundle,
        entry: Entry,
        hooks: list[Hook],
        commands: list[Command],
        sockets: list[Socket],
        readiness: Readiness,
        heart: Heart,
        liveness: Liveness,
        processes: list[Process],
        log: Log,
        stop_timeout_s: float,
        drain_s: float = 0.0,
        required_env: list[str],
        env: dict[str, str],
        env_file: str,
        config_providers: list[str],
        python_args: list[str],
        python_optimize: int,
        migrations: list[Migrations],
        inputs: dict[str, str],
        links: dict[str, str],
        working_directory: str = "",
    ) -> None:
        self.format = FORMAT
        self.name = name
        self.version = version
        self.environment = environment
        self.python = python
        self.bundle = bundle
        self.entry = entry
        self.hooks = hooks
        self.commands = commands
        self.sockets = sockets
        self.readiness = readiness
        self.heart = heart
        self.liveness = liveness
        self.processes = processes  # besides the main one, which is `entry`
        self.log = log
        self.stop_timeout_s = stop_timeout_s
        self.drain_s = drain_s  # how long the app goes on, without new connections, before it is told to end
        self.required_env = required_env
        self.env = env
        self.env_file = env_file  # "/etc/app/env", "env" below the root, "-env" if it may be missing, or ""
        self.config_providers = config_providers  # "module:function" each, in the order they are called
        self.python_args = python_args  # flags of the app's interpreter besides our own: ["-X", "dev"]
        self.python_optimize = python_optimize  # 0, 1 (-O) or 2 (-OO); the bundle's byte code is of that level
        self.migrations = migrations
        self.inputs = inputs  # lock's hash, git revision, tool versions: for people and for `diff`
        self.links = links  # path below the version's folder: the place of the host that the author lets it lead to
        self.working_directory = working_directory  # "": the tree, or the root; relative to that; "${NAME}" is replaced

    def to_json(self) -> str:
        """Return the text of `manifest.json`, the same for the same values."""
        return json.dumps(self.to_dict(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Return the manifest that `text` holds.

        Raises:
            ManifestError: not JSON, another format number, or a field that is missing, unknown or of another kind.
        """
        try:
            fields: dict[str, Any] = json.loads(text)
            if not isinstance(fields, dict):
                raise ManifestError("the manifest is damaged: it is no JSON object")
            found = fields.pop("format", None)
            if found != FORMAT:
                raise ManifestError(f"manifest format {_shown(found)} is not known to this runtime (it knows {FORMAT})")
            _check("Manifest", fields, "")
            return cls(
                **{
                    **fields,
                    "python": _record(Python, fields["python"], "python"),
                    "bundle": _record(Bundle, fields["bundle"], "bundle"),
                    "entry": _record(Entry, fields["entry"], "entry"),
                    "readiness": _record(Readiness, fields["readiness"], "readiness"),
                    "heart": _record(Heart, fields["heart"], "heart"),
                    "liveness": _record(Liveness, fields["liveness"], "liveness"),
                    "log": _record(Log, fields["log"], "log"),
                    "processes": [_process(item) for item in fields["processes"]],
                    "hooks": [_record(Hook, item, "a hook") for item in fields["hooks"]],
                    "commands": [_record(Command, item, "a command") for item in fields["commands"]],
                    "sockets": [_record(Socket, item, "a socket") for item in fields["sockets"]],
                    "migrations": [_migrations(item) for item in fields["migrations"]],
                }
            )
        except KeyError as error:
            raise ManifestError(f"the manifest is damaged: it has no {error}") from error
        except TypeError as error:
            raise ManifestError(f"the manifest is damaged: {_missing(error)}") from error
        except (ValueError, RecursionError) as error:
            raise ManifestError(f"the manifest is damaged: {_shown(error)}") from error

    def all_processes(self) -> list[Process]:
        """Return the main process, which inherits every socket, and those beside it."""
        main = Process(
            name=MAIN,
            entry=self.entry,
            readiness=self.readiness,
            heart=self.heart,
            liveness=self.liveness,
            replicas=1,
            sockets=[item.name for item in self.sockets],
        )
        return [main, *self.processes]

    def hooks_of(self, event: str) -> list[Hook]:
        """Return the hooks of an event in the order they run."""
        return [hook for hook in self.hooks if hook.event == event]


def load(path: str) -> Manifest:
    """Read the manifest at `path`.

    Raises:
        ManifestError: it cannot be read or used.
    """
    try:
        return Manifest.from_json(read_text(path, MAX_BYTES))
    except OSError as error:
        raise ManifestError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ManifestError(f"the manifest is damaged: {_shown(error)}") from error


def _record(cls: type[_R], fields: Any, where: str) -> _R:
    _check(cls.__name__, fields, f"{where}: ")
    return cls(**fields)


def _check(record: str, fields: Any, where: str) -> None:
    wrong = wrong_field(record, fields)
    if wrong:
        raise ManifestError(f"the manifest is damaged: {where}{_shown(wrong)}")


def _process(fields: Any) -> Process:
    _check("Process", fields, "a process: ")
    return Process(
        **{
            **fields,
            "entry": _record(Entry, fields["entry"], "the entry of a process"),
            "readiness": _record(Readiness, fields["readiness"], "the readiness of a process"),
            "heart": _record(Heart, fields["heart"], "the heart of a process"),
            "liveness": _record(Liveness, fields["liveness"], "the liveness of a process"),
        }
    )


def _migrations(fields: Any) -> Migrations:
    _check("Migrations", fields, "a database: ")
    for name in ("command", "check"):
        if fields.get(name) is not None:
            _check("Entry", fields[name], f"the {name} of a database: ")
    return Migrations(**fields)


def _missing(error: TypeError) -> str:
    """Return what `__init__() missing 1 required keyword-only argument: 'version'` says, in the words of a file."""
    said, _, names = _shown(error).rpartition("argument")
    return f"it has no {names.lstrip('s: ')}" if "missing" in said else f"it has another field,{names}"


def _shown(found: object) -> str:
    """Return what stood in a file as a part of one line."""
    return "".join(character if character.isprintable() else "?" for character in str(found)[:200])


def _plain(value: Any) -> Any:
    if isinstance(value, Record):
        return value.to_dict()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "items"):
        mapping: Mapping[str, Any] = value
        return {key: _plain(item) for key, item in mapping.items()}
    return value
