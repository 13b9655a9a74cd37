"""One run of the author's env.py, unchanged, with a lock, one transaction per revision, and progress put around it.

Alembic is driven as `alembic upgrade` drives it. What is added hangs on one `EnvironmentContext` object: its
`configure`, which env.py calls with the connection that does the work, and the function that yields the revisions::

    env.py: connect                       ── not reached: "cannot connect"
    env.py: context.configure(connection) ── lock; journal; real transactions on SQLite; statements are recorded
    env.py: context.run_migrations()      ── heads are read under the lock; for each pending revision:
                                               "[1/2] ..."   BEGIN   upgrade()   version row   COMMIT   "... done"
    env.py: ends                          ── the database is asked by another connection whether it is so

A revision that could not get a lock of a table, and of which nothing is committed, is tried again: env.py as a whole
is run anew, on new connections.

A subclass of `EnvironmentContext` does not work: alembic binds the module `alembic.context` to the exact class.
"""

from __future__ import annotations

import os
import random
import socket
import time

from alembic.runtime.environment import EnvironmentContext
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from .failures import Failure
from .migration_backup import copy_sqlite
from .migration_connection import (
    COMMITS_DDL,
    Statements,
    heads_of,
    heads_seen_by_others,
    is_in_memory,
    is_lock_timeout,
    limit_waiting,
    make_sqlite_transactional,
)
from .migration_dirty import check_clean, check_may_run_ahead, check_not_failed_before, check_resolvable
from .migration_failures import NOT_COMMITTED, Interrupted, lines_of
from .migration_journal import Journal, open_journal
from .migration_locks import end_holder, forget, hold, is_behind_pooler, sqlite_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, TextIO

    from alembic.runtime.migration import MigrationContext, RevisionStep
    from sqlalchemy import Connection

    from .migration_journal import Entry
    from .migration_report import Report
    from .migration_scripts import Scripts

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 10.0
"""Between two tries of a revision that did not get a lock."""


class Database:
    """One database that env.py has configured: alembic's template `multidb` has several."""

    def __init__(self, connection: Connection, settings: dict[str, Any]) -> None:
        self.engine = connection.engine
        self.is_in_memory = is_in_memory(connection)
        self.version_table = str(settings.get("version_table") or "alembic_version")
        self.schema = str(settings.get("version_table_schema") or "")
        self.is_done_by_another = False
        self.before: frozenset[str] = frozenset()
        self.expected: frozenset[str] = frozenset()
        self.was_asked = False
        self.statements: Statements | None = None
        self.journal: Journal | None = None
        self.path = sqlite_path(connection) if connection.dialect.name == "sqlite" else ""
        self.restore_point = ""
        self.entries: dict[str, Entry] = {}  # of the journal: the newest of each revision, before this run

    def heads(self, connection: Connection) -> frozenset[str]:
        """Return where it is, as env.py's own connection sees it."""
        return heads_of(connection, self.version_table, self.schema)

    def heads_seen_by_others(self) -> frozenset[str]:
        """Return where it is, as a fresh connection sees it; of one in memory, where it is expected to be."""
        if self.is_in_memory:
            return self.expected
        return heads_seen_by_others(self.engine, self.version_table, self.schema)


