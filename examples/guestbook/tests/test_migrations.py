"""The revisions, on SQLite, or on another database when GUESTBOOK_TEST_DATABASE_URL names an empty one."""

import os
from collections.abc import Iterator

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

from guestbook import database
from guestbook.models import Base


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, alembic: Config) -> Iterator[Engine]:
    """The app's engine, on a database that is emptied again."""
    if url := os.environ.get("GUESTBOOK_TEST_DATABASE_URL"):
        monkeypatch.setenv("DATABASE_URL", url)
    yield database.engine()
    command.downgrade(alembic, "base")


def authors(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(text("SELECT author FROM entries ORDER BY id")))


def test_the_revisions_are_one_line(alembic: Config) -> None:
    revisions = list(ScriptDirectory.from_config(alembic).walk_revisions())
    assert len(revisions) >= 4
    assert not any(revision.is_branch_point or revision.is_merge_point for revision in revisions)


def test_the_newest_revision_is_what_the_models_say(alembic: Config, engine: Engine) -> None:
    command.upgrade(alembic, "head")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_places_move_out_of_the_names_and_back_again(alembic: Config, engine: Engine) -> None:
    names = ["Ada Lovelace, London", "Zoë", "A, B, C", ", nowhere", "Ends with, ", "Åsa 🎉, Örebro", "x" * 100 + ", y"]
    command.upgrade(alembic, "0002")
    with engine.begin() as connection:
        for name in names:
            connection.execute(
                text("INSERT INTO entries (author, message, signed_at) VALUES (:author, 'Hi', '2026-01-02 03:04:05')"),
                {"author": name},
            )

    command.upgrade(alembic, "0003")

    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(text("SELECT author, place FROM entries ORDER BY id"))]
    assert rows == [
        ("Ada Lovelace", "London"),
        ("Zoë", None),
        ("A", "B, C"),
        (", nowhere", None),
        ("Ends with, ", None),
        ("Åsa 🎉", "Örebro"),
        ("x" * 100, "y"),
    ]

    command.downgrade(alembic, "0002")

    assert authors(engine) == names


def test_downgrading_to_the_first_revision_keeps_every_entry(alembic: Config, engine: Engine) -> None:
    command.upgrade(alembic, "head")
    database.sign(engine, [("Ada", "London", "Hi"), ("Niels", None, "Hi")])

    command.downgrade(alembic, "0001")

    assert authors(engine) == ["Ada, London", "Niels"]


def test_downgrading_to_base_leaves_no_table(alembic: Config, engine: Engine) -> None:
    command.upgrade(alembic, "head")
    command.downgrade(alembic, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
