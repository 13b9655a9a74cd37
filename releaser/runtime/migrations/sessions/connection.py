"""What is done to the connection of env.py before alembic gets it: real transactions, and a record of statements."""

from __future__ import annotations

from sqlalchemy import column, event, inspect, select, table
from sqlalchemy.exc import DBAPIError

from ...release.failures import DAMAGED, Failure
from ..locks.sqlite import sqlite_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sqlalchemy import Connection, Engine

COMMITS_DDL = ("mysql", "mariadb")
"""Here each statement that changes the schema commits itself and everything before it."""
_DDL_WORDS = ("ALTER", "CREATE", "DROP", "RENAME", "TRUNCATE", "GRANT", "REVOKE", "ANALYZE", "OPTIMIZE", "REPAIR")
_SYNTAX_ERROR = 1064  # of MySQL
_BEGIN = "BEGIN IMMEDIATE"  # ours, not a statement of the revision
_CONCURRENTLY = "CONCURRENTLY"
_OF_ONE_TABLE = ("ALTER", "COMMENT", "CREATE", "DELETE", "DROP", "INSERT", "UPDATE")
_SCHEMA_OF_THE_JOURNAL = "release_meta"
_INSTRUCTIONS_BETWEEN_SIGNALS = 10_000


class Statements:
    """What the revision at hand has sent to the database, and how much of it no rollback can undo.

    `note` is called before the first statement, and with that number before a statement becomes so; `hear` before a
    commit, since what was noted first may still be on its way. SQLAlchemy tells of a commit before the driver is asked
    for it, so a commit counts once something else happens on the connection: one that fails has kept nothing, and of
    one whose answer was lost nobody here can tell::

        commit event: note() ── driver: COMMIT ──► answer        the next begin or statement: `committed`
                  └ raises        └ fails: nothing is kept
                                  └ no answer: `may_be_committed`

    A statement that commits itself is its own COMMIT: it counts once it is answered.
    """

    def __init__(
        self, connection: Connection, note: Callable[[int, str], None], hear: Callable[[], None] = lambda: None
    ) -> None:
        self._connection = connection
        self._tell = note
        self._hear = hear
        self._is_at_its_end = False  # the version is recorded: what is committed now is the whole revision
        self.begun = 0
        self.committed = 0  # how many of the first statements stay whatever happens
        self.may_be_committed = 0  # how many stay if the commit took place whose answer never came
        self.is_rolled_back = False  # a rollback was sent after an error, and answered
        self.is_end_unanswered = False  # the last commit was sent, and its answer never came
        self.is_at_commit = False  # the driver was asked for a COMMIT, and nothing has come after it
        self._promised = 0  # how many stay once the commit that is under way has taken place
        self._is_committing_itself = False  # that commit is a statement, not a COMMIT
        self.last = ""
        self._finished = 0
        self._ddl_commits = connection.dialect.name in COMMITS_DDL
        event.listen(connection, "before_cursor_execute", self._before)
        event.listen(connection, "after_cursor_execute", self._after)
        event.listen(connection, "commit", self._on_commit)
        event.listen(connection, "begin", self._on_begin)

    def reset(self) -> None:
        """Begin a revision."""
        self.begun = self.committed = self._finished = self._promised = self.may_be_committed = 0
        self.last = ""
        self._is_at_its_end = self.is_rolled_back = self.is_end_unanswered = self._is_committing_itself = False
        self.is_at_commit = False

    def is_recorded(self) -> None:
        """Hear that the version table names the revision."""
        self._is_at_its_end = True

    def take_back(self, error: BaseException) -> None:
        """After `error`, make sure that nothing more of this session can be committed.

        To be called before the error reaches whoever closes the connection: SQLAlchemy takes a transaction whose commit
        raised for ended and sends no ROLLBACK, and setting the isolation level back commits on MySQL.
        """
        if not self._connection.closed and not self._connection.invalidated:
            try:
                self._driver().rollback()
                self.is_rolled_back = True
            except BaseException:
                self._connection.invalidate()  # closed: then the server rolls back
        if self._promised > self.committed:
            is_lost = getattr(error, "connection_invalidated", False) or not self.is_rolled_back
            if is_lost or not isinstance(error, DBAPIError) or self._leaves_a_part():
                self._is_unanswered()
            elif self._is_committing_itself and not _is_not_understood(error):
                self.committed = max(self.committed, self._before_it())
        self._promised, self._is_committing_itself = 0, False

    def _before_it(self) -> int:
        """Return how many statements a refused one has committed: on MySQL a change of the schema, those before it."""
        return self._finished if self._ddl_commits else self.committed

    def _leaves_a_part(self) -> bool:
        """Tell whether the statement at work leaves something even if it fails: PostgreSQL's invalid indexes."""
        return self._is_committing_itself and _CONCURRENTLY in self.last.upper()

    def look(self) -> None:
        """Take what is not answered up to now for what never will be; called by another thread, at the very end."""
        if self._promised > self.committed:
            self._is_unanswered()

    def _is_unanswered(self) -> None:
        """Note that of a commit nobody here can tell; of the revision's last one the version table does."""
        if self._is_at_its_end:
            self.is_end_unanswered = True
        else:
            self.may_be_committed = max(self.may_be_committed, self._promised)

    def _driver(self) -> Any:
        return self._connection.connection.dbapi_connection

    def _note(self, outside_tx: int, statement: str) -> None:
        self._surely(lambda: self._tell(outside_tx, statement))

    def _surely(self, write: Callable[[], None]) -> None:
        """Have something written, or nothing more of this session committed."""
        try:
            write()
        except BaseException as error:
            self.take_back(error)
            raise

    def _on_begin(self, connection: Connection) -> None:
        self._confirm()

    def _confirm(self) -> None:
        """Take the last commit for done: the connection goes on after it."""
        if self._is_committing_itself:
            self._judge_statement()
        self.committed = max(self.committed, self._promised)
        self._promised = 0
        self.is_at_commit = False

    def _judge_statement(self) -> None:
        """See what stays of a statement that commits itself and was not done, although the connection goes on.

        It need not go on: an autocommit_block commits and begins at its end, on a connection that was lost, too.
        """
        is_lost = not self._connection.closed and self._connection.invalidated
        if self._promised > self.committed and (is_lost or self._leaves_a_part()):
            self._is_unanswered()
            self._promised = 0
        else:
            self._promised = self._before_it()
        self._is_committing_itself = False

    def _before(self, connection: Connection, cursor: Any, statement: str, *more: Any) -> None:
        self._confirm()
        if statement == _BEGIN:
            return
        self.begun += 1
        self.last = statement
        if self._is_ddl(statement) or is_autocommit(connection):
            self._note(self.begun, statement)
            # Until it is answered nobody knows whether it, or what it commits before itself, has taken place.
            self._promised, self._is_committing_itself = self.begun, True
        else:
            if self.begun == 1:
                self._note(0, statement)
            if may_lock_the_journal(statement):
                self._surely(self._hear)

    def _after(self, connection: Connection, cursor: Any, statement: str, *more: Any) -> None:
        if statement == _BEGIN:
            return
        self._finished += 1
        if is_autocommit(connection) or self._is_ddl(statement):
            self.committed = self._finished
            self._promised, self._is_committing_itself = 0, False

    def _on_commit(self, connection: Connection) -> None:
        if self._is_committing_itself:
            self._judge_statement()
        if not self._is_at_its_end and self._finished > max(self.committed, self.may_be_committed):
            self._note(self._finished, self.last)
        else:
            self._surely(self._hear)
        self._promised = self._finished
        self.is_at_commit = True

    def _is_ddl(self, statement: str) -> bool:
        return self._ddl_commits and statement.lstrip(" \t\r\n(").upper().startswith(_DDL_WORDS)


