"""A database that a command of the bundle migrates, Django's for one: run under our lock, one runner at a time.

The command is a process of its own, whose output is this process's. If this process is killed, the kernel ends the
command (see `releaser.runtime.bundle.process`), and until it has ended the lock stays taken.
"""

from __future__ import annotations

import os
import signal
import time

from ..bundle import launch
from ..bundle.process import spawn
from ..release.failures import FAILED, USAGE, Failure
from ..release.variables import environment
from .database.pre_migrate import BeforeTheFirst
from .failures import PENDING, Interrupted
from .sessions.signals import NO_LIMIT, Work

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ..release.context import Context
    from ..release.manifest import Entry, Migrations
    from .locks.of_command import CommandLock
    from .options import Options
    from .output.report import Report
    from .sessions.signals import Signals

_RUN, _CHECK = "command", "check"


class _OfCommand(Work):
    """A command at work: it is told to end, and how long that takes is its own matter."""

    limit_s = NO_LIMIT

    def __init__(self, record: Migrations) -> None:
        self._record = record

    def doing(self) -> str:
        assert self._record.command is not None
        return f"waits until `{told(self._record.command)}` has ended"


def migrate_by_command(
    context: Context,
    record: Migrations,
    url: str,
    options: Options,
    signals: Signals,
    report: Report,
    applied: list[dict[str, Any]],
) -> tuple[dict[str, Any], list[str]]:
    """Run the command, unless its `check` says that nothing is pending; return the result for machines and its lines.

    If it was run, `applied` gets an entry, also when it failed: of what it changed nothing is known.

    Raises:
        Failure: it ended with something else than 0 (its own exit code), the lock was not free (11), `--check` found
            something pending (10), or the options are those of alembic's revisions (2).
    """
    _refuse_what_needs_revisions(options)
    if options.check and record.check is None:
        raise _usage("--check needs a `check` in rel/config.toml; nothing else tells whether something is pending")
    if record.check is not None and not _run(context, record, _CHECK, report, [], is_quiet=True):
        return _result(record), ["nothing to do: nothing is pending"]
    if options.check:
        assert record.check is not None
        raise Failure(
            f"migrations are pending: `{told(record.check)}` says so",
            PENDING,
            now="nothing was migrated",
            hint=f"bin/{context.name} migrate applies them",
        )
    lock: CommandLock | None = None
    if record.lock != "external":
        from .locks import of_command

        lock = of_command.open_lock(url, context.layout.root, _owner(context))
        has_waited = of_command.hold(lock, options.lock_wait_s, report.line, report.check_heard)
        # Who held it has done it, most likely.
        if has_waited and record.check is not None and not _run(context, record, _CHECK, report, [], is_quiet=True):
            return _result(record), ["nothing to do: nothing is pending"]
    # Which revisions they are only the command knows, so that the hooks get an empty list.
    BeforeTheFirst(context, record.name, "", report).run([], 1)
    applied.append({"database": record.name, "target": "", "revisions": [], **options.direction()})
    with signals.during(_OfCommand(record)):
        return _apply(context, record, lock, report)


def migrations(context: Context, record: Migrations, report: Report) -> tuple[dict[str, Any], list[str]]:
    """Return what migrates the database and whether something is pending, for machines and as lines."""
    assert record.command is not None
    lines = [f"the database is migrated by `{told(record.command)}`"]
    if record.check is None:
        return _result(record), lines
    is_pending = bool(_run(context, record, _CHECK, report, [], is_quiet=True))
    lines.append(f"  {'something' if is_pending else 'nothing'} is pending, says `{told(record.check)}`")
    return {**_result(record), "pending": is_pending}, lines


def told(entry: Entry) -> str:
    """Return an entry as people write it."""
    words = {"module": ["python", "-m", entry.target], "file": ["python", entry.target]}
    return " ".join((*words.get(entry.kind, [entry.argv0]), *entry.args))


