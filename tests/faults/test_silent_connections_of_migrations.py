"""A connection that goes silent: a signal is answered at once and has a limit, and the way out that is named works."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, text
from support.databases import Server, mariadb, postgresql
from support.driving import Running, run, running
from support.handmade import Handmade
from support.migrated import ACCOUNTS, revision, write_migrated
from support.proxy import Proxy, Rule, proxied
from support.waiting import eventually

__all__ = ["mariadb", "postgresql"]
SERVERS = ("postgresql", "mariadb")
PAID = {**ACCOUNTS, "a004": revision("a004", "a003", "pay", 'op.execute("UPDATE account SET balance = balance + 10")')}
AT_ONCE = "interrupted by SIGINT: rolls back a004; once more ends at once"
UNLOCK = "bin/app migrate --unlock --force"


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose path is short enough for the socket of a proxy."""
    with tempfile.TemporaryDirectory(prefix="px", dir="/tmp") as name:
        yield Path(name)


def gated(folder: Path) -> dict[str, str]:
    """Return revisions of which the last one waits after its first statement, as long as there is a gate."""
    gate = folder / "gate"
    gate.touch()
    wait = (
        "import os, time",
        f"open({str(gate) + '.reached'!r}, 'w').close()",
        f"while os.path.exists({str(gate)!r}):",
        "    time.sleep(0.01)",
    )
    pay = 'op.execute("UPDATE account SET balance = balance + 10")'
    return {**ACCOUNTS, "a004": revision("a004", "a003", "pay", pay, *wait)}


def ask(url: str, statement: str) -> list[object]:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return list(connection.execute(text(statement)).scalars())


def migrate(release: Handmade, url: str, *words: str) -> subprocess.CompletedProcess[str]:
    return run(release.command("migrate", *words), environ={"DATABASE_URL": url})


def as_told(release: Handmade, url: str, hint: str) -> subprocess.CompletedProcess[str]:
    """Run the command of a hint, as it is written."""
    words = shlex.split(hint)
    return run([str(release.root / words[0]), *words[1:]], environ={"DATABASE_URL": url})


def is_through_after_unlock(release: Handmade, url: str) -> None:
    """The session that is left has the lock; what exit code 11 says ends it, and the next `migrate` is right."""
    waiter = migrate(release, url, "--lock-wait", "0s")
    assert waiter.returncode == 11
    *_, now, hint = waiter.stderr.splitlines()
    assert now == "  now: this process migrated nothing; the other one may still be at work"
    found = re.fullmatch(r" +hint: if that process has gone, (.*) ends its session", hint)
    assert found is not None, hint
    assert as_told(release, url, found[1]).returncode == 0
    again = migrate(release, url)
    assert again.returncode == 0, again.stderr
    assert ask(url, "SELECT balance FROM account") == [1011]
    assert ask(url, "SELECT version_num FROM alembic_version") == ["a004"]


def own_lines(runner: Running) -> list[str]:
    """Return what was told, without the warnings of psycopg, which cannot cancel the query."""
    return [line for line in runner.stderr.splitlines() if not line.startswith("query ")]


def goes_silent(runner: Running, proxy: Proxy, url: str) -> None:
    """Wait until the runner waits for an answer that does not come."""
    eventually(lambda: proxy.cuts == 1, within=60)
    assert ask(url, "SELECT version_num FROM alembic_version") == ["a003"]
    assert runner.process.poll() is None


def test_one_signal_gives_up_a_silent_connection_and_says_what_another_one_knows(
    server: Server, tmp_path: Path, short: Path
) -> None:
    url = server.fresh_url()
    release = write_migrated(tmp_path / "release", gated(tmp_path))
    with proxied(url, short) as (proxy, through):
        with running(release.command("migrate"), environ={"DATABASE_URL": through}) as runner:
            eventually((tmp_path / "gate.reached").exists, within=60)
            proxy.rules.append(Rule(b"ROLLBACK", "stall"))
            runner.interrupt()
            assert runner.wait(60) == 130
        assert proxy.cuts == 1
        assert runner.stderr.splitlines() == [
            AT_ONCE,
            "error: revision a004 pay was interrupted by SIGINT",
            "  the database did not answer within 5 s: its connection was given up",
            "  now: the database is at a003; this run applied 3 revisions, a004 is not applied, and is rolled back"
            " once the server notices that its connection is gone",
            f"      hint: if its session stays on the server, with the lock, {UNLOCK} ends it",
        ]
        (tmp_path / "gate").unlink()
        is_through_after_unlock(release, url)


