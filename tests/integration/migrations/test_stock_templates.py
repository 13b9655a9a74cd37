"""The env.py files that `alembic init` writes, and the configuration beside them, work unchanged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import NullPool, create_engine, inspect
from support.driving import run
from support.migrated import ACCOUNTS, GENERIC_ENV, revision

if TYPE_CHECKING:
    from conftest import Subject


def init(folder: Path, template: str) -> tuple[str, dict[str, str]]:
    """Return env.py and the configuration files that `alembic init` makes."""
    config = Config(folder / "alembic.ini", toml_file=folder / "pyproject.toml")
    config.print_stdout = lambda *words: None  # type: ignore[method-assign]
    command.init(config, str(folder / "migrations"), template=template)
    texts = {
        name: (folder / name).read_text() for name in ("pyproject.toml", "alembic.ini") if (folder / name).exists()
    }
    return (folder / "migrations" / "env.py").read_text(), texts


@pytest.mark.parametrize("template", ["generic", "pyproject"])
def test_a_stock_environment_migrates_unchanged(subject: Subject, template: str, tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    env, config = init(tmp_path / "project", template)
    assert ("pyproject.toml" in config) == (template == "pyproject")
    release = subject.release(ACCOUNTS, env=env, config=config)
    done = run(release.command("migrate"), environ=subject.environ)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "database is at a003 (head): applied 3 revisions"
    assert "Running upgrade" not in done.stderr  # each revision is told once
    assert subject.ask("SELECT balance FROM account") == [1001]
    again = run(release.command("migrate"), environ=subject.environ)
    assert again.stdout == "nothing to do: the database is at a003 (head)\n"


def test_an_environment_of_two_databases_migrates_both(make_subject: Callable[[str], Subject], tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    env, config = init(tmp_path / "project", "multidb")
    urls = [f"sqlite:///{tmp_path}/one.db", make_subject("postgresql").url]
    ini = config["alembic.ini"]
    for database, url in zip(("dbname2", "dbname"), urls, strict=True):
        ini = ini.replace(f"driver://user:pass@localhost/{database}", url.replace("%", "%%"))
    create = revision(
        "a001", None, "both", 'op.create_table("thing", sa.Column("id", sa.Integer, primary_key=True))'
    ).replace("def upgrade():", "def upgrade(engine_name):")
    subject = make_subject("sqlite")
    release = subject.release({"a001": create}, env=env, config={"alembic.ini": ini}, url="")
    done = run(release.command("migrate"))
    assert done.returncode == 0, done.stderr
    for url in urls:
        engine = create_engine(url, poolclass=NullPool)
        with engine.connect() as connection:
            assert set(inspect(connection).get_table_names()) == {"alembic_version", "thing"}


def test_an_environment_that_opens_one_database_twice_does_not_wait_for_itself(subject: Subject) -> None:
    env = GENERIC_ENV.replace(
        "with connectable",
        "with connectable.connect() as first:\n"
        "    context.configure(connection=first, target_metadata=None)\n"
        "    with context.begin_transaction():\n"
        "        context.run_migrations()\n"
        "    second = connectable.connect()\n"
        "    context.configure(connection=second, target_metadata=None)\n"
        "    with context.begin_transaction():\n"
        "        context.run_migrations()\n"
        "    second.close()\n"
        "if False:\n"
        "  with connectable",
    )
    done = run(subject.release(ACCOUNTS, env=env).command("migrate", "--lock-wait", "5s"), environ=subject.environ)
    assert done.returncode == 0, done.stderr
    assert subject.ask("SELECT balance FROM account") == [1001]


def test_the_statements_of_what_is_pending_are_written_and_not_executed(subject: Subject, tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    env, config = init(tmp_path / "project", "generic")
    release = subject.release(ACCOUNTS, env=env, config=config)
    run(release.command("migrate", "--to", "a002"), environ=subject.environ)
    done = run(release.command("migrate", "--sql"), environ=subject.environ)
    assert done.returncode == 0, done.stderr
    assert "UPDATE account SET balance = balance + 1;" in done.stdout
    assert "ALTER TABLE" not in done.stdout
    assert "UPDATE alembic_version SET version_num='a003'" in done.stdout
    assert subject.version() == ["a002"]
    assert subject.ask("SELECT balance FROM account") == [1000]
