"""What was done to this database, by whom, and is a revision left half-way? A journal outside of every transaction.

It is written on a connection of its own that commits each statement, so that it outlives what it tells of::

    with its first statement: row: running, outside_tx 0, answered before anything of it is committed
    before a statement that no rollback can undo (MySQL's changes of the schema, an autocommit block, a commit)
                           outside_tx = how many statements are kept from here on, and the last of them
    revision ends          done | failed | interrupted, how long, how many statements

That revisions are done is written for some of them at once, before another begins: until then the version table says
it. PostgreSQL is not asked to have a line on its disk before it answers: its log keeps the order, so whatever a
revision commits after that line is not there without it (https://www.postgresql.org/docs/current/wal-async-commit.html).

A runner that is killed leaves `running`. The next one finds out under the lock: the revision is reached: done;
nothing was outside of a transaction: rolled back, and it is applied again; else it is dirty, and refused. Of an undo it
is the same with "not reached" in the place of "reached".

    PostgreSQL        release_meta.migration_journal: a schema of its own, which autogenerate does not look at
    MySQL, MariaDB    the table release_migration_journal
    SQLite            the file DATABASE.migrations
"""

from __future__ import annotations

import os
import socket
import time

from sqlalchemy import (
    Column,
    Float,
    Integer,
    MetaData,
    NullPool,
    String,
    Table,
    Text,
    create_engine,
    inspect,
    text,
)
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.schema import CreateSchema

from ...release.failures import FAILED, Failure
from ..failures import Secret
from ..sessions.connection import COMMITS_DDL
from ..sessions.keepalive import set_on_postgresql
from .ahead import KEPT_LATER, Ahead
from .attempts import OPEN, Entry, newest
from .backup import position

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from sqlalchemy import Connection, Engine

SCHEMA = "release_meta"
TABLE = "migration_journal"
TABLE_BESIDE_OTHERS = "release_migration_journal"
FILE_SUFFIX = ".migrations"
_ENOUGH_CHARACTERS = 2000
_MOST_UNWRITTEN = 50
_LONGEST_UNWRITTEN_S = 1.0
_LOCK_S = 10
"""How long a line of the journal is waited for that another session has locked: the database's work waits as long."""
_SHORT_LOCK_S = 1
"""The same when somebody waits for the end of this process."""