def may_lock_the_journal(statement: str) -> bool:
    """Tell whether a statement may lock the journal's own table: the line that is on its way would wait for it.

    Only what says which table it is about, and that it is another one, may be sent before that line is written.
    """
    words = statement.upper().split(None, 2)
    plain = bool(words) and words[0] in _OF_ONE_TABLE and words[:2] != ["DROP", "OWNED"]
    return not plain or _SCHEMA_OF_THE_JOURNAL in statement.lower()


def _is_not_understood(error: BaseException) -> bool:
    """Tell whether the server could not read a statement: then it has not even committed what came before it."""
    return (getattr(getattr(error, "orig", None), "args", None) or ("",))[0] == _SYNTAX_ERROR


def is_autocommit(connection: Connection) -> bool:
    """Tell whether each statement commits itself: an `autocommit_block`, or an engine made so."""
    level = connection.get_execution_options().get("isolation_level")
    return "AUTOCOMMIT" in (level, level or getattr(connection.dialect, "_on_connect_isolation_level", None))


def limit_waiting(connection: Connection, seconds: float, *, is_behind_pooler: bool) -> None:
    """Let a statement that waits for a lock of a table give up after `seconds`; 0 leaves the server's own limit.

    Whoever comes after a statement that waits, waits behind it: readers too. `CREATE INDEX CONCURRENTLY` alone waits
    without standing in anyone's way, and leaves an invalid index when it gives up, so that it has no limit. SQLite
    has a limit by its driver (5 s), and nobody waits behind a waiting writer.
    """
    name = connection.dialect.name
    if not seconds or name not in ("postgresql", *COMMITS_DDL):
        return
    if name != "postgresql":
        whole = _whole(seconds)
        connection.exec_driver_sql(f"set session lock_wait_timeout = {whole}, innodb_lock_wait_timeout = {whole}")
        return
    _limit_on_postgresql(connection, "lock_timeout", seconds, is_behind_pooler=is_behind_pooler)


