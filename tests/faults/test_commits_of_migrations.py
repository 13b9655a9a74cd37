"""What is said of a revision is what the database says: commits that fail, and connections lost around them.

The words themselves; whether they are so, tests/chaos finds out at every point.
"""

from __future__ import annotations

import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, text
from support.databases import Server, mariadb, postgresql
from support.driving import run, running
from support.handmade import Handmade
from support.migrated import ACCOUNTS, revision, write_migrated
from support.proxy import Proxy, Rule, proxied
from support.waiting import eventually

__all__ = ["mariadb", "postgresql"]
SERVERS = ("postgresql", "mariadb")
PAY = 'op.execute("UPDATE account SET balance = balance + 1")'
BLOCK = ("with op.get_context().autocommit_block():", '    op.execute("{}")')


def in_a_block(statement: str) -> tuple[str, str]:
    return BLOCK[0], BLOCK[1].format(statement)


def ask(url: str, statement: str) -> list[object]:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return list(connection.execute(text(statement)).scalars())


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose path is short enough for the socket of a proxy."""
    with tempfile.TemporaryDirectory(prefix="px", dir="/tmp") as name:
        yield Path(name)


def migrate(release: Handmade, url: str, *words: str) -> subprocess.CompletedProcess[str]:
    return run(release.command("migrate", *words), environ={"DATABASE_URL": url})


def is_through(release: Handmade, url: str, balance: int, head: str) -> None:
    """One more `migrate`: the database is what it should be, and nothing was done twice."""
    again = migrate(release, url)
    assert again.returncode == 0, again.stderr
    assert ask(url, "SELECT balance FROM account") == [balance]
    assert ask(url, "SELECT version_num FROM alembic_version") == [head]


PLAIN = {**ACCOUNTS, "a004": revision("a004", "a003", "more", PAY), "a005": revision("a005", "a004", "last", PAY)}


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_connection_that_is_lost_at_the_commit_of_a_revision(
    server: Server, when: str, tmp_path: Path, short: Path
) -> None:
    url = server.fresh_url()
    release = write_migrated(tmp_path / "release", PLAIN)
    assert migrate(release, url, "--to", "a003").returncode == 0
    with proxied(url, short) as (proxy, through):
        cut_after_version(proxy, "a004", when)
        done = migrate(release, through)
    assert proxy.cuts == 1
    assert done.returncode == 1
    if when == "after":
        assert done.stderr.startswith(
            "error: revision a004 more is applied, but the connection was lost after its commit"
        )
        assert "now: the database is at a004; this run applied 1 revision\n" in done.stderr
        assert "hint: run `bin/app migrate` again for the rest, as it was called" in done.stderr
        assert ask(url, "SELECT balance FROM account") == [1002]
    else:
        assert done.stderr.startswith("error: revision a004 more failed: ")
        assert (
            "now: the database is at a003; a004 is not applied: its connection was lost before its commit"
            in done.stderr
        )
        assert "hint" not in done.stderr
        assert ask(url, "SELECT balance FROM account") == [1001]
    is_through(release, url, 1003, "a005")


def cut_after_version(proxy: Proxy, revision_id: str, when: str) -> None:
    """Cut the connection at the first COMMIT that follows the row of that revision in the version table."""
    commit = Rule(b"COMMIT", when)

    class Armed(Rule):
        def applies(self, number: int, data: bytes) -> bool:
            if self.text in data:
                commit.connection = number
                proxy.rules.append(commit)
            return False

    proxy.rules.append(Armed(f"version_num='{revision_id}'".encode(), "before"))


DEFERRED = revision(
    "a004",
    "a003",
    "orphans",
    'op.execute("CREATE TABLE child (account INT REFERENCES account (id) DEFERRABLE INITIALLY DEFERRED)")',
    'op.execute("INSERT INTO child SELECT 7 WHERE NOT EXISTS (SELECT 1 FROM account WHERE id = 7)")',
)


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_a_commit_that_the_database_refuses_has_kept_nothing(server: Server, tmp_path: Path) -> None:
    url = server.fresh_url()
    release = write_migrated(tmp_path / "release", {**ACCOUNTS, "a004": DEFERRED})
    done = migrate(release, url)
    assert done.returncode == 1
    assert "violates foreign key constraint" in done.stderr
    assert "now: the database is at a003; this run applied 3 revisions, a004 was rolled back\n" in done.stderr
    assert "undo" not in done.stderr
    assert migrate(release, url).returncode == 1  # the same again, not 12
    with create_engine(url, poolclass=NullPool).begin() as connection:
        connection.execute(text("INSERT INTO account (id, balance) VALUES (7, 0)"))
    again = migrate(release, url)
    assert again.returncode == 0, again.stderr


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_a_commit_in_the_middle_that_the_database_refuses_has_kept_nothing_either(
    server: Server, tmp_path: Path
) -> None:
    middle = revision(
        "a004",
        "a003",
        "middle",
        PAY,
        'op.execute("CREATE TABLE child (account INT REFERENCES account (id) DEFERRABLE INITIALLY DEFERRED)")',
        'op.execute("INSERT INTO child VALUES (7)")',
        *in_a_block("CREATE INDEX CONCURRENTLY by_balance ON account (balance)"),
    )
    url = server.fresh_url()
    release = write_migrated(tmp_path / "release", {**ACCOUNTS, "a004": middle})
    done = migrate(release, url)
    assert done.returncode == 1
    assert "now: the database is at a003; this run applied 3 revisions, a004 was rolled back\n" in done.stderr
    assert ask(url, "SELECT balance FROM account") == [1001]
    assert migrate(release, url).returncode == 1  # not 12: nothing was left half-way


FIRST_BLOCK = revision("a004", "a003", "first block", *in_a_block("CREATE INDEX one ON account (balance)"))


def gated(folder: Path) -> dict[str, str]:
    """Return revisions of which the last one waits, in the midst of a transaction, before its block."""
    gate = folder / "gate"
    gate.touch()
    wait = (
        "import os, time",
        f"open({str(gate) + '.reached'!r}, 'w').close()",
        f"while os.path.exists({str(gate)!r}):",
        "    time.sleep(0.01)",
    )
    last = revision("a005", "a004", "second block", PAY, *wait, *in_a_block("CREATE INDEX two ON account (owner)"), PAY)
    return {**ACCOUNTS, "a004": FIRST_BLOCK, "a005": last}


def test_a_journal_that_is_lost_connects_anew(server: Server, tmp_path: Path, short: Path) -> None:
    url = server.fresh_url()
    release = write_migrated(tmp_path / "release", gated(tmp_path))
    with proxied(url, short) as (proxy, through):
        with running(release.command("migrate"), environ={"DATABASE_URL": through}) as runner:
            eventually((tmp_path / "gate.reached").exists, within=60)
            (journal,) = {pair.number for pair in proxy.pairs if _is_journal(pair.sent)}
            proxy.rules.append(Rule(b"migration_journal", "before", connection=journal))
            (tmp_path / "gate").unlink()
            code = runner.wait(60)
        assert proxy.cuts == 1
        assert code == 0, runner.stderr
    assert ask(url, "SELECT balance FROM account") == [1003]
    is_through(release, url, 1003, "a005")


def _is_journal(sent: list[bytes]) -> bool:
    return any(b"migration_journal" in data and b"INSERT" in data.upper() for data in sent)


def test_a_journal_that_cannot_be_written_any_more_lets_nothing_be_committed(
    server: Server, tmp_path: Path, short: Path
) -> None:
    url = server.fresh_url()
    release = write_migrated(tmp_path / "release", gated(tmp_path))
    with (
        proxied(url, short) as (proxy, through),
        running(release.command("migrate"), environ={"DATABASE_URL": through}) as runner,
    ):
        eventually((tmp_path / "gate.reached").exists, within=60)
        proxy.rules.append(Rule(b"UPDATE", "before", nth=0))
        (tmp_path / "gate").unlink()
        code = runner.wait(60)
    assert code == 1, runner.stderr
    assert "now: the database is at a004; this run applied 4 revisions, a005 was rolled back\n" in runner.stderr
    assert ask(url, "SELECT balance FROM account") == [1001]
    is_through(release, url, 1003, "a005")


def test_a_signal_while_the_journal_waits_lets_nothing_be_committed(server: Server, tmp_path: Path) -> None:
    url = server.fresh_url()
    release = write_migrated(tmp_path / "release", gated(tmp_path))
    is_postgresql = url.startswith("postgresql")
    table = "release_meta.migration_journal" if is_postgresql else "release_migration_journal"
    with running(release.command("migrate"), environ={"DATABASE_URL": url}) as runner:
        eventually((tmp_path / "gate.reached").exists, within=60)
        with create_engine(url, poolclass=NullPool).begin() as connection:
            connection.execute(text(f"SELECT * FROM {table} FOR UPDATE"))
            (tmp_path / "gate").unlink()
            eventually(lambda: _waits(url, is_postgresql), within=60)
            runner.process.send_signal(signal.SIGTERM)
            code = runner.wait(60)
    assert code == 143
    assert "a005 was rolled back\n" in runner.stderr
    assert ask(url, "SELECT balance FROM account") == [1001]
    is_through(release, url, 1003, "a005")


def _waits(url: str, is_postgresql: bool) -> bool:
    if is_postgresql:
        return bool(ask(url, "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))
    return bool(ask(url, "SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"))