def run_command(context: Context, args: list[str]) -> int:
    """Run the internal command `_migration_command DATABASE command|check`: this process becomes the command.

    Raises:
        Failure: the bundle cannot be used.
        SystemExit: the command's own.
    """
    from ..bundle import activation, tree
    from ..bundle.calls import exit_code_of, resolve

    record = next(item for item in context.manifest.migrations if item.name == args[0])
    entry = record.check if args[1] == _CHECK else record.command
    assert entry is not None
    activation.activate(context)
    import runpy
    import sys

    sys.argv = [entry.argv0, *(environment.setting("migrations.command", word, os.environ) for word in entry.args)]
    try:
        match entry.kind:
            case "callable":
                code, text = exit_code_of(resolve(entry.target)())
                sys.stderr.write(text)
                return code
            case "module":
                runpy.run_module(entry.target, None, "__main__", True)
            case "file":
                tree.run_file(context, entry.target)
            case _:
                runpy.run_path(os.path.join(context.layout.release, entry.target), None, "__main__")
    except Failure:
        raise
    except Exception as error:
        from ..release.tracebacks import format_exception

        sys.stderr.write(format_exception(error))
        return FAILED
    return 0


def _apply(
    context: Context, record: Migrations, lock: CommandLock | None, report: Report
) -> tuple[dict[str, Any], list[str]]:
    assert record.command is not None
    name = told(record.command)
    report.line(f"{name} ...")
    began = time.monotonic()
    code = _run(context, record, _RUN, report, lock.descriptors() if lock is not None else [])
    if code:
        raise Failure(
            f"`{name}` ended with exit code {code}",
            code,
            now="what it has committed stays; the migration lock is free",
        )
    report.line(f"{name}: done in {time.monotonic() - began:.2f} s")
    if lock is not None and not lock.is_held():
        report.line("warning: the session that held the migration lock was ended by the server meanwhile")
    return _result(record), ["the database is migrated"]


def _run(
    context: Context, record: Migrations, which: str, report: Report, kept: Sequence[int], *, is_quiet: bool = False
) -> int:
    """Run the command or its check to its end, and return the exit code.

    Raises:
        Failure: it cannot be started, or this process was told to end; then the command has ended before.
    """
    layout = context.layout
    flags = [*launch.app_flags(context), "-u", "-B"]
    words = [os.environ["RELEASE_PYTHON"], *flags, layout.entry, layout.root, layout.version]
    nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    try:
        child = spawn(
            [*words, "_migration_command", record.name, which],
            os.environ,
            cwd=layout.root,
            stdin=nothing,
            stdout=nothing if is_quiet else report.descriptor(),
            stderr=2,
            kept=kept,
        )
    except OSError as error:
        raise Failure(f"cannot start {words[0]}: {error.strerror}", now="nothing was migrated") from error
    finally:
        os.close(nothing)
    try:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    except Interrupted as interrupted:
        child.signal(signal.SIGTERM)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        raise Failure(
            f"interrupted by {interrupted}",
            128 + interrupted.number,
            now="the command has ended; what it has committed stays",
        ) from None
    finally:
        code = child.reap()
    return code


def _owner(context: Context) -> str:
    return f"{context.name} {context.layout.version} {os.uname().nodename}:{os.getpid()}"


def _result(record: Migrations) -> dict[str, Any]:
    assert record.command is not None
    nothing: dict[str, Any] = {"at": [], "heads": [], "applied": [], "would_apply": [], "dry_run": False}
    return {"database": record.name, "command": told(record.command), **nothing}


def _refuse_what_needs_revisions(options: Options) -> None:
    if options.action != "apply" or options.to != "head":
        raise _usage("this database is migrated by a command, which knows no revisions")
    if options.sql or (options.is_dry_run and not options.check):
        raise _usage("this database is migrated by a command, which is not asked what it would do")


def _usage(why: str) -> Failure:
    return Failure(f"cannot run migrate: {why}", USAGE, now="nothing was migrated")