def lock_not_got(error: BaseException, kind: str, seconds: float) -> str:
    """Return what became of a statement of which `is_lock_timeout` holds, where `limit_waiting` had `seconds`."""
    if _state_of(error) in ("40P01", 1213):
        return "was ended by a deadlock"
    if not seconds or kind not in ("postgresql", *COMMITS_DDL):
        return "did not get a lock"  # within the server's or the driver's own limit
    return f"did not get a lock within {seconds if kind == 'postgresql' else _whole(seconds):g} s"


def _whole(seconds: float) -> int:
    """Return `seconds` as MySQL and MariaDB know them."""
    return max(1, round(seconds))


def limit_statements(connection: Connection, seconds: float, *, is_behind_pooler: bool) -> None:
    """Let a statement fail after `seconds`; 0 leaves the server's own limit.

    Raises:
        Failure: the database has no such limit: SQLite, and MySQL, whose `max_execution_time` is about reading alone.
    """
    if not seconds:
        return
    name = connection.dialect.name
    if name == "postgresql":
        _limit_on_postgresql(connection, "statement_timeout", seconds, is_behind_pooler=is_behind_pooler)
    elif getattr(connection.dialect, "is_mariadb", False):
        connection.exec_driver_sql(f"set session max_statement_time = {seconds:.3f}")
    else:
        raise Failure(
            f"statement_timeout cannot be kept on {name}: it has no limit for statements that change something",
            DAMAGED,
            now="nothing was migrated",
            hint="take statement_timeout out of rel/config.toml; PostgreSQL and MariaDB have such a limit",
        )


