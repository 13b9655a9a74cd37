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

import random
import time

from alembic.runtime.environment import EnvironmentContext
from sqlalchemy.exc import SQLAlchemyError

from ...release.failures import Failure
from ..failures import NOT_COMMITTED, Interrupted, Secret, lines_of
from ..locks.lock import forget
from ..locks.postgresql import unpin
from ..output.alembic_log import drop_repetitions, let_pools_be_quiet
from ..sessions.connection import COMMITS_DDL, is_lock_timeout, lock_not_got
from .prepare import Preparation
from .progress import Progress, told
from .revisions import Revisions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sqlalchemy import Connection

    from ..output.report import Report
    from .order import Order

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 10.0
"""Between two tries of a revision that did not get a lock."""


class Run:
    """One order being carried out; owned by one call of `migrate` or `migrations`."""

    def __init__(self, order: Order, report: Report) -> None:
        self.progress = Progress()
        self._order = order
        self._scripts = order.scripts
        self._report = report
        self._revisions = Revisions(order, self.progress, report)
        self._preparation = Preparation(order, self.progress, report, self._revisions.on_version_apply)

    def go(self) -> None:
        """Run env.py, then ask the database whether it is where the revisions left it.

        Raises:
            Failure: the database is at an unknown revision (14), a revision was left half-way (12), the lock was not
                free (11), nothing was committed (15), or env.py does not migrate at all.
            Exception: whatever env.py, a revision, alembic or the driver raised.
        """
        let_pools_be_quiet()
        drop_repetitions()
        settings = self._order.settings
        for number in range(1, settings.retries + 1):
            try:
                self._run_env()
                break
            except Exception as error:
                if not self._may_be_tried_again(error):
                    raise
                kind = self.progress.databases[-1].engine.dialect.name
                why = lock_not_got(error, kind, settings.lock_timeout_s)
            pause_s = min(FIRST_PAUSE_S * 2 ** (number - 1), LONGEST_PAUSE_S) * random.uniform(0.5, 1.0)
            self._report.line(
                f"{self._scripts.title(self.progress.at_work)}: {why}; rolled back,"
                f" next try in {pause_s:.1f} s ({number} of {settings.retries})"
            )
            self._begin_anew()
            time.sleep(pause_s)
        else:
            self._run_env()
        self._check()

    def _may_be_tried_again(self, error: BaseException) -> bool:
        if not self.progress.at_work or not is_lock_timeout(error):
            return False
        statements = self.progress.databases[-1].statements
        return statements is not None and not statements.committed and not statements.may_be_committed

    def _begin_anew(self) -> None:
        """End every session of this run; with them the locks are gone."""
        for database in self.progress.databases:
            database.engine.dispose(close=not database.engine.dialect.is_async)
        forget()
        self.progress.databases.clear()
        self.progress.at_work = ""
        self._report.check_heard()

    def _run_env(self) -> None:
        environment = EnvironmentContext(
            self._scripts.config,
            self._scripts.directory,
            fn=self._revisions.plan,
            as_sql=False,
            starting_rev=None,
            destination_rev=self._order.destination,
            dont_mutate=self._order.is_dry_run or self._order.action == "unlock",
        )
        inner, inner_run = environment.configure, environment.run_migrations

        def configure(connection: Connection | None = None, *more: Any, **settings: Any) -> None:
            if connection is not None:
                self._prepare(connection, settings)
            inner(connection, *more, **settings)

        def run_migrations(**words: Any) -> None:
            # The journal is closed here, since an asynchronous env.py ends its loop before it returns.
            try:
                inner_run(**words)
            except BaseException as error:
                self._take_back(error)
                self._note_end(error)
                if self._may_be_tried_again(error):
                    unpin()
                raise
            finally:
                self._close_journal()

        environment.configure = configure  # type: ignore[method-assign]
        environment.run_migrations = run_migrations  # type: ignore[method-assign]
        with environment:
            self._scripts.directory.run_env()

    def _prepare(self, connection: Connection, settings: dict[str, Any]) -> None:
        try:
            self._preparation.on_connection(connection, settings)
        except Interrupted:
            # Nothing was done on it, and giving it back would wait for an answer to a rollback.
            connection.invalidate()
            raise

    def _take_back(self, error: BaseException) -> None:
        """Have nothing of the revision at work committed by whatever closes the connection after this error."""
        for database in self.progress.databases[-1:]:
            if database.statements is not None:
                database.statements.take_back(error)

    def _note_end(self, error: BaseException) -> None:
        """Write into the journal what became of the revision at work, unless it is gone with the connection."""
        database = self.progress.databases[-1]
        if database.journal is None or database.statements is None or not self.progress.at_work:
            return
        state = "interrupted" if isinstance(error, (Interrupted, GeneratorExit)) else "failed"
        stays = max(database.statements.committed, database.statements.may_be_committed)
        if is_lock_timeout(error) and not stays:
            state = "rolled back"
        if database.statements.may_be_committed > database.statements.committed:
            state = "running"  # as of one that was killed: how much of it stays only the database can tell
        try:
            if state == "interrupted":
                database.journal.hurry()
            database.journal.end(
                state,
                statements=database.statements.begun,
                outside_tx=stays,
                error=" ".join(lines_of(error, Secret.of(database.engine.url))),
            )
        except SQLAlchemyError:
            # What it said before is enough to find out later; the error itself is what has to be told.
            return

    def _close_journal(self) -> None:
        for database in self.progress.databases:
            if database.journal is not None:
                database.journal.close()
                database.journal = None

    def _check(self) -> None:
        """Compare what was done with what the databases say.

        Raises:
            Failure: it is not so.
        """
        if not any(database.was_asked for database in self.progress.databases):
            raise Failure(
                f"{self._scripts.folder}/env.py did not migrate: it ended without context.run_migrations()",
                now="nothing was migrated",
            )
        if self._order.is_dry_run:
            return
        if self.progress.unresolved is not None and not self.progress.told:
            raise self.progress.unresolved
        for database in self.progress.databases:
            found = database.heads_seen_by_others()
            # A newer release may have gone on from there meanwhile; its revisions are not ours to judge.
            is_known = all(self._scripts.knows(revision) for revision in found)
            if not is_known:
                continue
            missing = database.expected & self._scripts.pending(found)
            if self._order.goes_back:
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
