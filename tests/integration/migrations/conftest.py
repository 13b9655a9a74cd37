"""What the tests of migrations share: a fresh database of each kind, and releases that migrate it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine, inspect, text
from support.databases import mariadb, pgbouncer, postgresql
from support.handmade import Handmade
from support.migrated import write_migrated

__all__ = ["mariadb", "pgbouncer", "postgresql"]

KINDS = ("sqlite", "postgresql", "mariadb")


class Subject:
    """A fresh database and the releases that migrate it."""

    def __init__(self, kind: str, url: str, folder: Path) -> None:
        self.kind = kind
        self.url = url
        self.environ = {"DATABASE_URL": url}
        self.folder = folder
        self._count = 0

    def release(self, revisions: Mapping[str, str], **more: Any) -> Handmade:
        """Write a release with these revisions, in a folder of its own."""
        self._count += 1
        return write_migrated(self.folder / f"release {self._count}", revisions, **more)

    def ask(self, statement: str) -> list[Any]:
        """Return the first column of each row."""
        engine = create_engine(self.url, poolclass=NullPool)
        with engine.connect() as connection:
            return list(connection.execute(text(statement)).scalars())

    def do(self, statement: str) -> None:
        """Run one statement and commit it."""
        engine = create_engine(self.url, poolclass=NullPool)
        with engine.begin() as connection:
            connection.execute(text(statement))

    def do_in_journal(self, statement: str) -> None:
        """Run one statement, in which `{}` is the journal's table, on the database that holds that."""
        url = f"{self.url}.migrations" if self.kind == "sqlite" else self.url
        names = {"sqlite": "migration_journal", "postgresql": "release_meta.migration_journal"}
        with create_engine(url, poolclass=NullPool).begin() as connection:
            connection.execute(text(statement.format(names.get(self.kind, "release_migration_journal"))))

    def version(self) -> list[str]:
        """Return where the database is; nothing if it has no version table."""
        return self.ask("SELECT version_num FROM alembic_version") if "alembic_version" in self.tables() else []

    def tables(self) -> set[str]:
        """Return the names of the tables."""
        engine = create_engine(self.url, poolclass=NullPool)
        with engine.connect() as connection:
            return set(inspect(connection).get_table_names())

    def columns(self, table: str) -> set[str]:
        """Return the names of a table's columns."""
        engine = create_engine(self.url, poolclass=NullPool)
        with engine.connect() as connection:
            return {column["name"] for column in inspect(connection).get_columns(table)}


@pytest.fixture
def make_subject(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Subject]:
    """Return a function that makes a fresh database of a kind."""

    def make(kind: str) -> Subject:
        if kind == "sqlite":
            return Subject(kind, f"sqlite:///{tmp_path}/data.db", tmp_path)
        return Subject(kind, request.getfixturevalue(kind).fresh_url(), tmp_path)

    return make


@pytest.fixture(params=KINDS)
def subject(request: pytest.FixtureRequest, make_subject: Callable[[str], Subject]) -> Subject:
    """A fresh database, once of each kind."""
    return make_subject(request.param)


@pytest.fixture
def sqlite(make_subject: Callable[[str], Subject]) -> Subject:
    """A fresh SQLite database, for what does not depend on the kind."""
    return make_subject("sqlite")
