"""Several runners on one database, runners that are killed or interrupted, and the lock between them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from support.databases import FEW_SESSIONS, PASSWORD
from support.driving import bare_environment, run, running
from support.migrated import ACCOUNTS, revision
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Subject
    from support.databases import Server

RUNNERS = 8


def held_open(identity: str, down: str, gate: Path, *after: str) -> str:
    """Return a revision that changes data, then waits for as long as the file `gate` exists."""
    return revision(
        identity,
        down,
        "held open",
        'op.execute("UPDATE account SET balance = balance + 1")',
        "import os, time",
        f"open({str(gate) + '.reached'!r}, 'w').close()",
        f"while os.path.exists({str(gate)!r}):",
        "    time.sleep(0.01)",
        *after,
    )


@pytest.mark.parametrize("start", ["fresh", "half-way"])
def test_of_eight_runners_at_once_exactly_one_applies_each_revision(subject: Subject, start: str) -> None:
    release = subject.release(ACCOUNTS)
    if start == "half-way":
        run(release.command("migrate", "--to", "a001"), environ=subject.environ)
    with ExitStack() as stack:
        runners = [
            stack.enter_context(running(release.command("migrate"), environ=subject.environ)) for _ in range(RUNNERS)
        ]
        codes = [runner.wait(60) for runner in runners]
        last = sorted(runner.stdout.splitlines()[-1] for runner in runners if runner.stdout)
        errors = "".join(runner.stderr for runner in runners)
    assert codes == [0] * RUNNERS, errors
    count = 3 if start == "fresh" else 2
    assert last == [
        f"database is at a003 (head): applied {count} revisions",
        *["nothing to do: the database is at a003 (head)"] * (RUNNERS - 1),
    ]
    assert subject.ask("SELECT balance FROM account") == [1001]


def test_a_holder_that_is_killed_frees_the_lock_and_another_one_finishes(subject: Subject, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    release = subject.release({**ACCOUNTS, "a004": held_open("a004", "a003", gate)})
    with running(release.command("migrate"), environ=subject.environ) as holder, ExitStack() as stack:
        eventually((tmp_path / "gate.reached").exists, within=30)
        waiters = [stack.enter_context(running(release.command("migrate"), environ=subject.environ)) for _ in range(3)]
        for waiter in waiters:
            eventually(lambda waiter=waiter: "waiting for the migration lock, held by " in waiter.stdout, within=30)  # type: ignore[misc]
        gate.unlink()
        os.kill(holder.pid, signal.SIGSTOP)  # it must not be quicker than the next line
        os.kill(holder.pid, signal.SIGKILL)
        codes = [waiter.wait(60) for waiter in waiters]
        outputs = [waiter.stdout + waiter.stderr for waiter in waiters]
    assert codes == [0, 0, 0], outputs
    assert subject.version() == ["a004"]
    # The holder was killed before it could commit, so that one of the others did it, once.
    assert subject.ask("SELECT balance FROM account") == [1002]


def test_waiting_ends_at_the_limit_and_names_the_holder(subject: Subject, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    release = subject.release({**ACCOUNTS, "a004": held_open("a004", "a003", gate)})
    with running(release.command("migrate"), environ=subject.environ) as holder:
        eventually((tmp_path / "gate.reached").exists, within=30)
        waiter = run(release.command("migrate", "--lock-wait", "300ms"), environ=subject.environ)
        gate.unlink()
        assert holder.wait(30) == 0
    assert waiter.returncode == 11
    assert waiter.stderr.startswith("error: the database's migration lock was not free within 0.3 s: held by ")
    time = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
    session = {
        "sqlite": rf"since {time}",
        "postgresql": rf"server pid \d+, from a local socket, connected {time}, idle in transaction since {time}",
        "mariadb": r"connection \d+ of app from localhost, sleep for \d+ s",
    }[subject.kind]
    named = rf"held by app 1\.0\.0 \S+:{holder.pid} \({session}\), at a004 since {time}"
    assert re.search(f"waiting for the migration lock, {named}\n", waiter.stdout), waiter.stdout
    said, now, *hint = waiter.stderr.splitlines()
    assert re.search(f": {named}$", said), said
    assert now == "  now: this process migrated nothing; the other one may still be at work"
    unlock = "if that process has gone, bin/app migrate --unlock --force ends its session"
    assert hint == ([] if subject.kind == "sqlite" else [f"      hint: {unlock}"])
    assert subject.version() == ["a004"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_a_revision_rolls_it_back_and_says_so(subject: Subject, tmp_path: Path, number: int) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    release = subject.release({**ACCOUNTS, "a004": held_open("a004", "a003", gate)})
    with running(release.command("migrate"), environ=subject.environ) as runner:
        eventually((tmp_path / "gate.reached").exists, within=30)
        os.kill(runner.pid, number)
        code = runner.wait(30)
    assert code == 128 + number
    name = signal.Signals(number).name
    assert runner.stderr.startswith(
        f"interrupted by {name}: rolls back a004; once more ends at once\n"
        f"error: revision a004 held open was interrupted by {name}\n"
    )
    assert "now: the database is at a003; this run applied 3 revisions, a004 was rolled back" in runner.stderr
    assert subject.ask("SELECT balance FROM account") == [1001]


def long_statement(kind: str) -> str:
    """Return a statement that runs for a minute."""
    return {
        "sqlite": (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000)"
            " SELECT count(*) FROM n"
        ),
        "postgresql": "SELECT pg_sleep(60)",
        "mariadb": "SELECT sleep(60)",
    }[kind]


def test_a_signal_ends_a_statement_that_would_run_for_a_minute(subject: Subject, tmp_path: Path) -> None:
    reached = tmp_path / "reached"
    slow = revision(
        "a004", "a003", "slow", f"open({str(reached)!r}, 'w').close()", f'op.execute("{long_statement(subject.kind)}")'
    )
    release = subject.release({**ACCOUNTS, "a004": slow})
    with running(release.command("migrate"), environ=subject.environ) as runner:
        eventually(reached.exists, within=30)
        os.kill(runner.pid, signal.SIGTERM)
        code = runner.wait(30)
    assert code == 143, runner.stderr
    assert "interrupted by SIGTERM" in runner.stderr
    assert subject.version() == ["a003"]


def test_a_runner_whose_reader_has_gone_finishes_its_revision_and_begins_no_other(
    subject: Subject, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    last = revision("a005", "a004", "never begun", 'op.execute("UPDATE account SET balance = 0")')
    noisy = held_open("a004", "a003", gate, "print('still here', flush=True)")
    release = subject.release({**ACCOUNTS, "a004": noisy, "a005": last})
    reader, writer = os.pipe()
    environ = {**bare_environment(), **subject.environ}
    runner: subprocess.Popen[Any] = subprocess.Popen(
        release.command("migrate"), env=environ, stdout=writer, stderr=writer, start_new_session=True
    )
    try:
        os.close(writer)
        eventually((tmp_path / "gate.reached").exists, within=30)
        os.close(reader)
        gate.unlink()
        assert runner.wait(30) == 1
    finally:
        runner.kill()
        runner.wait()
    assert subject.version() == ["a004"]
    assert subject.ask("SELECT balance FROM account") == [1002]


@pytest.mark.parametrize("start", ["fresh", "half-way"])
def test_through_a_pooler_in_transaction_mode_exactly_one_applies_each_revision(
    make_subject: Callable[[str], Subject], start: str
) -> None:
    subject = make_subject("pgbouncer")
    index = revision(
        "a004",
        "a003",
        "index",
        'op.execute("UPDATE account SET balance = balance + 1")',
        "with op.get_context().autocommit_block():",
        '    op.create_index("ix_owner", "account", ["owner"], postgresql_concurrently=True)',
    )
    slow = revision("a005", "a004", "slow", 'op.execute("SELECT pg_sleep(0.5)")')
    release = subject.release({**ACCOUNTS, "a004": index, "a005": slow})
    if start == "half-way":
        run(release.command("migrate", "--to", "a002"), environ=subject.environ)
    with ExitStack() as stack:
        runners = [
            stack.enter_context(running(release.command("migrate"), environ=subject.environ)) for _ in range(RUNNERS)
        ]
        codes = [runner.wait(60) for runner in runners]
        outputs = [runner.stdout + runner.stderr for runner in runners]
    assert codes == [0] * RUNNERS, outputs
    assert any("warning: a pooler in transaction mode is in front of the database" in output for output in outputs)
    assert sum(f"applied {5 if start == 'fresh' else 3} revisions" in output for output in outputs) == 1
    assert subject.ask("SELECT balance FROM account") == [1002]
    assert subject.ask("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [0]


@pytest.mark.parametrize("sessions", FEW_SESSIONS)
def test_a_pooler_with_too_few_sessions_is_told_before_anything_is_done(
    sqlite: Subject, postgresql: Server, pgbouncer: Server, sessions: int
) -> None:
    name = FEW_SESSIONS[sessions]
    postgresql.execute(f"CREATE DATABASE {name}")
    url = pgbouncer.url_of(name, quote(PASSWORD, safe=""))
    done = run(sqlite.release(ACCOUNTS).command("migrate", "--lock-wait", "2s"), environ={"DATABASE_URL": url})
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: the pooler in front of the database gave too few sessions: a migration through it needs 3 at the"
        " same time",
        "  now: nothing was migrated",
        "      hint: give migrations.url the server itself, or the pooler more (PgBouncer: default_pool_size)",
    ]
