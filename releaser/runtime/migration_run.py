"""One run of the author's env.py, unchanged, with a lock, one transaction per revision, and progress put around it.

Alembic is driven as `alembic upgrade` drives it. What is added hangs on one `EnvironmentContext` object: its
`configure`, which env.py calls with the connection that does the work, and the function that yields the revisions::

    env.py: connect                       ── not reached: "cannot connect"
    env.py: context.configure(connection) ── lock; real transactions on SQLite; statements are recorded
    env.py: context.run_migrations()      ── heads are read under the lock; for each pending revision:
                                               "[1/2] ..."   BEGIN   upgrade()   version row   COMMIT   "... done"
    env.py: ends                          ── the database is asked by another connection whether it is so

A subclass of `EnvironmentContext` does not work: alembic binds the module `alembic.context` to the exact class.
"""

from __future__ import annotations

import time

from alembic.runtime.environment import EnvironmentContext
from sqlalchemy.exc import OperationalError

from .failures import Failure
from .migration_connection import (
    COMMITS_DDL,
    Statements,
    heads_of,
    heads_seen_by_others,
    is_in_memory,
    make_sqlite_transactional,
)
from .migration_failures import NOT_COMMITTED, UNKNOWN_REVISION
from .migration_locks import hold

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from alembic.runtime.migration import MigrationContext, RevisionStep
    from sqlalchemy import Connection

    from .migration_report import Report
    from .migration_scripts import Scripts


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
        self, scripts: Scripts, *, to: str = "head", is_dry: bool, owner: str, lock_wait_s: float, report: Report
    ) -> None:
        self.scripts = scripts
        self.destination = scripts.destination(to)
        self.is_dry = is_dry
        self.databases: list[Database] = []
        self.applied: list[str] = []
        self.planned: list[str] = []  # of a dry run: what would be applied
        self.at_work = ""  # the revision that is being applied, or ""
        self._owner = owner
        self._lock_wait_s = lock_wait_s
        self._report = report

    def go(self) -> None:
        """Run env.py, then ask the database whether it is where the revisions left it.

        Raises:
            Failure: the database is at an unknown revision (14), the lock was not free (11), nothing was
                committed (15), or env.py does not migrate at all.
            Exception: whatever env.py, a revision, alembic or the driver raised.
        """
        environment = EnvironmentContext(
            self.scripts.config,
            self.scripts.directory,
            fn=self._plan,
            as_sql=False,
            starting_rev=None,
            destination_rev=self.destination,
            dont_mutate=self.is_dry,
        )
        inner = environment.configure

        def configure(connection: Connection | None = None, *more: Any, **settings: Any) -> None:
            if connection is not None:
                self._on_connection(connection, settings)
            inner(connection, *more, **settings)

        environment.configure = configure  # type: ignore[method-assign]
        with environment:
            self.scripts.directory.run_env()
        self._check()

    def _on_connection(self, connection: Connection, settings: dict[str, Any]) -> None:
        """Prepare the connection that does the work, and adjust what env.py said about it."""
        database = Database(connection, settings)
        self.databases.append(database)
        if self.is_dry:
            return
        database.is_done_by_another = not hold(
            connection,
            version_table=database.version_table,
            schema=database.schema,
            owner=self._owner,
            wait_s=self._lock_wait_s,
            is_satisfied=lambda: self._is_satisfied(database, connection),
            tell=self._report.line,
        )
        database.statements = Statements(connection)
        settings["transaction_per_migration"] = True
        settings["dont_mutate"] = database.is_done_by_another
        callbacks = settings.get("on_version_apply") or ()
        callbacks = tuple(callbacks) if isinstance(callbacks, (tuple, list)) else (callbacks,)
        settings["on_version_apply"] = (*callbacks, self._on_version_apply)
        if connection.dialect.name == "sqlite":
            make_sqlite_transactional(connection)
            settings["transactional_ddl"] = True

    def _is_satisfied(self, database: Database, connection: Connection) -> bool:
        self._report.check_heard()
        try:
            heads = database.heads(connection)
        except OperationalError:
            # SQLite cannot be read while the holder writes its changes out.
            if connection.dialect.name != "sqlite":
                raise
            return False
        self._check_known(heads)
        return bool(heads) and not self._steps(heads)

    def _plan(self, found: Iterable[str], context: MigrationContext) -> Iterator[RevisionStep]:
        """Yield the revisions to apply; called by alembic, under the lock, with the heads it has just read."""
        database = self.databases[-1]
        heads = frozenset(found)
        database.was_asked = True
        database.before = database.expected = heads
        self._check_known(heads)
        steps = [] if database.is_done_by_another else self._steps(heads)
        if self.is_dry:
            self.planned += [step.revision.revision for step in steps]
            return
        assert database.statements is not None
        for number, step in enumerate(steps, 1):
            self._report.check_heard()
            label = f"[{number}/{len(steps)}] {self.scripts.title(step.revision.revision)}"
            self._report.line(f"{label} ...")
            database.statements.reset()
            self.at_work = step.revision.revision
            began = time.monotonic()
            yield step
            # Alembic comes back for the next one after it has committed this one.
            self.at_work = ""
            self.applied.append(step.revision.revision)
            self._report.line(f"{label}: done in {time.monotonic() - began:.2f} s")

    def _steps(self, heads: frozenset[str]) -> list[RevisionStep]:
        """Return what leads from `heads` to the destination; nothing if the destination has been passed."""
        ids = self.scripts.pending(heads)
        if self.scripts.knows(self.destination) and self.destination not in ids:
            return []
        return self.scripts.directory._upgrade_revs(self.destination, tuple(heads))  # type: ignore[arg-type]

    def _on_version_apply(self, *, heads: Iterable[str], **more: Any) -> None:
        self.databases[-1].expected = frozenset(heads)

    def _check_known(self, heads: frozenset[str]) -> None:
        unknown = sorted(revision for revision in heads if not self.scripts.knows(revision))
        if unknown:
            raise Failure(
                f"the database is at {', '.join(unknown)}, a revision that this release does not have",
                UNKNOWN_REVISION,
                now="nothing was migrated",
                hint="a newer release, or another app, has migrated it; this release can only migrate its own line",
            )

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
            if is_known and database.expected & self.scripts.pending(found):
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
