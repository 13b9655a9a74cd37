"""The journal of migrations: what it remembers, and how a revision that was left half-way is dealt with."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
from typing import TYPE_CHECKING

import pytest
from support.driving import run, running
from support.migrated import ACCOUNTS, revision
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from conftest import Subject

JOURNALS = {"postgresql": "release_meta.migration_journal", "mariadb": "release_migration_journal"}
KINDS = ["postgresql", "mariadb"]


def half_way(kind: str, gate: Path) -> dict[str, str]:
    """Return revisions of which the last one stops in the middle, with one change that nothing can undo."""
    index = {
        "postgresql": (
            "with op.get_context().autocommit_block():",
            '    op.execute("CREATE INDEX CONCURRENTLY ix_owner ON account (owner)")',
        ),
        "mariadb": ('op.execute("CREATE INDEX ix_owner ON account (owner)")',),
    }[kind]
    last = revision(
        "a004",
        "a003",
        "index owner",
        'op.execute("UPDATE account SET balance = balance + 1")',
        *index,
        "import os, time",
        f"open({str(gate) + '.reached'!r}, 'w').close()",
        f"while os.path.exists({str(gate)!r}):",
        "    time.sleep(0.01)",
    )
    return {**ACCOUNTS, "a004": last}


def leave_half_way(subject: Subject, gate: Path) -> Mapping[str, str]:
    """Kill a runner in the middle of its last revision, and return the revisions."""
    gate.touch()
    revisions = half_way(subject.kind, gate)
    release = subject.release(revisions)
    with running(release.command("migrate"), environ=subject.environ) as runner:
        eventually(gate.with_name("gate.reached").exists, within=30)
        os.kill(runner.pid, signal.SIGKILL)
        runner.wait()
    gate.unlink()
    return revisions


@pytest.mark.parametrize("kind", KINDS)
def test_a_revision_left_half_way_is_refused_by_name_until_it_is_resolved(
    make_subject: Callable[[str], Subject], kind: str, tmp_path: Path
) -> None:
    subject = make_subject(kind)
    revisions = leave_half_way(subject, tmp_path / "gate")
    release = subject.release(revisions)
    for _ in range(2):
        refused = run(release.command("migrate"), environ=subject.environ)
        assert refused.returncode == 12, refused.stderr
        lines = refused.stderr.splitlines()
        assert lines[0].startswith("error: revision a004 was left half-way by app 1.0.0 on ")
        assert lines[1].startswith("  up to 2 statements are committed and will not be undone; the last: CREATE INDEX ")
        assert "  error: its process was killed" in lines
        assert "  now: the database is at a003; nothing was migrated" in lines
        assert subject.ask("SELECT balance FROM account") == [1002]
    listed = run(release.command("migrations"), environ=subject.environ).stdout
    assert "  dirty    a004 index owner\n" in listed
    subject.do("UPDATE account SET balance = balance - 1")
    subject.do("DROP INDEX ix_owner" + (" ON account" if kind == "mariadb" else ""))
    resolved = run(release.command("migrate", "--resolve", "a004", "retry"), environ=subject.environ)
    assert (resolved.returncode, resolved.stderr) == (0, "")
    again = run(release.command("migrate"), environ=subject.environ)
    assert again.stdout.splitlines()[-1] == "database is at a004 (head): applied 1 revision"
    assert subject.ask("SELECT balance FROM account") == [1002]


@pytest.mark.parametrize("kind", KINDS)
def test_a_revision_left_half_way_can_be_said_to_be_applied(
    make_subject: Callable[[str], Subject], kind: str, tmp_path: Path
) -> None:
    subject = make_subject(kind)
    release = subject.release(leave_half_way(subject, tmp_path / "gate"))
    resolved = run(release.command("migrate", "--resolve", "a004", "applied"), environ=subject.environ)
    assert resolved.stdout == "a004 index owner is marked as applied, and nothing of it was executed\n"
    assert subject.version() == ["a004"]
    assert subject.ask("SELECT balance FROM account") == [1002]
    assert subject.ask(f"SELECT state FROM {JOURNALS[kind]} WHERE revision = 'a004'") == ["running", "done"]
    more = run(release.command("migrate", "--resolve", "a004", "applied"), environ=subject.environ)
    assert more.returncode == 1
    assert more.stderr.startswith("error: there is nothing to resolve: a004 was not left half-way\n")


def test_what_was_rolled_back_with_its_process_is_applied_again(
    make_subject: Callable[[str], Subject], tmp_path: Path
) -> None:
    subject = make_subject("postgresql")
    gate = tmp_path / "gate"
    gate.touch()
    text = half_way("postgresql", gate)["a004"].replace("with op.get_context().autocommit_block():", "if True:")
    release = subject.release({**ACCOUNTS, "a004": text.replace("CONCURRENTLY ", "")})
    with running(release.command("migrate"), environ=subject.environ) as runner:
        eventually((tmp_path / "gate.reached").exists, within=30)
        os.kill(runner.pid, signal.SIGKILL)
        runner.wait()
    gate.unlink()
    assert subject.ask(f"SELECT state FROM {JOURNALS['postgresql']} WHERE revision = 'a004'") == ["running"]
    assert run(release.command("migrate"), environ=subject.environ).returncode == 0
    assert subject.ask("SELECT balance FROM account") == [1002]
    found = subject.ask(f"SELECT state FROM {JOURNALS['postgresql']} WHERE revision = 'a004' ORDER BY number")
    assert found == ["rolled back", "done"]


def test_a_start_does_not_repeat_a_revision_that_failed_and_a_person_may(sqlite: Subject) -> None:
    broken = revision("a004", "a003", "broken", 'op.execute("INSERT INTO nowhere VALUES (1)")')
    release = sqlite.release({**ACCOUNTS, "a004": broken})
    at_start = {**sqlite.environ, "RELEASE_EVENT": "pre_start"}
    first = run(release.command("migrate"), environ=at_start)
    assert first.stderr.startswith("error: revision a004 broken failed: ")
    second = run(release.command("migrate"), environ=at_start)
    assert second.returncode == 1
    assert second.stderr.startswith("error: revision a004 failed on ")
    assert "      hint: bin/app migrate tries it again\n" in second.stderr
    third = run(release.command("migrate"), environ=sqlite.environ)
    assert third.stderr.startswith("error: revision a004 broken failed: ")
    repaired = sqlite.release({**ACCOUNTS, "a004": revision("a004", "a003", "repaired")})
    assert run(repaired.command("migrate"), environ=at_start).returncode == 0


def test_without_the_right_to_keep_a_journal_it_is_said_and_gone_on_without(
    make_subject: Callable[[str], Subject],
) -> None:
    subject = make_subject("postgresql")
    subject.do("CREATE SCHEMA release_meta AUTHORIZATION app")
    subject.do("CREATE VIEW release_meta.migration_journal AS SELECT 1 AS nothing_of_ours")
    done = run(subject.release(ACCOUNTS).command("migrate"), environ=subject.environ)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("warning: no migration journal can be kept: ")
    assert subject.version() == ["a003"]


def test_marking_as_applied_is_for_databases_without_a_version(sqlite: Subject) -> None:
    release = sqlite.release(ACCOUNTS)
    stamped = run(release.command("migrate", "--stamp", "a002"), environ=sqlite.environ)
    assert stamped.stdout == "a002 add owner is marked as applied, and nothing of it was executed\n"
    assert sqlite.version() == ["a002"]
    assert "account" not in sqlite.tables()
    refused = run(release.command("migrate", "--stamp", "a003"), environ=sqlite.environ)
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[0] == (
        "error: cannot mark a003 pay interest as applied: the database is already at a002"
    )
    forced = run(release.command("migrate", "--stamp", "a003", "--force"), environ=sqlite.environ)
    assert forced.returncode == 0, forced.stderr
    assert sqlite.version() == ["a003"]


def test_a_commit_that_fails_is_told_as_one(make_subject: Callable[[str], Subject]) -> None:
    postgresql = make_subject("postgresql")
    orphan = revision(
        "a004",
        "a003",
        "orphan",
        'op.execute("create table child (id int references account deferrable initially deferred)")\n'
        '    op.execute("insert into child values (99)")',
    )
    release = postgresql.release({**ACCOUNTS, "a004": orphan})
    answer = run(release.command("migrate"), environ=postgresql.environ)
    assert answer.returncode == 1
    told = answer.stderr.splitlines()
    assert told[0].startswith("error: revision a004 orphan failed: ")
    assert "  its COMMIT failed, after 3 statements" in told
    assert not [line for line in told if "statement 3" in line or "env.py" in line]
    assert told[-1] == "  now: the database is at a003; this run applied 3 revisions, a004 was rolled back"
    assert "child" not in postgresql.tables()


def test_nobody_marks_anything_as_applied_beside_a_revision_that_was_left_half_way(
    make_subject: Callable[[str], Subject],
) -> None:
    mariadb = make_subject("mariadb")
    half = revision("a004", "a003", "half", 'op.execute("create table halves (id int)")\n    op.execute("nonsense")')
    release = mariadb.release({**ACCOUNTS, "a004": half})
    assert run(release.command("migrate"), environ=mariadb.environ).returncode == 1
    for more in ([], ["--force"]):
        answer = run(release.command("migrate", "--stamp", "a004", *more), environ=mariadb.environ)
        assert answer.returncode == 12, answer.stderr
        assert "--resolve a004" in answer.stderr
        assert "--force marks it" not in answer.stderr
    assert mariadb.version() == ["a003"]


def test_revisions_are_undone_when_the_loss_is_wanted(subject: Subject) -> None:
    last = revision("a004", "a003", "note", 'op.add_column("account", sa.Column("note", sa.String(20)))')
    last = last.replace("def downgrade():\n    pass", 'def downgrade():\n    op.drop_column("account", "note")')
    release = subject.release({**ACCOUNTS, "a004": last})
    run(release.command("migrate"), environ=subject.environ)
    refused = run(release.command("migrate", "--down-to", "a003"), environ=subject.environ)
    assert refused.returncode == 2
    assert "note" in subject.columns("account")
    done = run(release.command("migrate", "--down-to", "a003", "--yes-lose-data"), environ=subject.environ)
    assert done.returncode == 0, done.stderr
    assert "[1/1] a004 note: undo ..." in done.stdout.splitlines()
    assert done.stdout.splitlines()[-1] == "database is at a003 (1 revision behind head): undid 1 revision"
    assert "note" not in subject.columns("account")
    assert run(release.command("migrate"), environ=subject.environ).returncode == 0
    assert "note" in subject.columns("account")


def test_check_tells_by_its_exit_code_whether_something_is_pending(sqlite: Subject) -> None:
    release = sqlite.release(ACCOUNTS)
    pending = run(release.command("migrate", "--check"), environ=sqlite.environ)
    assert pending.returncode == 10
    assert pending.stderr.splitlines()[0] == "error: 3 revisions are pending"
    assert sqlite.tables() == set()
    run(release.command("migrate"), environ=sqlite.environ)
    assert run(release.command("migrate", "--check"), environ=sqlite.environ).returncode == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_holder_that_hangs_is_ended_on_request(
    make_subject: Callable[[str], Subject], kind: str, tmp_path: Path
) -> None:
    subject = make_subject(kind)
    gate = tmp_path / "gate"
    gate.touch()
    release = subject.release(half_way(kind, gate))
    with running(release.command("migrate"), environ=subject.environ) as holder:
        eventually((tmp_path / "gate.reached").exists, within=30)
        os.kill(holder.pid, signal.SIGSTOP)
        ended = run(release.command("migrate", "--unlock", "--force"), environ=subject.environ)
        assert ended.stdout.startswith("the migration lock was held by "), ended.stderr
        assert run(release.command("migrate"), environ=subject.environ).returncode == 12
    again = run(release.command("migrate", "--unlock", "--force"), environ=subject.environ)
    assert again.stdout == "nobody holds the migration lock\n"


def test_an_sqlite_database_is_copied_before_it_is_changed_and_three_copies_are_kept(sqlite: Subject) -> None:
    more = {
        f"b{number}": revision(f"b{number}", before, "more", 'op.execute("UPDATE account SET balance = 7")')
        for number, before in enumerate(["a003", "b0", "b1", "b2"])
    }
    release = sqlite.release({**ACCOUNTS, **more})
    backups = release.root / "var" / "backups"
    first = run(release.command("migrate", "--to", "a003"), environ=sqlite.environ)
    assert "copied" not in first.stdout  # there was nothing yet
    for number in range(4):
        done = run(release.command("migrate", "--to", f"b{number}"), environ=sqlite.environ)
        assert f"the database was copied to {backups}/default-" in done.stdout, done.stderr
    copies = sorted(backups.iterdir())
    assert len(copies) == 3
    assert [path.stat().st_mode & 0o777 for path in (backups, *copies)] == [0o700, 0o600, 0o600, 0o600]
    with sqlite3.connect(copies[0]) as copy:
        assert copy.execute("SELECT version_num FROM alembic_version").fetchall() == [("b0",)]
    copy.close()


def test_nothing_is_migrated_if_the_copy_cannot_be_made(sqlite: Subject) -> None:
    release = sqlite.release(ACCOUNTS)
    run(release.command("migrate", "--to", "a002"), environ=sqlite.environ)
    (release.root / "var" / "backups").write_text("in the way")
    failed = run(release.command("migrate"), environ=sqlite.environ)
    assert failed.returncode == 1
    assert failed.stderr.startswith("error: cannot copy the database ")
    assert sqlite.version() == ["a002"]
    off = sqlite.release(ACCOUNTS, settings={"backup": "off"})
    assert run(off.command("migrate"), environ=sqlite.environ).returncode == 0


def test_the_position_of_the_servers_log_is_noted(make_subject: Callable[[str], Subject]) -> None:
    subject = make_subject("postgresql")
    release = subject.release(ACCOUNTS)
    done = run(release.command("migrate"), environ=subject.environ)
    (found,) = subject.ask("SELECT restore_point FROM release_meta.migration_journal WHERE revision = 'a001'")
    assert re.fullmatch(r"[0-9A-F]+/[0-9A-F]+ app-1\.0\.0-\d{8}T\d{6}\.\d{6}Z", found)
    assert done.stdout.splitlines()[0] == f"restore point: {found}"
    listed = run(release.command("migrations"), environ=subject.environ).stdout.splitlines()
    assert [line.strip() for line in listed].count(f"restore point: {found}") == 1
    told = json.loads(run(release.command("migrations", "--json"), environ=subject.environ).stdout)
    assert [row["restore_point"] for row in told["databases"][0]["revisions"]] == [found] * 3


def test_a_user_who_may_not_name_a_restore_point_notes_the_position(make_subject: Callable[[str], Subject]) -> None:
    subject = make_subject("postgresql")
    role = f"plain_{subject.ask('SELECT current_database()')[0]}"
    subject.do(f"CREATE ROLE {role} LOGIN PASSWORD 'plain'")
    subject.do(f"GRANT CREATE ON DATABASE {subject.ask('SELECT current_database()')[0]} TO {role}")
    subject.do(f"GRANT CREATE ON SCHEMA public TO {role}")
    url = re.sub("//[^@]*@", f"//{role}:plain@", subject.url)
    done = run(subject.release(ACCOUNTS).command("migrate"), environ={"DATABASE_URL": url})
    assert done.returncode == 0, done.stderr
    assert re.fullmatch("restore point: [0-9A-F]+/[0-9A-F]+", done.stdout.splitlines()[0])


def test_the_transactions_of_mariadbs_log_are_noted(make_subject: Callable[[str], Subject]) -> None:
    subject = make_subject("mariadb")
    done = run(subject.release(ACCOUNTS).command("migrate"), environ=subject.environ)
    assert re.fullmatch(r"restore point: 0-1-\d+", done.stdout.splitlines()[0]), done.stderr
