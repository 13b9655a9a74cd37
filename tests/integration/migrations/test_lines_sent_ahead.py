"""A line of PostgreSQL's journal is on its way while its revision is at work, and there before that is committed."""

from __future__ import annotations

import signal
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import NullPool, create_engine, text
from support.driving import run, running
from support.migrated import ACCOUNTS, revision
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Subject
    from support.driving import Running
    from support.handmade import Handmade

NOTE = revision("a004", "a003", "note", 'op.add_column("account", sa.Column("note", sa.String(20)))')
STATES = "SELECT state FROM release_meta.migration_journal WHERE revision = 'a004'"


def at_a003(subject: Subject) -> Handmade:
    """Return a release whose a004 is pending."""
    release = subject.release({**ACCOUNTS, "a004": NOTE})
    assert run(release.command("migrate", "--to", "a003"), environ=subject.environ).returncode == 0
    return release


@contextmanager
def journal_locked(subject: Subject) -> Iterator[None]:
    """Let nobody write into the journal; it can be read."""
    with create_engine(subject.url, poolclass=NullPool).begin() as connection:
        connection.execute(text("LOCK TABLE release_meta.migration_journal IN EXCLUSIVE MODE"))
        yield


def waiting_lines(subject: Subject) -> list[int]:
    """Return the sessions that wait to write into the journal."""
    return subject.ask(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        " AND query ILIKE 'insert into release_meta.%'"
    )


def is_before_its_commit(subject: Subject) -> bool:
    """Tell whether a session has recorded its revision, and not committed it."""
    return bool(
        subject.ask(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'"
            " AND query LIKE 'UPDATE alembic_version%'"
        )
    )


@contextmanager
def migrating_behind_a_locked_journal(
    subject: Subject, release: Handmade
) -> Iterator[tuple[Running, Callable[[], None]]]:
    """Run `migrate` up to its COMMIT, whose line nobody lets be written; yield it, and what lets go of the journal."""
    with ExitStack() as stack:
        locked = stack.enter_context(ExitStack())
        locked.enter_context(journal_locked(subject))
        runner = stack.enter_context(running(release.command("migrate"), environ=subject.environ))
        eventually(lambda: is_before_its_commit(subject) and waiting_lines(subject), within=30)
        yield runner, locked.close


def test_a_revision_waits_for_its_line_at_its_end_and_not_before(make_subject: Callable[[str], Subject]) -> None:
    subject = make_subject("postgresql")
    release = at_a003(subject)
    with migrating_behind_a_locked_journal(subject, release) as (runner, unlock):
        assert subject.ask(STATES) == []
        assert subject.version() == ["a003"]
        unlock()
        assert runner.wait(60) == 0, runner.stderr
    assert subject.ask(STATES) == ["done"]
    assert subject.version() == ["a004"]


def test_a_line_that_is_lost_on_its_way_is_written_anew(make_subject: Callable[[str], Subject]) -> None:
    subject = make_subject("postgresql")
    release = at_a003(subject)
    with migrating_behind_a_locked_journal(subject, release) as (runner, unlock):
        (lost,) = waiting_lines(subject)
        subject.do(f"SELECT pg_terminate_backend({lost})")
        eventually(lambda: {*waiting_lines(subject)} - {lost}, within=30)
        assert subject.version() == ["a003"]
        unlock()
        assert runner.wait(60) == 0, runner.stderr
    assert subject.ask(STATES) == ["done"]
    assert subject.version() == ["a004"]


def test_a_signal_while_a_line_is_on_its_way_lets_nothing_be_committed(make_subject: Callable[[str], Subject]) -> None:
    subject = make_subject("postgresql")
    release = at_a003(subject)
    with journal_locked(subject), running(release.command("migrate"), environ=subject.environ) as runner:
        eventually(lambda: is_before_its_commit(subject) and waiting_lines(subject), within=30)
        runner.process.send_signal(signal.SIGTERM)
        assert runner.wait(60) == 143
    assert "now: the database is at a003; a004 was rolled back\n" in runner.stderr
    assert subject.version() == ["a003"]
    assert "note" not in subject.columns("account")
    assert run(release.command("migrate"), environ=subject.environ).returncode == 0
    assert subject.version() == ["a004"]


def test_a_revision_that_fails_while_its_line_is_on_its_way_is_noted_as_failed(
    make_subject: Callable[[str], Subject],
) -> None:
    subject = make_subject("postgresql")
    release = subject.release({**ACCOUNTS, "a004": revision("a004", "a003", "broken", 'op.execute("nonsense")')})
    assert run(release.command("migrate"), environ=subject.environ).returncode == 1
    assert subject.ask(STATES) == ["failed"]


def test_a_line_is_written_in_the_encoding_of_its_session(make_subject: Callable[[str], Subject]) -> None:
    subject = make_subject("postgresql")
    release = subject.release({**ACCOUNTS, "a004": NOTE})
    done = run(release.command("migrate"), environ={"DATABASE_URL": f"{subject.url}&client_encoding=latin1"})
    assert done.returncode == 0, done.stderr
    assert subject.ask(STATES) == ["done"]


def test_a_line_that_was_given_up_is_not_written_later(make_subject: Callable[[str], Subject]) -> None:
    subject = make_subject("postgresql")
    release = at_a003(subject)
    with journal_locked(subject):
        with running(release.command("migrate"), environ=subject.environ) as runner:
            eventually(lambda: is_before_its_commit(subject) and waiting_lines(subject), within=30)
            runner.process.send_signal(signal.SIGTERM)
            assert runner.wait(60) == 143
        eventually(lambda: not waiting_lines(subject), within=5)
    assert subject.ask(STATES) == []


def test_a_revision_may_lock_the_journal_itself(make_subject: Callable[[str], Subject]) -> None:
    subject = make_subject("postgresql")
    first = "LOCK TABLE release_meta.migration_journal IN ACCESS EXCLUSIVE MODE"
    names = [f"b{number:02}" for number in range(12)]
    chain = {
        name: revision(name, before, name, f'op.execute("{first}")')
        for before, name in zip(["a003", *names], names, strict=False)
    }
    release = subject.release({**ACCOUNTS, **chain})
    done = run(release.command("migrate"), environ=subject.environ)
    assert done.returncode == 0, done.stderr
    assert subject.version() == [names[-1]]
