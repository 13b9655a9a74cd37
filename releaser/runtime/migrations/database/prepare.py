"""What is put around the connection that does the work: the lock, the journal, real transactions, a record."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from ..failures import Secret
from ..journal.journal import at_work, is_half_undone, open_journal
from ..locks.holder import name_of_runner
from ..locks.lock import end_holder, hold
from ..locks.postgresql import is_behind_pooler
from ..sessions.connection import Statements, limit_statements, limit_waiting, make_sqlite_transactional
from ..sessions.keepalive import set_on_postgresql
from ..tenants.schema import enter_schema
from .configured import Database

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sqlalchemy import Connection

    from ..journal.attempts import Entry
    from ..output.report import Report
    from .order import Order
    from .progress import Progress


class Preparation:
    """Prepares each connection that env.py configures."""

    def __init__(self, order: Order, progress: Progress, report: Report, on_version_apply: Callable[..., None]) -> None:
        self._order = order
        self._scripts = order.scripts
        self._progress = progress
        self._report = report
        self._on_version_apply = on_version_apply
        self._is_journal_missing = False

    def on_connection(self, connection: Connection, settings: dict[str, Any]) -> None:
        """Prepare the connection that does the work, and adjust what env.py said about it."""
        if self._order.tenant:
            enter_schema(connection, settings, self._order.schema)
        database = Database(connection, settings)
        self._progress.databases.append(database)
        self._check_not_passed(database, connection)
        if self._order.is_dry_run:
            self._open_journal(database, connection)
            return
        if self._order.action == "unlock":
            self._unlock(database, connection)
            return
        is_ours = not connection.in_transaction()
        if self._order.settings.lock != "external":
            database.is_done_by_another = not hold(
                connection,
                version_table=database.version_table,
                schema=database.schema,
                owner=self._name(),
                wait_s=self._order.lock_wait_s,
                is_satisfied=lambda: self._is_satisfied(database, connection),
                at_work=lambda: self._at_work(database, connection),
                unlock=self._order.unlock(),
                tell=self._report.line,
            )
        if connection.dialect.name == "postgresql":
            _keep_alive_on_server(connection)
        has_pooler = is_behind_pooler(connection)
        limit_waiting(connection, self._order.settings.lock_timeout_s, is_behind_pooler=has_pooler)
        limit_statements(connection, self._order.settings.statement_timeout_s, is_behind_pooler=has_pooler)
        if is_ours and connection.in_transaction():
            connection.commit()
        if not database.is_done_by_another:
            self._open_journal(database, connection)
        database.statements = Statements(
            connection,
            lambda *what: self._note(database, *what),
            lambda: self._hear(database),
        )
        settings["transaction_per_migration"] = True
        settings["dont_mutate"] = database.is_done_by_another
        callbacks = settings.get("on_version_apply") or ()
        callbacks = tuple(callbacks) if isinstance(callbacks, (tuple, list)) else (callbacks,)
        settings["on_version_apply"] = (*callbacks, self._on_version_apply)
        if connection.dialect.name == "sqlite":
            make_sqlite_transactional(connection)
            settings["transactional_ddl"] = True

    def _check_not_passed(self, database: Database, connection: Connection) -> None:
        """Refuse a destination that is below the database, before others are waited for, who may pass it meanwhile.

        Raises:
            Failure: it is; exit code 2.
        """
        if self._scripts.knows(self._order.destination) and self._order.action == "apply":
            is_ours = not connection.in_transaction()
            self._order.check_not_passed(database.heads(connection))
            if is_ours:
                connection.commit()

    def _name(self) -> str:
        """Return how this runner is named to others."""
        return name_of_runner(*self._order.owner)

    def _at_work(self, database: Database, connection: Connection) -> Entry | None:
        """Return what the journal says to be at work; None if it cannot be asked without harm."""
        if self._order.settings.journal == "off":
            return None
        try:
            return at_work(connection, path=database.path, line=database.line)
        except SQLAlchemyError:
            return None

    def _unlock(self, database: Database, connection: Connection) -> None:
        is_ours = not connection.in_transaction()
        ended = end_holder(
            connection,
            version_table=database.version_table,
            schema=database.schema,
            owner=self._name(),
            at_work=lambda: self._at_work(database, connection),
        )
        if is_ours:
            connection.commit()
        self._progress.told.append(f"the migration lock was held by {ended}; that session was ended" if ended else "")
        self._progress.told[-1] = self._progress.told[-1] or "nobody holds the migration lock"

    def _open_journal(self, database: Database, connection: Connection) -> None:
        database.journal, reason = open_journal(
            connection,
            path=database.path,
            line=database.line,
            owner=self._order.owner,
            wanted=self._order.settings.journal,
            is_dry_run=self._order.is_dry_run,
        )
        if reason and not self._is_journal_missing:
            self._is_journal_missing = True
            self._report.line(f"warning: no migration journal can be kept: {reason}")

    def _note(self, database: Database, outside_tx: int, statement: str) -> None:
        if database.journal is not None:
            # The text is kept of what stays alone.
            told = Secret.of(database.engine.url).blotted(statement) if outside_tx else ""
            database.journal.note(outside_tx, told)

    def _hear(self, database: Database) -> None:
        if database.journal is not None:
            database.journal.hear()

    def _is_satisfied(self, database: Database, connection: Connection) -> bool:
        self._report.check_heard()
        try:
            heads = database.heads(connection)
        except OperationalError:
            # SQLite cannot be read while the holder writes its changes out.
            if connection.dialect.name != "sqlite":
                raise
            return False
        if not all(self._scripts.knows(revision) for revision in heads):
            return False  # judged under the lock, when the journal is at rest
        if self._order.action != "apply" or not heads or self._order.steps(heads):
            return False
        # The version table says that it is there until the end of an undo.
        return not is_half_undone(connection, path=database.path, line=database.line)


def _keep_alive_on_server(connection: Connection) -> None:
    """Let PostgreSQL notice that this end is silent; see `migrations.keepalive`."""
    statement = set_on_postgresql(connection.connection.driver_connection)
    is_ours = not connection.in_transaction()
    try:
        with connection.begin() if is_ours else connection.begin_nested():
            connection.exec_driver_sql(statement)
    except DBAPIError:  # a pooler may refuse it; the migration does not depend on it
        return
