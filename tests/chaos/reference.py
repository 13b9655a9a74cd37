"""How the database has to be after each statement of each revision: schema, counts and checksums.

Made by executing the statements one by one with a driver alone: neither alembic nor a release takes part.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from chaos.revisions import IDENTITIES, Revision
from sqlalchemy import Connection, NullPool, create_engine, inspect, text

NOWHERE = "no revision"
_NOT_THE_PROJECTS = ("alembic_version", "release_migration_journal")


@dataclass(frozen=True, slots=True)
class State:
    """What is in a database, beside the version table: a line for each table, column, index and content."""

    lines: tuple[str, ...]

    def less(self, other: State) -> str:
        """Return where this one differs from another."""
        more = [f"+ {line}" for line in self.lines if line not in other.lines]
        return "; ".join([*more, *(f"- {line}" for line in other.lines if line not in self.lines)])


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at a database has shown."""

    version: str
    state: State
    invalid: tuple[str, ...] = ()
    """Indexes that PostgreSQL has begun to make and never finished; they are not in the state."""


@dataclass(frozen=True, slots=True)
class Reference:
    """The states of one kind of database, by revision and how many of its statements are done."""

    line: tuple[Revision, ...]
    states: dict[tuple[str, int], State]

    def at(self, version: str) -> State:
        """Return the state at a revision, or before the first one."""
        if version == NOWHERE:
            return self.states[IDENTITIES[0], 0]
        return self.states[version, len(self.revision(version).changes)]

    def revision(self, identity: str) -> Revision:
        return self.line[IDENTITIES.index(identity)]

    def done_of(self, identity: str, state: State) -> int | None:
        """Return how many statements of a revision a state has, None where it is neither with so many nor less."""
        for count in range(len(self.revision(identity).changes) + 1):
            if self.states[identity, count] == state:
                return count
        return None


def number_of(version: str) -> int:
    """Return the place of a revision in the line, 0 before the first."""
    return 0 if version == NOWHERE else IDENTITIES.index(version) + 1


def version_at(number: int) -> str:
    """Return the revision at a place in the line."""
    return IDENTITIES[number - 1] if number else NOWHERE


def make_reference(url: str, line: list[Revision]) -> Reference:
    """Execute every statement of the line on the empty database at `url`, then every undo, and note the states."""
    states: dict[tuple[str, int], State] = {}
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for revision in line:
            states[revision.identity, 0] = _state(connection)
            for number, change in enumerate(revision.changes, 1):
                connection.exec_driver_sql(change.do)
                states[revision.identity, number] = _state(connection)
        for revision in reversed(line):
            for number, change in reversed(list(enumerate(revision.changes))):
                connection.exec_driver_sql(change.undo)
                assert _state(connection) == states[revision.identity, number], (revision.identity, change.undo)
    return Reference(tuple(line), states)


def look(url: str) -> Seen:
    """Return what another connection sees in the database."""
    with create_engine(url, poolclass=NullPool).connect() as connection:
        tables = inspect(connection).get_table_names()
        version = NOWHERE
        if "alembic_version" in tables:
            found = connection.execute(text("SELECT version_num FROM alembic_version")).scalars()
            version = ", ".join(sorted(found)) or NOWHERE
        return Seen(version, _state(connection), tuple(_invalid(connection)))


def _state(connection: Connection) -> State:
    lines: list[str] = []
    inspector = inspect(connection)
    invalid = _invalid(connection)
    for table in sorted(inspector.get_table_names()):
        if table in _NOT_THE_PROJECTS:
            continue
        columns = sorted((column["name"], str(column["type"])) for column in inspector.get_columns(table))
        lines.append(f"{table} ({', '.join(' '.join(column) for column in columns)})")
        for index in inspector.get_indexes(table):
            if index["name"] not in invalid:
                lines.append(f"{index['name']} ({', '.join(map(str, index['column_names']))})")
        names = ", ".join(name for name, _ in columns)
        rows = sorted(map(str, connection.execute(text(f"SELECT {names} FROM {table}"))))
        digest = hashlib.sha256("\n".join(rows).encode()).hexdigest()[:12]
        lines.append(f"{table}: {len(rows)} rows, {digest}")
    return State(tuple(sorted(lines)))


def _invalid(connection: Connection) -> list[str]:
    if connection.dialect.name != "postgresql":
        return []
    found = text("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid ORDER BY 1")
    return [str(name) for name in connection.execute(found).scalars()]