class Journal:
    """The journal of one version table; open until `close`, which has to come before env.py's loop ends."""

    def __init__(self, engine: Engine, name: str, line: str, owner: tuple[str, str], *, is_own: bool) -> None:
        self._engine = engine
        self._is_own = is_own  # the engine is ours to dispose of
        self._table = _table(engine.dialect.name, name)
        self._line = line
        self._owner = owner
        self._is_on_postgresql = engine.dialect.name == "postgresql"
        self._insert = self._quick(self._table.insert(), self._table.c.number)
        self._ahead = Ahead(self._table)
        self._done: dict[int, tuple[float, int]] = {}  # by number, not yet written: duration and statements
        self._current = 0
        self._at_work: Mapping[str, Any] = {}  # of the revision that has begun
        self._began = self._wrote = 0.0
        self._lock_s = _LOCK_S
        self._session = 0
        """The session's number on a server that goes on with a statement whose client has gone."""
        self._connection = self._connect()

    def prepare(self) -> None:
        """Make the table if it is not there, and keep the server from ending this session for being idle.

        Raises:
            SQLAlchemyError: it cannot be.
        """
        self._set_up()
        if self.exists():
            self.entries()  # another release's table, or one that may not be read, is found out here
            return
        try:
            if self._table.schema:
                self._connection.execute(CreateSchema(self._table.schema, if_not_exists=True))
            self._table.create(self._connection)
        except DBAPIError:
            self._reconnect()
            if not self.exists():  # a runner with another version table may have been quicker
                raise

    def exists(self) -> bool:
        """Tell whether there is a journal."""
        return inspect(self._connection).has_table(self._table.name, schema=self._table.schema)

    def entries(self) -> list[Entry]:
        """Return everything of this version table, oldest first."""
        self._write_done()
        statement = self._table.select().where(self._table.c.line == self._line).order_by(self._table.c.number)
        return [Entry(row) for row in self._connection.execute(statement).mappings()]

    def last(self) -> dict[str, Entry]:
        """Return the newest entry of each revision."""
        return newest(self.entries())

    def settle(self, is_reached: Callable[[str], bool]) -> None:
        """Close what others have left open, as far as the database itself tells how it ended.

        A line may be there twice: an answer was lost, or it came late. Of those only the newest tells anything.
        """
        entries = self.entries()
        last = newest(entries)
        for entry in entries:
            if entry.state == "running" and not entry.outside_tx and entry is not last[entry.revision]:
                self._change(entry.number, {"state": "rolled back", "error": "its line is there once more"})
        for entry in last.values():
            reached = is_reached(entry.revision) == (entry.direction == "up")
            if entry.state in OPEN and reached:
                self._change(entry.number, {"state": "done"})
            elif entry.state == "running" and not entry.outside_tx:
                self._change(entry.number, {"state": "rolled back", "error": "its process was killed"})
            elif entry.state == "done" and not reached:
                # An env.py with a transaction of its own took it back, or someone else did.
                self._change(entry.number, {"state": "rolled back"})

    def begin(self, revision: str, *, direction: str = "up", **more: Any) -> None:
        """Note that a revision begins: it is written with its first statement, and what that one commits before it."""
        if len(self._done) >= _MOST_UNWRITTEN or time.monotonic() - self._wrote >= _LONGEST_UNWRITTEN_S:
            self._write_done()
        self._current, self._at_work = 0, {"revision": revision, "direction": direction, **more}
        self._began = time.monotonic()

    def note(self, outside_tx: int, statement: str) -> None:
        """Note, before it is executed, that from `statement` on `outside_tx` statements stay whatever happens.

        As long as none does, it is noted for sure once `hear` has returned.
        """
        values = {"outside_tx": outside_tx, "last_sql": statement[:_ENOUGH_CHARACTERS] if outside_tx else ""}
        self.hear()
        if self._current:
            self._change(self._current, values)
        elif self._at_work:
            row = self._row(state="running", **{**self._at_work, **values})
            if outside_tx or not self._ahead.send(self._connection, row):
                self._current = self._insert_row(row)

    def hear(self, within_s: float | None = None) -> None:
        """Wait until what was noted is written; to be called before anything of the revision is committed."""
        if not self._ahead.is_on_its_way:
            return
        self._current = self._ahead.answer(self._connection, within_s)
        if not self._current:  # tried once more, as everything is
            self._reconnect()
            row = self._row(state="running", **self._at_work)
            self._current = self._number(self._connection.execute(self._insert, row))

    def done(self, statements: int) -> None:
        """Note that the revision is applied, as the database says: written with others, by `close` at the latest."""
        number = self._end()
        if number:
            self._done[number] = (round(time.monotonic() - self._began, 3), statements)

    def hurry(self) -> None:
        """Wait no longer than a moment for others from here on."""
        self._lock_s = _SHORT_LOCK_S
        self.hear(_SHORT_LOCK_S)
        for statement in self._lock_limit():
            self._execute(text(statement))

    def end(self, state: str, *, statements: int, outside_tx: int, error: str = "") -> None:
        """Note how the revision ended that is not done."""
        number = self._end()
        if not number:
            return
        values = {
            "state": state,
            "statements": statements,
            "outside_tx": outside_tx,
            "error": error[:_ENOUGH_CHARACTERS],
            "duration_s": round(time.monotonic() - self._began, 3),
        }
        self._change(number, values)

    def _end(self) -> int:
        """Return the number of the revision that ends, 0 if none was at work."""
        self.hear()
        if self._at_work and not self._current:
            self._current = self._add(state="running", **self._at_work)
        number, self._current, self._at_work = self._current, 0, {}
        return number

    def note_decision(self, revision: str, state: str, *, direction: str = "up", **more: Any) -> None:
        """Note what a person has decided."""
        self._add(revision=revision, direction=direction, state=state, **more)

    def position(self, name: str) -> str:
        """Return where the server's log is, and note `name` there if that can be; "" for an SQLite database."""
        return "" if self._is_own else position(self._connection, name)

    def close(self) -> None:
        """End the journal's session."""
        try:
            self.hear()
            self._write_done()
        except SQLAlchemyError:
            self._done.clear()  # the next one finds out
        try:
            self._connection.close()
        except SQLAlchemyError:
            self._connection.invalidate()
        if self._is_own:
            self._engine.dispose()

    def _add(self, **given: Any) -> int:
        return self._insert_row(self._row(**given))

    def _row(self, **given: Any) -> dict[str, Any]:
        return {
            "line": self._line,
            "release": self._owner[0],
            "version": self._owner[1],
            "outside_tx": 0,
            "statements": 0,
            "last_sql": "",
            "error": "",
            "began_at": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime()),
            "duration_s": 0.0,
            "host": socket.gethostname()[:200],
            "pid": os.getpid(),
            "sha256": "",
            "phase": "pre",
            "compatible": -1,
            "restore_point": "",
            **given,
        }

    def _insert_row(self, row: Mapping[str, Any]) -> int:
        return self._number(self._execute(self._insert, row))

    def _number(self, result: Any) -> int:
        return int(result.scalar_one() if self._is_on_postgresql else result.inserted_primary_key[0])

    def _change(self, number: int, values: Mapping[str, Any]) -> None:
        self._execute(self._quick(self._table.update().where(self._table.c.number == number).values(values)))

    def _write_done(self) -> None:
        """Write which revisions are done, in one statement."""
        self._wrote = time.monotonic()
        if not self._done:
            return
        # Numbers alone, so that the text is made here: by expressions it would take longer than all else about it.
        took = " ".join(f"when {number} then {took_s}" for number, (took_s, _) in self._done.items())
        sent = " ".join(f"when {number} then {count}" for number, (_, count) in self._done.items())
        self._execute(
            text(
                f"update {self._table.fullname} set state = 'done', outside_tx = 0,"
                f" duration_s = case number {took} end, statements = case number {sent} end"
                f" where number in ({', '.join(map(str, self._done))})"
                + (f" returning {KEPT_LATER}" if self._is_on_postgresql else "")
            )
        )
        self._done.clear()

    def _quick(self, statement: Any, *columns: Any) -> Any:
        """Have PostgreSQL answer before the line is on its disk; for this statement alone, whatever a pooler shares."""
        if not self._is_on_postgresql:
            return statement
        return statement.returning(*columns, text(KEPT_LATER))

    def _execute(self, statement: Any, values: Mapping[str, Any] | None = None) -> Any:
        """Execute a statement, on a new connection if this one was lost: it is idle while the other one works.

        What is inserted twice because an answer was lost is an attempt of which nothing was noted; `settle` closes it.
        """
        if self._connection.invalidated:  # by an interruption: SQLAlchemy would connect anew, and not set it up
            self._reconnect()
        try:
            return self._connection.execute(statement, values)
        except DBAPIError:
            self._reconnect()
            return self._connection.execute(statement, values)

    def _set_up(self) -> None:
        kind = self._engine.dialect.name
        statements = [*_SETTINGS.get(kind, ()), *self._lock_limit()]
        if kind == "postgresql":
            statements.append(set_on_postgresql(self._connection.connection.driver_connection))
        for statement in statements:
            try:
                self._connection.exec_driver_sql(statement)
            except DBAPIError:
                self._connection = self._connect()
        if kind in COMMITS_DDL:
            self._session = int(self._connection.exec_driver_sql("select connection_id()").scalar_one())

    def _lock_limit(self) -> list[str]:
        found = _LOCK_LIMITS.get(self._engine.dialect.name)
        return [found.format(self._lock_s, self._lock_s * 1000)] if found else []

    def _connect(self) -> Connection:
        return self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")

    def _reconnect(self) -> None:
        try:
            self._connection.close()
        except SQLAlchemyError:
            self._connection.invalidate()
        self._connection = self._connect()
        self._end_session()
        self._set_up()

    def _end_session(self) -> None:
        """End the session before this one: what it waits to write must not come after what is written now."""
        number, self._session = self._session, 0
        if number:
            try:
                self._connection.exec_driver_sql(f"kill {number}")
            except DBAPIError:
                return  # it has ended


