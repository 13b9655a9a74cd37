"""`bin/NAME migrate` and `bin/NAME migrations`: what they need before alembic is imported, and what they print.

The process becomes one of the app's bundle, configured as the app is; only then are the modules imported that import
alembic and SQLAlchemy, the app's own.
"""

from __future__ import annotations

import os
import sys

from ..bundle import activation, configuration, launch
from ..migrations import databases
from ..migrations.afterwards import failure_of, tell_the_app
from ..migrations.options import parse_migrate, parse_migrations
from ..release.failures import DONE, USAGE, Failure
from ..release.variables import environment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ..migrations.options import Options
    from ..release.context import Context
    from ..release.manifest import Migrations

CONNECT_TIMEOUT_S = "10"
"""For PostgreSQL's libpq, which otherwise waits for minutes for a host that does not answer."""


def migrate(context: Context, args: list[str]) -> int:
    """Apply what is pending, `bin/NAME migrate`, and return the exit code.

    Raises:
        Failure: see `releaser.runtime.migrations.failures` for the exit codes.
    """
    options = parse_migrate(args)
    if not options.is_dry_run and options.action != "unlock":
        from ..migrations.database.pre_migrate import check_no_hook

        check_no_hook(context.environ)
    return _run(context, "migrate", options)


def migrations(context: Context, args: list[str]) -> int:
    """List the revisions and their state, `bin/NAME migrations`, and return the exit code; changes nothing.

    Raises:
        Failure: the database cannot be asked.
    """
    return _run(context, "migrations", parse_migrations(args))


def _run(context: Context, command: str, options: Options) -> int:
    if not context.manifest.migrations:
        raise Failure(
            f"release {context.layout.version} has no migrations",
            now="nothing was migrated",
            hint="[release.NAME.migrations] in rel/config.toml adds them",
        )
    if options.sql and options.as_json:
        raise Failure("cannot run migrate: --sql and --json exclude each other", USAGE, now="nothing was migrated")
    records = databases.chosen(context.manifest.migrations, options, command)
    from ..migrations.failures import APP_NOT_TOLD, Interrupted
    from ..migrations.output.report import make_tolerant
    from ..migrations.sessions.signals import Signals

    output, error = make_tolerant()
    applied: list[dict[str, Any]] = []
    urls: list[str] = []
    lines: list[str] = []
    failed: Failure | None = None
    with Signals() as signals:
        try:
            urls = _enter(context, command, records)
            # Within the `with`, as everything that may be interrupted.
            wanted = list(zip(records, urls, strict=True))
            progress = error if options.as_json else output
            lines = databases.run(context, command, wanted, options, signals, progress, applied)
        except Interrupted as interrupted:
            failed = Failure(f"interrupted by {interrupted}", 128 + interrupted.number, now=_stays(applied))
        except Failure as failure:
            failed = failure
        finally:
            output.drop_if_broken()
            error.drop_if_broken()
    for line in lines:
        print(line)
    output.flush()
    problems = tell_the_app(context, records, applied) if applied else []
    if failed is not None:
        for problem in problems:
            print(f"warning: the app could not be told: {problem}", file=error)
        raise failed from _refused(urls, may_write=command == "migrate" and not options.is_dry_run)
    if problems:
        raise failure_of(context, problems, APP_NOT_TOLD)
    for stream in (output, error):
        if stream.error is not None:
            stream.error.now = "what it was to do is done"
            raise stream.error
    return DONE


def _stays(applied: Sequence[Mapping[str, Any]]) -> str:
    """Return what is true when nothing was at work any more, or yet."""
    count = sum(len(each["revisions"]) for each in applied)
    if not applied:
        return "nothing was migrated"
    told = "1 revision" if count == 1 else f"{count} revisions"
    return f"what was done before stays: {told}" if count else "what was done before stays"


def _refused(urls: Sequence[str], *, may_write: bool) -> PermissionError | None:
    """Return what the system has refused, if one of the databases is a file of another user: SQLite does not say it."""
    import errno

    from ..migrations.check import Doubt, Url

    for url in urls:
        try:
            parts = Url(url)
        except Doubt:
            continue
        path = parts.database if parts.driver.startswith("sqlite") else ""
        for each in (path, os.path.dirname(path)):
            if each and os.path.exists(each) and not os.access(each, os.R_OK | (os.W_OK if may_write else 0)):
                return PermissionError(errno.EACCES, os.strerror(errno.EACCES), each)
    return None


def _enter(context: Context, command: str, records: Sequence[Migrations]) -> list[str]:
    """Make this process one of the app's, and return the URL of each database, "" where env.py makes its own.

    Raises:
        Failure: the environment is not complete, or the bundle cannot be used.
    """
    launch.take_flags(context)
    environ = configuration.complete(context, command)
    urls = [environment.setting("migrations.url", record.url, environ) if record.url else "" for record in records]
    environ.setdefault("PGCONNECT_TIMEOUT", CONNECT_TIMEOUT_S)
    os.environ.update(environ)
    # Nothing below releases/ is written to, and byte code beside a revision could outlive it.
    sys.dont_write_bytecode = True
    activation.activate(context)
    return urls