def _limit_on_postgresql(connection: Connection, setting: str, seconds: float, *, is_behind_pooler: bool) -> None:
    milliseconds = max(1, round(seconds * 1000))
    if is_behind_pooler:
        # What is set for a session would stay with the pooler's.
        @event.listens_for(connection, "begin")
        def begin(begun: Connection) -> None:
            if not is_autocommit(begun):
                _on_cursor(begun, f"set local {setting} = {milliseconds}")

        return
    connection.exec_driver_sql(f"set {setting} = {milliseconds}")

    @event.listens_for(connection, "before_cursor_execute")
    def before(connection: Connection, cursor: Any, statement: str, *more: Any) -> None:
        if _CONCURRENTLY in statement.upper():
            _on_cursor(connection, f"set {setting} = 0")

    @event.listens_for(connection, "after_cursor_execute")
    def after(connection: Connection, cursor: Any, statement: str, *more: Any) -> None:
        if _CONCURRENTLY in statement.upper():
            _on_cursor(connection, f"set {setting} = {milliseconds}")


def is_lock_timeout(error: BaseException) -> bool:
    """Tell whether a statement gave up waiting for a lock, or was chosen to end a deadlock."""
    if not isinstance(error, DBAPIError):
        return False
    return _state_of(error) in ("55P03", "40P01", 1205, 1213, "database is locked")


def _state_of(error: BaseException) -> object:
    """Return PostgreSQL's code of an error, MySQL's number, or what SQLite says."""
    original: Any = getattr(error, "orig", None)
    first = (getattr(original, "args", None) or ("",))[0]
    if isinstance(first, int):  # a driver of MySQL may have the code of the standard too, which says less
        return first
    return getattr(original, "sqlstate", None) or getattr(original, "pgcode", None) or str(first)


def _on_cursor(connection: Connection, statement: str) -> None:
    """Execute a statement that is not one of the revision."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute(statement)
    finally:
        cursor.close()


def make_sqlite_transactional(connection: Connection) -> None:
    """Make each transaction of an SQLite connection begin at its beginning.

    Python's driver sends BEGIN before the first change of data only, so that what changes the schema before it stays
    when the rest is rolled back (alembic #1655, sqlite3's documentation). IMMEDIATE, because a transaction that has
    to become a writing one half-way fails at once when another process writes.
    """
    if is_autocommit(connection):
        return
    driver: Any = connection.connection.dbapi_connection
    # A signal's handler runs while Python does; during one long statement only this callback is Python.
    if hasattr(driver, "set_progress_handler"):
        driver.set_progress_handler(_let_signals_in, _INSTRUCTIONS_BETWEEN_SIGNALS)
    if connection.in_transaction() and not getattr(driver, "in_transaction", True):
        connection.exec_driver_sql(_BEGIN)

    @event.listens_for(connection, "begin")
    def begin(begun: Connection) -> None:
        if not is_autocommit(begun):
            begun.exec_driver_sql(_BEGIN)


def heads_of(connection: Connection, version_table: str, schema: str) -> frozenset[str]:
    """Return the revisions a database is at; none when it has no version table."""
    if not inspect(connection).has_table(version_table, schema=schema or None):
        return frozenset()
    versions = table(version_table, column("version_num"), schema=schema or None)
    return frozenset(str(row[0]) for row in connection.execute(select(versions.c.version_num)))


def heads_seen_by_others(engine: Engine, version_table: str, schema: str) -> frozenset[str]:
    """Return the revisions the database is at, as a connection sees them that has nothing to do with env.py's."""
    engine.dispose(close=not engine.dialect.is_async)
    if not engine.dialect.is_async:
        with engine.connect() as connection:
            return heads_of(connection, version_table, schema)

    import asyncio

    from sqlalchemy.ext.asyncio import AsyncEngine

    async def read() -> frozenset[str]:
        async with AsyncEngine(engine).connect() as connection:
            return await connection.run_sync(heads_of, version_table, schema)

    return asyncio.run(read())


def is_in_memory(connection: Connection) -> bool:
    """Tell whether no other connection can see this database."""
    return connection.dialect.name == "sqlite" and not sqlite_path(connection)


def _let_signals_in() -> int:
    return 0
