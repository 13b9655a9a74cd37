"""How a migration is told: its result as sentences or JSON, and what failed, where, and what is true now.

Runs inside the app's bundle, after `releaser.runtime.bundle.activate`.
"""

from __future__ import annotations

import io
import json
import os

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from .failures import FAILED, Failure
from .migration_failures import PENDING, Interrupted, Signals, lines_of, shortened
from .migration_report import Report, Unheard
from .migration_run import Run, told
from .migration_scripts import Scripts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from .context import Context
    from .manifest import Migrations
    from .migration_journal import Entry
    from .migration_options import Options
    from .migration_report import Tolerant

_DRIVERS = ("aiomysql", "aiosqlite", "asyncmy", "asyncpg", "psycopg", "psycopg2", "pymysql", "MySQLdb", "sqlite3")


class Task:
    """One database of the release and one thing to do with it."""

    def __init__(self, context: Context, record: Migrations, url: str, options: Options, report: Report) -> None:
        """Load the scripts.

        Raises:
            Failure: they cannot be loaded, are damaged, or have no revision `options.to`.
        """
        self.name = record.name
        self._prog = context.name
        self.url = url
        self._report = report
        self.scripts = Scripts(record, context.layout.release, url)
        self.run = Run(
            self.scripts,
            to=options.to,
            is_dry=options.dry_run,
            owner=(context.name, context.layout.version),
            lock_wait_s=options.lock_wait_s,
            report=report,
            is_at_start=bool(context.environ.get("RELEASE_EVENT")),
            action=options.action,
            resolution=options.resolution,
            is_forced=options.force,
            phase=options.phase,
            backups=os.path.join(context.layout.var, "backups"),
        )

    def go(self, signals: Signals) -> None:
        """Carry it out.

        Raises:
            Failure: it did not work; the message says why and what is true now.
        """
        try:
            self.run.go()
        except Failure as failure:
            if not failure.now:
                failure.now = self._now()
            raise
        except Unheard:
            raise Failure("stopped: whoever asked for the migration has gone", now=self._now()) from None
        except BaseException as error:
            raise self._failure(error, signals) from error

    def sql(self) -> list[str]:
        """Return what a dry run has planned as statements.

        Raises:
            Failure: it cannot be written down without being executed.
        """
        stream = io.StringIO()
        try:
            self.run.write_sql(stream)
        except Failure:
            raise
        except Exception as error:
            place = self.scripts.place_of(error)
            raise Failure(
                "cannot write the statements down: a revision reads from the database, or env.py has no offline half",
                details=(*([place] if place else []), *lines_of(error, self._secret())),
                now="nothing was migrated",
            ) from error
        return stream.getvalue().splitlines()

    def heads(self) -> frozenset[str]:
        """Return where the databases are after the run, all of them together."""
        return frozenset().union(*(database.expected for database in self.run.databases))

    def _failure(self, error: BaseException, signals: Signals) -> Failure:
        run = self.run
        exit_code = FAILED
        if signals.received:
            exit_code = 128 + signals.received
            message = f"interrupted by {Interrupted(signals.received)}"
            if run.at_work:
                message = f"revision {self.scripts.title(run.at_work)} was {message}"
            return Failure(message, exit_code, now=self._now())
        details = lines_of(error, self._secret())
        place = self.scripts.place_of(error)
        if run.at_work:
            message = f"revision {self.scripts.title(run.at_work)} failed: {details[0] if details else 'no message'}"
            details = details[1:]
            statements = run.databases[-1].statements
            if isinstance(error, DBAPIError) and statements is not None:
                details.append(f"statement {statements.begun}: {shortened(statements.last)}")
        elif isinstance(error, (ArgumentError, NoSuchModuleError)):
            message = "cannot use the database's URL"
            details += self._url_lines()
        elif isinstance(error, ModuleNotFoundError) and error.name in _DRIVERS:
            message = f"cannot connect to the database: its driver {error.name} is not in the bundle"
            details = self._url_lines()
        elif not run.databases and _is_of_driver(error):
            message = "cannot connect to the database"
            details += self._url_lines()
        elif isinstance(error, DBAPIError):
            message = "cannot use the database"
        else:
            message = "env.py failed"
        if place:
            details.insert(0, place)
        return Failure(message, exit_code, details=tuple(details), now=self._now(), hint=self._hint())

    def _hint(self) -> str:
        statements = self.run.databases[-1].statements if self.run.databases else None
        if not self.run.at_work or statements is None or not statements.committed:
            return ""
        return f"undo them by hand, then bin/{self._prog} migrate --resolve {self.run.at_work} retry"

    def _now(self) -> str:
        """Return where the database is and what became of this run's work."""
        run = self.run
        if not run.databases:
            return "nothing was migrated"
        database = run.databases[-1]
        applied = run.applied
        try:
            found = database.heads_seen_by_others()
        except Exception:
            where = "the database cannot be asked where it is"
        else:
            where = f"the database is at {told(found)}"
            if all(self.scripts.knows(revision) for revision in found):
                # An env.py with a transaction of its own around everything has taken them back.
                applied = [revision for revision in applied if revision not in self.scripts.pending(found)]
        parts = [f"this run applied {_count(len(applied))}" if applied else ""]
        if run.at_work:
            committed = database.statements.committed if database.statements is not None else 0
            if committed:
                parts.append(
                    f"the first {committed} statements of {run.at_work} are committed and stay"
                    if committed > 1
                    else f"the first statement of {run.at_work} is committed and stays"
                )
            else:
                parts.append(f"{run.at_work} was rolled back")
        elif not applied:
            parts.append("nothing was migrated")
        return f"{where}; {', '.join(part for part in parts if part)}"

    def _url_lines(self) -> list[str]:
        if not self.url:
            return []
        try:
            url = make_url(self.url)
        except ArgumentError:
            return ["expected driver://user:password@host:port/name, found something else"]
        # Other words of the query may be secrets of the driver.
        query = {name: value for name, value in url.query.items() if name in ("host", "port", "unix_socket")}
        return [f"url: {url.set(query=query).render_as_string(hide_password=True)}"]

    def _secret(self) -> str:
        try:
            password = make_url(self.url).password if self.url else None
        except ArgumentError:
            return self.url
        return str(password or "")