_SETTINGS: Mapping[str, tuple[str, ...]] = {
    "postgresql": ("set idle_session_timeout = 0",),
    "mysql": ("set session wait_timeout = 86400",),
    "mariadb": ("set session wait_timeout = 86400",),
}
_LOCK_LIMITS: Mapping[str, str] = {
    "postgresql": "set lock_timeout = {1}",
    "mysql": "set session innodb_lock_wait_timeout = {0}",
    "mariadb": "set session innodb_lock_wait_timeout = {0}",
}
"""With the limit in seconds and in milliseconds."""


def open_journal(
    connection: Connection, *, path: str, line: str, owner: tuple[str, str], wanted: str, is_dry_run: bool
) -> tuple[Journal | None, str]:
    """Return the journal of the database that `connection` works on, or None, and why there is none.

    `path` is that of an SQLite database, "" for one in memory; `line` names the version table; `owner` is name and
    version of the release; `wanted` is the setting `journal`. A dry run makes no table.

    Raises:
        Failure: the setting is "required", and there can be none.
    """
    kind = connection.dialect.name
    if wanted == "off" or (kind == "sqlite" and not path):
        return None, ""
    if is_dry_run and kind == "sqlite" and not os.path.exists(path + FILE_SUFFIX):
        return None, ""

    def opened() -> Journal | None:
        engine = connection.engine
        if kind == "sqlite":
            engine = create_engine(f"sqlite:///{path}{FILE_SUFFIX}", poolclass=NullPool)
        return _opened(Journal(engine, TABLE, line, owner, is_own=kind == "sqlite"), is_dry_run=is_dry_run)

    try:
        try:
            return opened(), ""
        except DBAPIError:  # a connection that was lost is no reason to go on without one
            return opened(), ""
    except (SQLAlchemyError, OSError) as error:
        told = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        reason = Secret.of(connection.engine.url).blotted(told)
        if wanted == "required":
            raise Failure(
                f"cannot write the migration journal: {reason}",
                FAILED,
                now="nothing was migrated",
                hint='journal = "on" goes on without one',
            ) from error
        return None, reason