def test_one_signal_ends_where_nothing_answers_any_more(server: Server, tmp_path: Path, short: Path) -> None:
    url = server.fresh_url()
    release = write_migrated(tmp_path / "release", PAID)
    with proxied(url, short) as (proxy, through):
        proxy.rules.append(Rule(b"balance + 10", "silence"))
        with running(release.command("migrate"), environ={"DATABASE_URL": through}) as runner:
            goes_silent(runner, proxy, url)
            runner.interrupt()
            assert runner.wait(60) == 130
        assert own_lines(runner) == [
            AT_ONCE,
            "error: interrupted by SIGINT, and ended by itself: no orderly end within 9 s",
            "  now: the database was not asked where it is; this run applied 3 revisions, a004 is not applied, and is"
            " rolled back once the server notices that its connection is gone",
            f"      hint: if its session stays on the server, with the lock, {UNLOCK} ends it",
        ]


def test_a_commit_that_is_not_answered_is_not_called_rolled_back(
    postgresql: Server, tmp_path: Path, short: Path
) -> None:
    url = postgresql.fresh_url()
    release = write_migrated(tmp_path / "release", PAID)
    commit = Rule(b"COMMIT", "stall")

    class Armed(Rule):
        def applies(self, number: int, data: bytes) -> bool:
            if self.text in data:
                commit.connection = number
                proxy.rules.append(commit)
            return False

    with proxied(url, short) as (proxy, through):
        proxy.rules.append(Armed(b"version_num='a004'", "none"))
        with running(release.command("migrate"), environ={"DATABASE_URL": through}) as runner:
            goes_silent(runner, proxy, url)
            runner.interrupt()
            assert runner.wait(60) == 130
    assert (
        "now: the database is at a003; this run applied 3 revisions, a004 is not applied, unless its commit, which was"
        " not answered, took place\n"
    ) in runner.stderr


def test_a_second_signal_ends_at_once(server: Server, tmp_path: Path, short: Path) -> None:
    url = server.fresh_url()
    release = write_migrated(tmp_path / "release", PAID)
    with proxied(url, short) as (proxy, through):
        proxy.rules.append(Rule(b"balance + 10", "silence"))
        with running(release.command("migrate"), environ={"DATABASE_URL": through}) as runner:
            goes_silent(runner, proxy, url)
            runner.interrupt()
            eventually(lambda: AT_ONCE in runner.stderr, within=60)
            runner.interrupt()
            assert runner.wait(60) in (-signal.SIGINT, 130)
    assert "error:" not in runner.stderr


def test_a_signal_ends_a_wait_for_the_lock_on_a_silent_connection(server: Server, tmp_path: Path, short: Path) -> None:
    url = server.fresh_url()
    release = write_migrated(tmp_path / "release", gated(tmp_path))
    with (
        proxied(url, short) as (proxy, through),
        running(release.command("migrate"), environ={"DATABASE_URL": url}) as holder,
    ):
        eventually((tmp_path / "gate.reached").exists, within=60)
        with running(release.command("migrate"), environ={"DATABASE_URL": through}) as waiter:
            eventually(lambda: "waiting for the migration lock, held by app " in waiter.stdout, within=60)
            proxy.is_silent = True
            waiter.interrupt()
            assert waiter.wait(60) == 130
        (tmp_path / "gate").unlink()
        assert holder.wait(60) == 0
    assert own_lines(waiter) == [
        "interrupted by SIGINT: nothing is being applied; once more ends at once",
        "error: interrupted by SIGINT, and ended by itself: no orderly end within 9 s",
        "  now: the database was not asked where it is; nothing was migrated",
    ]


STUCK = (
    "import ctypes",
    "lock = ctypes.create_string_buffer(256)",
    "ctypes.CDLL(None).pthread_mutex_lock(lock)",
    'print("stuck", flush=True)',
    "ctypes.CDLL(None).pthread_mutex_lock(lock)",
)
"""Waits for itself in C code, which no signal ends: as drivers do that are written in C."""


def test_a_signal_is_answered_while_the_main_thread_is_in_c_code(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/data.db"
    release = write_migrated(tmp_path / "release", {**ACCOUNTS, "a004": revision("a004", "a003", "stuck", *STUCK)})
    with running(release.command("migrate"), environ={"DATABASE_URL": url}) as runner:
        eventually(lambda: "stuck\n" in runner.stdout, within=60)
        runner.interrupt()
        eventually(lambda: AT_ONCE in runner.stderr, within=60)
        runner.interrupt()
        assert runner.wait(60) == 130
    with running(release.command("migrate"), environ={"DATABASE_URL": url}) as runner:
        eventually(lambda: "stuck\n" in runner.stdout, within=60)
        runner.process.send_signal(signal.SIGTERM)
        assert runner.wait(60) == 143
    assert runner.stderr.splitlines()[1:] == [
        "error: interrupted by SIGTERM, and ended by itself: no orderly end within 9 s",
        "  now: the database was not asked where it is; a004 is not applied, and is rolled back",
    ]