def migrate(context: Context, urls: list[str], options: Options, signals: Signals, output: Tolerant) -> list[str]:
    """Migrate every database of the release, in the manifest's order, and return the lines of the result.

    Raises:
        Failure: one of them failed; those after it are untouched.
    """
    report = Report(output)
    lines: list[str] = []
    results: list[dict[str, Any]] = []
    for record, url in zip(context.manifest.migrations, urls, strict=True):
        task = Task(context, record, url, options, report)
        task.go(signals)
        results.append(_result(task, options))
        lines += task.sql() if options.sql and task.run.planned else _sentences(task, options)
    pending = sum(len(result["would_apply"]) for result in results)
    if options.check and pending:
        raise Failure(
            f"{_count(pending)} {'is' if pending == 1 else 'are'} pending",
            PENDING,
            details=tuple(line for line in lines if line.startswith("  ")),
            now="nothing was migrated",
            hint=f"bin/{context.name} migrate applies them",
        )
    return [json.dumps({"databases": results})] if options.as_json else lines


def migrations(context: Context, urls: list[str], options: Options, signals: Signals, output: Tolerant) -> list[str]:
    """Return the revisions of every database of the release and whether they are applied, as lines.

    Raises:
        Failure: a database cannot be asked.
    """
    lines: list[str] = []
    results: list[dict[str, Any]] = []
    for record, url in zip(context.manifest.migrations, urls, strict=True):
        task = Task(context, record, url, options, Report(output))
        task.go(signals)
        pending = set() if task.run.is_ahead else task.scripts.pending(task.heads())
        entries = {name: entry for database in task.run.databases for name, entry in database.entries.items()}
        rows = [_row(task, script.revision, pending, entries.get(script.revision)) for script in task.scripts.line()]
        results.append(
            {
                "database": task.name,
                "at": sorted(task.heads()),
                "heads": sorted(task.scripts.heads),
                "revisions": rows,
            }
        )
        lines.append(f"{_subject(task, context)} is at {_where(task)}")
        for row in rows:
            lines.append(f"  {row['state']:8} {row['revision']} {row['title']}".rstrip())
            lines += [f"           {text}" for text in _told_of(row)]
    return [json.dumps({"databases": results})] if options.as_json else lines


def _row(task: Task, revision: str, pending: Collection[str], entry: Entry | None) -> dict[str, Any]:
    """Return what is known of one revision: from the database, and from the journal as far as it agrees."""
    state = "pending" if revision in pending else "applied"
    row: dict[str, Any] = {
        "revision": revision,
        "title": task.scripts.title(revision).removeprefix(revision).strip(),
        "state": state,
    }
    if entry is None or entry.direction != "up":
        return row
    if state == "applied" and entry.state in ("done", "running"):
        row |= {"at": entry.began_at, "by": entry.by(), "duration_s": entry.duration_s, "note": entry.error}
    elif state == "pending" and entry.is_dirty():
        row |= {"state": "dirty", "at": entry.began_at, "by": entry.by(), "note": entry.error}
    elif state == "pending" and entry.state == "failed":
        row |= {"state": "failed", "at": entry.began_at, "by": entry.by(), "note": entry.error}
    return row


def _told_of(row: dict[str, Any]) -> list[str]:
    """Return what is said below a revision's own line."""
    if "at" not in row:
        return []
    took = f" in {row['duration_s']:.2f} s" if row.get("duration_s") else ""
    return [f"{row['at']} UTC by {row['by']}{took}", *([shortened(row["note"])] if row["note"] else [])]


def _result(task: Task, options: Options) -> dict[str, Any]:
    return {
        "database": task.name,
        "at": sorted(task.heads()),
        "heads": sorted(task.scripts.heads),
        "applied": task.run.applied,
        "would_apply": task.run.planned,
        "dry_run": options.dry_run,
    }


def _sentences(task: Task, options: Options) -> list[str]:
    if task.run.said:
        return task.run.said
    if options.dry_run and task.run.planned:
        return [
            f"the database is at {_where(task)}; {_count(len(task.run.planned))} would be applied:",
            *(f"  {task.scripts.title(revision)}" for revision in task.run.planned),
        ]
    if not task.run.applied:
        return [f"nothing to do: the database is at {_where(task)}"]
    done = "undid" if options.action == "down" else "applied"
    return [f"database is at {_where(task)}: {done} {_count(len(task.run.applied))}"]


def _where(task: Task) -> str:
    """Return the heads and how far that is from the release's own."""
    heads = task.heads()
    if task.run.is_ahead:
        return f"{told(heads)} (ahead of this release)"
    behind = len(task.scripts.pending(heads))
    return f"{told(heads)} ({f'{_count(behind)} behind head' if behind else 'head'})"


def _subject(task: Task, context: Context) -> str:
    return "the database" if len(context.manifest.migrations) == 1 else f"the database {task.name}"


def _count(number: int) -> str:
    return f"{number} revision" if number == 1 else f"{number} revisions"


def _is_of_driver(error: BaseException) -> bool:
    return isinstance(error, (DBAPIError, OSError)) or type(error).__module__.partition(".")[0] in _DRIVERS