def _opened(journal: Journal, *, is_dry_run: bool) -> Journal | None:
    """Return the journal once its table is there; None if a dry run finds no table."""
    try:
        if not is_dry_run:
            journal.prepare()
            return journal
        if journal.exists():
            return journal
    except BaseException:
        journal.close()
        raise
    journal.close()
    return None


def at_work(connection: Connection, *, path: str, line: str) -> Entry | None:
    """Return what is being done to the version table `line` by whoever holds its lock, as far as a journal tells.

    On a server it is asked on `connection`, in a transaction or a savepoint that ends here. `path` is that of an SQLite
    database, whose journal is a file of its own.
    """
    if connection.dialect.name == "sqlite":
        if not os.path.exists(path + FILE_SUFFIX):
            return None
        with create_engine(f"sqlite:///{path}{FILE_SUFFIX}", poolclass=NullPool).connect() as own:
            return _running(own, line)
    with connection.begin_nested() if connection.in_transaction() else connection.begin():
        return _running(connection, line)


def _running(connection: Connection, line: str) -> Entry | None:
    table = _table(connection.dialect.name, TABLE)
    if not inspect(connection).has_table(table.name, schema=table.schema):
        return None
    statement = table.select().where(table.c.line == line, table.c.state == "running")
    row = connection.execute(statement.order_by(table.c.number.desc()).limit(1)).mappings().first()
    return Entry(row) if row is not None else None


def is_half_undone(connection: Connection, *, path: str, line: str) -> bool:
    """Tell whether an undo has committed a part, by a runner that works or one that was killed.

    Asked on the working connection: a second session may not be had from a pooler.
    """
    if connection.dialect.name != "sqlite":
        return _has_open_undo(connection, line)
    if not path or not os.path.exists(path + FILE_SUFFIX):
        return False
    engine = create_engine(f"sqlite:///{path}{FILE_SUFFIX}", poolclass=NullPool)
    with engine.connect() as beside:
        return _has_open_undo(beside, line)


def _has_open_undo(connection: Connection, line: str) -> bool:
    journal = _table(connection.dialect.name, TABLE)
    if not inspect(connection).has_table(journal.name, schema=journal.schema):
        return False
    rows = connection.execute(journal.select().where(journal.c.line == line).order_by(journal.c.number)).mappings()
    return any(
        entry.direction == "down" and entry.is_dirty(is_reached=True)
        for entry in newest(Entry(row) for row in rows).values()
    )


def invalid_indexes(connection: Connection) -> list[str]:
    """Return the indexes that PostgreSQL has begun to make and never finished, none for other databases."""
    if connection.dialect.name != "postgresql":
        return []
    rows: Iterable[Any] = connection.execute(
        text("select indexrelid::regclass::text from pg_index where not indisvalid order by 1")
    )
    return [str(row[0]) for row in rows]


def _table(kind: str, name: str) -> Table:
    schema = SCHEMA if kind == "postgresql" else None
    return Table(
        name if kind in ("postgresql", "sqlite") else TABLE_BESIDE_OTHERS,
        MetaData(schema=schema),
        Column("number", Integer, primary_key=True, autoincrement=True),
        Column("line", String(200), nullable=False),  # schema and name of the version table
        Column("release", String(200), nullable=False),
        Column("version", String(200), nullable=False),
        Column("revision", String(100), nullable=False),
        Column("direction", String(10), nullable=False),  # up, down
        Column("state", String(20), nullable=False),
        Column("outside_tx", Integer, nullable=False),
        Column("statements", Integer, nullable=False),
        Column("last_sql", Text, nullable=False),
        Column("error", Text, nullable=False),
        Column("sha256", String(64), nullable=False),
        Column("phase", String(10), nullable=False),
        Column("compatible", Integer, nullable=False),  # 1, 0, -1 when nobody has said
        Column("restore_point", String(200), nullable=False),
        Column("began_at", String(20), nullable=False),  # UTC
        Column("duration_s", Float, nullable=False),
        Column("host", String(200), nullable=False),
        Column("pid", Integer, nullable=False),
    )