class Run:
    """What is to be done, and what has been done so far; owned by one call of `migrate` or `migrations`."""

    def __init__(
        self,
        scripts: Scripts,
        *,
        to: str = "head",
        is_dry: bool,
        owner: tuple[str, str],
        lock_wait_s: float,
        report: Report,
        is_at_start: bool = False,
        action: str = "apply",
        resolution: str = "",
        is_forced: bool = False,
        backups: str = "",
        phase: str = "",
    ) -> None:
        self.scripts = scripts
        self.destination = "heads" if action == "unlock" else scripts.destination(to)
        self.is_dry = is_dry
        self.said: list[str] = []  # what came of an action that applies nothing
        self._action = action  # one of `Options.action`
        self._resolution = resolution
        self._is_forced = is_forced
        self._phase = phase  # "pre" stops before the first revision of phase post; "" and "post" do not
        self.is_ahead = False  # a newer release has been here, and this one may run on what it left
        self._backups = backups  # the folder of copies
        self.databases: list[Database] = []
        self.applied: list[str] = []
        self.planned: list[str] = []  # of a dry run: what would be applied
        self.at_work = ""  # the revision that is being applied, or ""
        self._owner = owner  # name and version of the release
        self._settings = scripts.record
        self._is_at_start = is_at_start
        self._is_journal_missing = False
        self._lock_wait_s = lock_wait_s
        self._report = report

    def go(self) -> None:
        """Run env.py, then ask the database whether it is where the revisions left it.

        Raises:
            Failure: the database is at an unknown revision (14), a revision was left half-way (12), the lock was not
                free (11), nothing was committed (15), or env.py does not migrate at all.
            Exception: whatever env.py, a revision, alembic or the driver raised.
        """
        for number in range(1, self._settings.retries + 1):
            try:
                self._run_env()
                break
            except Exception as error:
                if not self._may_be_tried_again(error):
                    raise
            pause_s = min(FIRST_PAUSE_S * 2 ** (number - 1), LONGEST_PAUSE_S) * random.uniform(0.5, 1.0)
            self._report.line(
                f"{self.scripts.title(self.at_work)}: did not get a lock within {self._settings.lock_timeout_s:g} s;"
                f" rolled back, next try in {pause_s:.1f} s ({number} of {self._settings.retries})"
            )
            self._begin_anew()
            time.sleep(pause_s)
        else:
            self._run_env()
        self._check()

    def _may_be_tried_again(self, error: Exception) -> bool:
        statements = self.databases[-1].statements if self.databases else None
        return bool(self.at_work) and statements is not None and not statements.committed and is_lock_timeout(error)

    def _begin_anew(self) -> None:
        """End every session of this run; with them the locks are gone."""
        for database in self.databases:
            database.engine.dispose(close=not database.engine.dialect.is_async)
        forget()
        self.databases.clear()
        self.at_work = ""
        self._report.check_heard()

    def _run_env(self) -> None:
        environment = EnvironmentContext(
            self.scripts.config,
            self.scripts.directory,
            fn=self._plan,
            as_sql=False,
            starting_rev=None,
            destination_rev=self.destination,
            dont_mutate=self.is_dry or self._action == "unlock",
        )
        inner, inner_run = environment.configure, environment.run_migrations

        def configure(connection: Connection | None = None, *more: Any, **settings: Any) -> None:
            if connection is not None:
                self._on_connection(connection, settings)
            inner(connection, *more, **settings)

        def run_migrations(**words: Any) -> None:
            # The journal is closed here, since an asynchronous env.py ends its loop before it returns.
            try:
                inner_run(**words)
            except BaseException as error:
                self._note_end(error)
                raise
            finally:
                self._close_journal()

        environment.configure = configure  # type: ignore[method-assign]
        environment.run_migrations = run_migrations  # type: ignore[method-assign]
        with environment:
            self.scripts.directory.run_env()

    def _note_end(self, error: BaseException) -> None:
        """Write into the journal what became of the revision at work, unless it is gone with the connection."""
        database = self.databases[-1]
        if database.journal is None or database.statements is None or not self.at_work:
            return
        state = "interrupted" if isinstance(error, (Interrupted, GeneratorExit)) else "failed"
        if is_lock_timeout(error) and not database.statements.committed:
            state = "rolled back"
        try:
            database.journal.end(
                state,
                statements=database.statements.begun,
                outside_tx=database.statements.committed,
                error=" ".join(lines_of(error)),
            )
        except SQLAlchemyError:
            # What it said before is enough to find out later; the error itself is what has to be told.
            return

    def _close_journal(self) -> None:
        for database in self.databases:
            if database.journal is not None:
                database.journal.close()
                database.journal = None

    def _on_connection(self, connection: Connection, settings: dict[str, Any]) -> None:
        """Prepare the connection that does the work, and adjust what env.py said about it."""
        database = Database(connection, settings)
        self.databases.append(database)
        if self.is_dry:
            self._open_journal(database, connection)
            return
        if self._action == "unlock":
            self._unlock(database, connection)
            return
        is_ours = not connection.in_transaction()
        if self._settings.lock != "external":
            database.is_done_by_another = not hold(
                connection,
                version_table=database.version_table,
                schema=database.schema,
                owner=self._name(),
                wait_s=self._lock_wait_s,
                is_satisfied=lambda: self._is_satisfied(database, connection),
                tell=self._report.line,
            )
        limit_waiting(connection, self._settings.lock_timeout_s, is_behind_pooler=is_behind_pooler(connection))
        if is_ours and connection.in_transaction():
            connection.commit()
        if not database.is_done_by_another:
            self._open_journal(database, connection)
        database.statements = Statements(connection, lambda *what: self._note(database, *what))
        settings["transaction_per_migration"] = True
        settings["dont_mutate"] = database.is_done_by_another
        callbacks = settings.get("on_version_apply") or ()
        callbacks = tuple(callbacks) if isinstance(callbacks, (tuple, list)) else (callbacks,)
        settings["on_version_apply"] = (*callbacks, self._on_version_apply)
        if connection.dialect.name == "sqlite":
            make_sqlite_transactional(connection)
            settings["transactional_ddl"] = True

    def _name(self) -> str:
        """Return how this runner is named to others."""
        return f"{' '.join(self._owner)} {socket.gethostname()}:{os.getpid()}"

    def _unlock(self, database: Database, connection: Connection) -> None:
        is_ours = not connection.in_transaction()
        ended = end_holder(connection, version_table=database.version_table, schema=database.schema, owner=self._name())
        if is_ours:
            connection.commit()
        self.said.append(f"the migration lock was held by {ended}; that session was ended" if ended else "")
        self.said[-1] = self.said[-1] or "nobody holds the migration lock"

    def _open_journal(self, database: Database, connection: Connection) -> None:
        database.journal, reason = open_journal(
            connection,
            path=database.path,
            line=f"{database.schema}.{database.version_table}" if database.schema else database.version_table,
            owner=self._owner,
            wanted=self._settings.journal,
            is_dry=self.is_dry,
        )
        if reason and not self._is_journal_missing:
            self._is_journal_missing = True
            self._report.line(f"warning: no migration journal can be kept: {reason}")

    def _note(self, database: Database, outside_tx: int, statement: str) -> None:
        if database.journal is not None:
            database.journal.note(outside_tx, statement)

    def _is_satisfied(self, database: Database, connection: Connection) -> bool:
        self._report.check_heard()
        try:
            heads = database.heads(connection)
        except OperationalError:
            # SQLite cannot be read while the holder writes its changes out.
            if connection.dialect.name != "sqlite":
                raise
            return False
        if not all(self.scripts.knows(revision) for revision in heads):
            return False  # judged under the lock, when the journal is at rest
        return self._action == "apply" and bool(heads) and not self._steps(heads)

    def _plan(self, found: Iterable[str], context: MigrationContext) -> Iterator[RevisionStep]:
        """Yield the revisions to apply; called by alembic, under the lock, with the heads it has just read."""
        database = self.databases[-1]
        heads = frozenset(found)
        database.was_asked = True
        database.before = database.expected = heads
        if self._action == "unlock":
            return
        unknown = [revision for revision in heads if not self.scripts.knows(revision)]
        if unknown:
            entries = database.journal.last() if database.journal is not None else {}
            self.said.append(check_may_run_ahead(entries, unknown, self.scripts.knows, "nothing was migrated"))
            self.is_ahead = True
            return
        if self._action in ("resolve", "stamp"):
            yield from self._say(database, heads)
            return
        steps = [] if database.is_done_by_another else self._steps(heads)
        pending = self.scripts.pending(heads)
        if database.journal is not None:
            if not self.is_dry:
                database.journal.settle(lambda revision: self.scripts.knows(revision) and revision not in pending)
            database.entries = database.journal.last()
        if self.is_dry:
            self.planned += [step.revision.revision for step in steps]
            return
        # After a failed try of an env.py with a transaction of its own around everything, they are pending again.
        if self._action == "apply":
            self.applied = [revision for revision in self.applied if revision not in pending]
        if steps and self._action == "apply":
            check_clean(database.entries, pending, heads, context.connection, self._owner[0])
        if steps:
            self._secure(database)
        assert database.statements is not None
        for number, step in enumerate(steps, 1):
            self._report.check_heard()
            label = f"[{number}/{len(steps)}] {self.scripts.title(step.revision.revision)}"
            label += "" if step.is_upgrade else ": undo"
            self._report.line(f"{label} ...")
            self._begin(database, step.revision.revision, "up" if step.is_upgrade else "down")
            began = time.monotonic()
            yield step
            # Alembic comes back for the next one after it has committed this one.
            if database.journal is not None:
                database.journal.end("done", statements=database.statements.begun, outside_tx=0)
            self.at_work = ""
            self.applied.append(step.revision.revision)
            count = max(0, database.statements.begun - 1)  # one is that of the version table
            took_s = time.monotonic() - began
            statements = f"{count} statement" if count == 1 else f"{count} statements"
            self._report.line(f"{label}: done in {took_s:.2f} s, {statements}")

    def _secure(self, database: Database) -> None:
        """Make sure that there is a way back, before anything is changed."""
        if database.path and self._settings.backup != "off":
            database.restore_point = copy_sqlite(database.path, self._backups, self._settings.name)
            if database.restore_point:
                self._report.line(f"the database was copied to {database.restore_point}")
        elif database.journal is not None:
            database.restore_point = database.journal.position()

    def _say(self, database: Database, heads: frozenset[str]) -> Iterator[RevisionStep]:
        """Do what a person has decided about a revision: nothing of it is executed."""
        pending = self.scripts.pending(heads)
        revision, title = self.destination, self.scripts.title(self.destination)
        journal = database.journal
        if journal is not None:
            journal.settle(lambda other: self.scripts.knows(other) and other not in pending)
        if self._action == "resolve":
            entry = journal.last().get(revision) if journal is not None else None
            check_resolvable(entry, revision, pending, heads)
            if self._resolution == "retry":
                self.said.append(f"{title} will be applied again")
                if journal is not None:
                    journal.say(revision, "resolved")
                return
        elif heads and not self._is_forced:
            raise Failure(
                f"cannot mark {title} as applied: the database is already at {told(heads)}",
                now="nothing was changed",
                hint="--force marks it nevertheless",
            )
        self.said.append(f"{title} is marked as applied, and nothing of it was executed")
        if database.statements is not None:
            database.statements.reset()
        yield from self.scripts.directory._stamp_revs(revision, tuple(heads))  # type: ignore[misc]
        if journal is not None:
            journal.say(revision, "done", error="resolved by hand" if self._action == "resolve" else "stamped")

    def _begin(self, database: Database, revision: str, direction: str) -> None:
        """Make everything ready for a revision."""
        assert database.statements is not None
        digest = self.scripts.digest(revision)
        if self._is_at_start:
            check_not_failed_before(database.entries.get(revision), digest, self._owner)
        database.statements.reset()
        if database.journal is not None:
            database.journal.begin(
                revision,
                direction=direction,
                sha256=digest,
                phase=self.scripts.phase(revision),
                compatible=self.scripts.compatible(revision),
                restore_point=database.restore_point[:200],
            )
        self.at_work = revision

    def _steps(self, heads: frozenset[str]) -> list[RevisionStep]:
        """Return what leads from `heads` to the destination; nothing if the destination has been passed."""
        if self._action == "down":
            return list(self.scripts.directory._downgrade_revs(self.destination, tuple(heads)))  # type: ignore[arg-type]
        ids = self.scripts.pending(heads)
        if self.scripts.knows(self.destination) and self.destination not in ids:
            return []
        steps = self.scripts.directory._upgrade_revs(self.destination, tuple(heads))  # type: ignore[arg-type]
        return self._of_phase(steps)

    def _of_phase(self, steps: list[RevisionStep]) -> list[RevisionStep]:
        """Return the steps before the first one of phase post if only those are wanted.

        Raises:
            Failure: one of phase pre comes later, and would be left out.
        """
        if self._phase != "pre":
            return steps
        phases = [self.scripts.phase(step.revision.revision) for step in steps]
        if "post" not in phases:
            return steps
        first = phases.index("post")
        if "pre" in phases[first:]:
            late = steps[first + phases[first:].index("pre")].revision.revision
            raise Failure(
                f"{self.scripts.title(late)} is of phase pre, and comes after"
                f" {self.scripts.title(steps[first].revision.revision)} of phase post",
                now="nothing was migrated",
                hint="if no process of an older release runs, migrate without --phase; else split the release",
            )
        return steps[:first]

    def _on_version_apply(self, *, heads: Iterable[str], **more: Any) -> None:
        database = self.databases[-1]
        database.expected = frozenset(heads)
        if database.statements is not None:
            database.statements.is_recorded()

    def write_sql(self, stream: TextIO) -> None:
        """Write what a dry run has planned as statements, by env.py's offline half; nothing is executed.

        Raises:
            Failure: env.py configures several databases, whose statements alembic does not tell apart.
            Exception: whatever env.py or a revision raised: one that reads from the database cannot be written down.
        """
        if len(self.databases) != 1:
            raise Failure("cannot write the statements of several databases", now="nothing was migrated")
        heads = tuple(self.databases[0].expected)
        self.scripts.config.output_buffer = stream

        def steps(found: object, context: MigrationContext) -> list[RevisionStep]:
            return self._steps(frozenset(heads))

        environment = EnvironmentContext(
            self.scripts.config,
            self.scripts.directory,
            fn=steps,
            as_sql=True,
            starting_rev=heads[0] if heads else "base",
            destination_rev=self.destination,
        )
        inner = environment.configure

        def configure(*more: Any, **settings: Any) -> None:
            # One that makes its engine itself says neither URL nor kind of database when it is offline.
            if not settings.get("url") and not settings.get("dialect_name"):
                settings["dialect_name"] = self.databases[0].engine.dialect.name
            inner(*more, **settings)

        environment.configure = configure  # type: ignore[method-assign]
        with environment:
            self.scripts.directory.run_env()

    def _check(self) -> None:
        """Compare what was done with what the databases say.

        Raises:
            Failure: it is not so.
        """
        if not any(database.was_asked for database in self.databases):
            raise Failure(
                f"{self.scripts.folder}/env.py did not migrate: it ended without context.run_migrations()",
                now="nothing was migrated",
            )
        if self.is_dry:
            return
        for database in self.databases:
            found = database.heads_seen_by_others()
            # A newer release may have gone on from there meanwhile; its revisions are not ours to judge.
            is_known = all(self.scripts.knows(revision) for revision in found)
            if not is_known:
                continue
            missing = database.expected & self.scripts.pending(found)
            if self._action == "down":
                missing = found - database.expected
            if missing:
                is_left = database.engine.dialect.name in COMMITS_DDL
                stays = "; what changed the schema after that stays" if is_left else ""
                raise Failure(
                    "the revisions ran, but the database does not show it: env.py did not commit",
                    NOT_COMMITTED,
                    details=(f"expected {told(database.expected)}, found {told(found)}",),
                    now=f"the database is at {told(found)}; before this run it was at {told(database.before)}{stays}",
                    hint="env.py must not use the connection before context.configure(), or must commit at its end",
                )


def told(heads: Iterable[str]) -> str:
    """Return where a database is, in words."""
    return ", ".join(sorted(heads)) or "no revision"
