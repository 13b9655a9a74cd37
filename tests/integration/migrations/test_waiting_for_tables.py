"""A revision that cannot get the lock of a table gives up soon, is tried again, and blocks nobody for long."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import NullPool, create_engine, make_url, text
from support.driving import run, running
from support.migrated import ACCOUNTS, GENERIC_ENV, revision
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Subject

NOTE = revision(
    "a004",
    "a003",
    "note",
    'op.execute("UPDATE account SET balance = balance + 1 WHERE id = 2")',
    'op.add_column("account", sa.Column("note", sa.String(20)))',
)


@contextmanager
def forgotten_transaction(subject: Subject, statement: str = "SELECT count(*) FROM account") -> Iterator[None]:
    """Hold what a session holds that has used a table and never ended its transaction."""
    with create_engine(subject.url, poolclass=NullPool).connect() as connection:
        connection.execute(text(statement))
        yield


def test_a_revision_without_its_lock_is_rolled_back_and_tried_again(make_subject: Callable[[str], Subject]) -> None:
    subject = make_subject("postgresql")
    release = subject.release({**ACCOUNTS, "a004": NOTE})
    run(release.command("migrate", "--to", "a003"), environ=subject.environ)
    with ExitStack() as stack:
        runner = stack.enter_context(running(release.command("migrate"), environ=subject.environ))
        with forgotten_transaction(subject):
            eventually(lambda: "(2 of 20)" in runner.stdout, within=30)
            # Between the tries, and for a moment within one, others go on.
            assert subject.ask("SELECT balance FROM account") == [1001]
        assert runner.wait(60) == 0, runner.stderr
        lines = [line for line in runner.stdout.splitlines() if not line.startswith("restore point: ")]
    told = "a004 note: did not get a lock within 0.4 s; rolled back, next try in "
    assert lines[1].startswith(told), lines
    assert lines[-1] == "database is at a004 (head): applied 1 revision"
    found = subject.ask("SELECT state FROM release_meta.migration_journal WHERE revision = 'a004' ORDER BY number")
    assert found[:2] == ["rolled back", "rolled back"]
    assert found[-1] == "done"


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_after_the_last_try_the_release_fails_and_the_database_is_unchanged(
    make_subject: Callable[[str], Subject], kind: str
) -> None:
    subject = make_subject(kind)
    only_ddl = revision("a004", "a003", "note", 'op.add_column("account", sa.Column("note", sa.String(20)))')
    release = subject.release({**ACCOUNTS, "a004": only_ddl}, settings={"retries": 1, "lock_timeout_s": 0.1})
    run(release.command("migrate", "--to", "a003"), environ=subject.environ)
    with forgotten_transaction(subject):
        failed = run(release.command("migrate"), environ=subject.environ)
    assert failed.returncode == 1
    waited = "1 s" if kind == "mariadb" else "0.1 s"  # which knows whole seconds
    assert failed.stdout.count(f"did not get a lock within {waited}; rolled back") == 1
    assert "now: the database is at a003; a004 was rolled back" in failed.stderr
    assert "note" not in subject.columns("account")
    assert run(release.command("migrate"), environ=subject.environ).returncode == 0


@pytest.mark.parametrize(
    ("where", "sleep", "said"),
    [
        ("postgresql", "SELECT pg_sleep(600)", "canceling statement due to statement timeout"),
        ("pgbouncer", "SELECT pg_sleep(600)", "canceling statement due to statement timeout"),
        ("mariadb", "SELECT sleep(600)", "max_statement_time exceeded"),
    ],
)
def test_a_statement_that_takes_too_long_fails_and_the_revision_is_rolled_back(
    where: str, sleep: str, said: str, make_subject: Callable[[str], Subject]
) -> None:
    subject = make_subject(where)
    body = ('op.execute("UPDATE account SET balance = 0")', f'op.execute("{sleep}")')
    release = subject.release({**ACCOUNTS, "a004": revision("a004", "a003", "sleep", *body)})
    assert run(release.command("migrate", "--to", "a003"), environ=subject.environ).returncode == 0
    release = subject.release(
        {**ACCOUNTS, "a004": revision("a004", "a003", "sleep", *body)}, settings={"statement_timeout_s": 0.5}
    )
    failed = run(release.command("migrate"), environ=subject.environ)
    assert failed.returncode == 1
    assert said in failed.stderr
    assert "now: the database is at a003; a004 was rolled back" in failed.stderr
    assert subject.ask("SELECT balance FROM account WHERE id = 1") != [0]


@pytest.mark.parametrize("where", ["postgresql", "pgbouncer"])
def test_neither_a_pool_of_the_author_nor_a_pooler_keeps_the_lock_between_the_tries(
    where: str, make_subject: Callable[[str], Subject]
) -> None:
    subject = make_subject(where)
    env = GENERIC_ENV.replace(", poolclass=pool.NullPool", "")
    release = subject.release({**ACCOUNTS, "a004": NOTE}, env=env)
    run(release.command("migrate", "--to", "a003"), environ=subject.environ)
    with running(release.command("migrate"), environ=subject.environ) as runner:
        with forgotten_transaction(subject):
            eventually(lambda: "(1 of 20)" in runner.stdout, within=30)
        assert runner.wait(60) == 0, runner.stderr
        assert "waiting for the migration lock" not in runner.stdout
    assert subject.version() == ["a004"]


def test_an_index_made_concurrently_waits_for_as_long_as_it_takes(make_subject: Callable[[str], Subject]) -> None:
    subject = make_subject("postgresql")
    index = revision(
        "a004",
        "a003",
        "index",
        "with op.get_context().autocommit_block():",
        '    op.create_index("ix_owner", "account", ["owner"], postgresql_concurrently=True)',
        "    op.execute(\"SELECT 1 / (current_setting('lock_timeout') = '100ms')::int\")",
    )
    release = subject.release({**ACCOUNTS, "a004": index}, settings={"lock_timeout_s": 0.1})
    run(release.command("migrate", "--to", "a003"), environ=subject.environ)
    with running(release.command("migrate"), environ=subject.environ) as runner:
        with forgotten_transaction(subject, "UPDATE account SET balance = balance"):
            waiting = "FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONC%' AND wait_event = 'virtualxid'"
            longer = f"SELECT extract(epoch FROM now() - query_start) > 0.3 {waiting}"
            eventually(lambda: subject.ask(longer) == [True], within=30)
        assert runner.wait(60) == 0, runner.stderr
    assert subject.ask("SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_owner'::regclass") == [True]


def test_a_server_that_only_imitates_the_lock_is_refused_unless_something_else_locks(
    make_subject: Callable[[str], Subject],
) -> None:
    subject = make_subject("postgresql")
    subject.do("CREATE FUNCTION version() RETURNS text LANGUAGE sql AS $$ SELECT 'CockroachDB CCL v24.1' $$")
    name = make_url(subject.url).database
    subject.do(f"ALTER DATABASE {name} SET search_path = public, pg_catalog")
    refused = run(subject.release(ACCOUNTS).command("migrate"), environ=subject.environ)
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: cannot migrate: CockroachDB takes PostgreSQL's advisory locks")
    assert subject.tables() == set()
    allowed = run(subject.release(ACCOUNTS, settings={"lock": "external"}).command("migrate"), environ=subject.environ)
    assert allowed.returncode == 0, allowed.stderr
    assert subject.version() == ["a003"]
