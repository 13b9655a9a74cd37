"""The question whether there is nothing to do, asked of an URL's database with the bare driver."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from releaser.runtime.migrations.check import Doubt, Url, is_at_heads
from releaser.runtime.release.manifest import Migrations


def record(**more: Any) -> Migrations:
    fields: dict[str, Any] = {
        "name": "default",
        "scripts": "migrations/default",
        "config": "",
        "url": "${DATABASE_URL}",
        "run": "manual",
        "version_table": "alembic_version",
        "line": ["a", "b"],
        "heads": ["b"],
        "files": {},
        "url_is_used": True,
    }
    return Migrations(**{**fields, **more})


def database(folder: Path, *versions: str) -> str:
    """Make a database whose version table holds `versions`, and return its URL."""
    path = folder / "a name.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
    connection.executemany("INSERT INTO alembic_version VALUES (?)", [(version,) for version in versions])
    connection.commit()
    connection.close()
    return f"sqlite:///{path}"


def test_an_url_is_taken_apart_as_sqlalchemy_does() -> None:
    url = Url("postgresql+psycopg://app:p%25x%40y@db:5433/shop?sslmode=require&host=%2Frun")
    assert (url.driver, url.user, url.password, url.host, url.port, url.database) == (
        *("postgresql+psycopg", "app", "p%x@y", "db", "5433", "shop"),
    )
    assert url.query == {"sslmode": "require", "host": "/run"}


@pytest.mark.parametrize("text", ["", "shop.db", "postgresql://[::1]/x", "postgresql:///x?host=a&host=b"])
def test_an_unusual_url_is_a_doubt(text: str) -> None:
    with pytest.raises(Doubt):
        Url(text)


def test_only_the_very_heads_are_an_answer(tmp_path: Path) -> None:
    url = database(tmp_path, "b")
    assert is_at_heads([record()], [url])
    assert not is_at_heads([record(heads=["a"])], [url])
    assert not is_at_heads([record(), record()], [url, f"sqlite:///{tmp_path}/none.db"])


@pytest.mark.parametrize(
    "more", [{"url_is_used": False}, {"scripts": "/src/migrations"}, {"version_table": 'Odd"Name'}], ids=str
)
def test_what_the_build_could_not_tell_is_a_doubt(tmp_path: Path, more: dict[str, Any]) -> None:
    url = database(tmp_path, "b")
    assert is_at_heads([record()], [url])
    assert not is_at_heads([record(**more)], [url])


def test_asking_makes_no_file(tmp_path: Path) -> None:
    assert not is_at_heads([record()], [f"sqlite:///{tmp_path}/none.db"])
    assert list(tmp_path.iterdir()) == []


def note(folder: Path, *rows: tuple[str, str, str, int], line: str = "alembic_version") -> None:
    """Make the journal beside `database`: revision, direction, state, and how many statements stay, of each attempt."""
    connection = sqlite3.connect(folder / "a name.db.migrations")
    columns = "number INTEGER PRIMARY KEY, line TEXT, revision TEXT, direction TEXT, state TEXT, outside_tx INTEGER"
    connection.execute(f"CREATE TABLE migration_journal ({columns})")
    statement = "INSERT INTO migration_journal (line, revision, direction, state, outside_tx) VALUES (?, ?, ?, ?, ?)"
    connection.executemany(statement, [(line, *row) for row in rows])
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    ("rows", "known"),
    [
        ([("b", "up", "done", 0)], True),
        ([("b", "up", "running", 1)], True),
        ([("b", "down", "running", 0)], True),
        ([("b", "down", "running", 1)], False),
        ([("b", "down", "failed", 2)], False),
        ([("b", "down", "interrupted", 2)], False),
        ([("b", "down", "failed", 2), ("a", "up", "done", 0)], False),
        ([("b", "down", "failed", 2), ("b", "up", "done", 0)], True),
    ],
    ids=str,
)
def test_a_head_that_may_be_half_undone_is_no_answer(
    tmp_path: Path, rows: list[tuple[str, str, str, int]], known: bool
) -> None:
    url = database(tmp_path, "b")
    note(tmp_path, *rows)
    assert is_at_heads([record()], [url]) == known
    assert is_at_heads([record(journal="off")], [url])


def test_the_journal_of_another_version_table_is_not_asked(tmp_path: Path) -> None:
    url = database(tmp_path, "b")
    note(tmp_path, ("b", "down", "failed", 1), line="audit_version")
    assert is_at_heads([record()], [url])


def test_a_journal_that_cannot_be_read_is_a_doubt(tmp_path: Path) -> None:
    url = database(tmp_path, "b")
    (tmp_path / "a name.db.migrations").write_text("nothing that SQLite knows" * 100)
    assert not is_at_heads([record()], [url])
