"""A revision that was left half undone: refused, shown and resolved, as one that was left half applied."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

import pytest
from support.driving import run, running
from support.migrated import ACCOUNTS, revision, write_several
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Subject
    from support.handmade import Handmade

KINDS = ("sqlite", "postgresql", "mariadb")
HELD = (
    "import os, time",
    "open({0!r} + '.reached', 'w').close()",
    "while os.path.exists({0!r}):",
    "    time.sleep(0.01)",
)
"""Lines of a revision that wait until a file is gone."""
BLOCK = ("with op.get_context().autocommit_block():", '    op.execute("DROP TABLE note")')
DROPS = {"sqlite": BLOCK, "postgresql": BLOCK, "mariadb": ('op.execute("DROP TABLE note")',)}
SAVED = 'op.execute("UPDATE account SET balance = balance - 1")'
HALF = (
    "UPDATE {} SET state = 'failed', direction = 'down', outside_tx = 1, error = 'no such column: x'"
    " WHERE revision = '{revision}'"
)
"""Makes the line of a revision that was applied one of an undo that has left a statement."""

REFUSED = ((), ("--check",), ("--plan",), ("--to", "a004"), ("--down-to", "a003", "--yes-lose-data"))


def with_undo(text: str, *downgrade: str) -> str:
    """Return a revision's text with another `downgrade`."""
    body = "\n".join(f"    {line}" for line in downgrade)
    return text.replace("def downgrade():\n    pass\n", f"def downgrade():\n{body}\n")


def notes(*downgrade: str) -> dict[str, str]:
    """Return revisions of which the last one has this `downgrade`."""
    last = revision(
        "a004",
        "a003",
        "notes",
        'op.create_table("note", sa.Column("id", sa.Integer))',
        'op.execute("UPDATE account SET balance = balance + 1")',
    )
    return {**ACCOUNTS, "a004": with_undo(last, *downgrade)}


def migrate(release: Handmade, subject: Subject, *words: str) -> tuple[int, str, list[str]]:
    done = run(release.command("migrate", *words), environ=subject.environ)
    return done.returncode, done.stdout, done.stderr.splitlines()


def fail_in_the_undo(subject: Subject, *downgrade: str) -> tuple[Handmade, list[str]]:
    """Leave a revision half undone by an error after `downgrade`; return the release and what it said."""
    release = subject.release(notes(*downgrade, 'op.execute("UPDATE account SET nowhere = 1")'))
    assert migrate(release, subject)[0] == 0
    code, _, said = migrate(release, subject, "--down-to", "a003", "--yes-lose-data")
    assert code == 1
    return release, said


def put_back(subject: Subject) -> None:
    subject.do("CREATE TABLE note (id INTEGER)")
    subject.do("UPDATE account SET balance = balance + 1")


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_failed_undo_has_left_is_refused_by_everything_until_it_is_resolved(
    make_subject: Callable[[str], Subject], kind: str
) -> None:
    subject = make_subject(kind)
    release, said = fail_in_the_undo(subject, SAVED, *DROPS[kind])
    assert said[0].startswith("error: the undo of revision a004 notes failed: ")
    assert said[-2:] == [
        "  now: the database is at a004; the first 2 statements of the undo of a004 are committed and stay",
        "      hint: put back what is undone by hand, then"
        " bin/app migrate --resolve a004 applied, or undone if nothing of it is left",
    ]
    for words in REFUSED if kind == "mariadb" else REFUSED[:2]:
        code, _, refused = migrate(release, subject, *words)
        assert code == 12, (words, refused)
        assert refused[0].startswith("error: the undo of revision a004 was left half-way by app 1.0.0 on ")
        assert refused[1] == "  2 statements are committed and stay; the last: DROP TABLE note"
        assert refused[-2:] == [
            "  now: the database is at a004; nothing was migrated",
            "      hint: repair it by hand, then"
            " bin/app migrate --resolve a004 applied, or undone if nothing of it is left",
        ]
    listed = run(release.command("migrations"), environ=subject.environ).stdout
    assert "\n  dirty    a004 notes\n           undo, " in listed
    put_back(subject)
    resolved = migrate(release, subject, "--resolve", "a004", "applied")
    assert resolved == (0, "a004 notes is marked as applied, and nothing of it was executed\n", [])
    assert subject.version() == ["a004"]
    assert migrate(release, subject)[:2] == (0, "nothing to do: the database is at a004 (head)\n")
    listed = run(release.command("migrations"), environ=subject.environ).stdout
    assert "\n  applied  a004 notes\n" in listed
    assert "resolved by hand" in listed


def test_an_undo_whose_process_was_killed_is_resolved_as_undone(
    make_subject: Callable[[str], Subject], tmp_path: Path
) -> None:
    subject, gate = make_subject("mariadb"), tmp_path / "gate"
    gate.touch()
    held = [line.format(str(gate)) for line in HELD]
    release = subject.release(notes('op.execute("DROP TABLE note")', *held, SAVED))
    assert migrate(release, subject)[0] == 0
    with running(release.command("migrate", "--down-to", "a003", "--yes-lose-data"), environ=subject.environ) as undo:
        eventually((tmp_path / "gate.reached").exists, within=30)
        # It is at work, and nobody has left anything.
        assert migrate(release, subject, "--check")[:2] == (0, "nothing to do: the database is at a004 (head)\n")
        # Who comes now does not leave with "nothing to do".
        assert migrate(release, subject, "--lock-wait", "100ms")[0] == 11
        listed = json.loads(run(release.command("migrations", "--json"), environ=subject.environ).stdout)
        assert listed["databases"][0]["revisions"][-1]["state"] == "running"
        os.kill(undo.pid, signal.SIGKILL)
        undo.wait()
    gate.unlink()
    code, _, refused = migrate(release, subject)
    assert code == 12
    assert refused[1:3] == [
        "  up to 1 statement is committed and stays; the last: DROP TABLE note",
        "  error: its process was killed",
    ]
    subject.do("UPDATE account SET balance = balance - 1")
    resolved = migrate(release, subject, "--resolve", "a004", "undone")
    assert resolved == (0, "a004 notes is marked as not applied, and nothing of it was executed\n", [])
    assert subject.version() == ["a003"]
    listed = run(release.command("migrations"), environ=subject.environ).stdout
    assert "\n  pending  a004 notes\n" in listed
    assert migrate(release, subject)[0] == 0
    assert subject.ask("SELECT balance FROM account") == [1002]
    assert "note" in subject.tables()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_revision_that_another_runner_applies_is_listed_as_running(
    make_subject: Callable[[str], Subject], tmp_path: Path, kind: str
) -> None:
    subject, gate = make_subject(kind), tmp_path / "gate"
    gate.touch()
    held = "\n    ".join(line.format(str(gate)) for line in HELD)
    pay = f'op.execute("UPDATE account SET balance = balance + 1")\n    {held}'
    release = subject.release({**ACCOUNTS, "a004": revision("a004", "a003", "pay", pay)})
    with running(release.command("migrate"), environ=subject.environ) as runner:
        eventually((tmp_path / "gate.reached").exists, within=30)
        listed = json.loads(run(release.command("migrations", "--json"), environ=subject.environ).stdout)
        row = listed["databases"][0]["revisions"][-1]
        assert (row["state"], row["by"].split(" on ")[0]) == ("running", "app 1.0.0")
        gate.unlink()
        assert runner.wait() == 0
    listed = json.loads(run(release.command("migrations", "--json"), environ=subject.environ).stdout)
    assert {row["state"] for row in listed["databases"][0]["revisions"]} == {"applied"}


def test_an_undo_is_tried_again_when_what_it_did_was_put_back(make_subject: Callable[[str], Subject]) -> None:
    subject = make_subject("mariadb")
    release, _ = fail_in_the_undo(subject, *DROPS["mariadb"])
    assert migrate(release, subject, "--resolve", "a004", "retry")[:2] == (0, "a004 notes may be undone again\n")
    assert subject.version() == ["a004"]
    code, _, said = migrate(release, subject, "--down-to", "a003", "--yes-lose-data")
    assert code == 1
    assert said[0].startswith("error: the undo of revision a004 notes failed: Unknown table ")
    assert said[-2].startswith("  an earlier undo of a004 left 1 statement, resolved by hand at ")
    assert said[-1].endswith("the undo of a004 was rolled back")
    subject.do("CREATE TABLE note (id INTEGER)")
    repaired = subject.release(notes(*DROPS["mariadb"]))
    assert migrate(repaired, subject, "--down-to", "a003", "--yes-lose-data")[0] == 0
    assert subject.tables() == {"account", "alembic_version", "release_migration_journal"}


@pytest.mark.parametrize("resolution", ["retry", "undone"])
def test_a_revision_left_half_applied_is_as_before_it_by_either_word(sqlite: Subject, resolution: str) -> None:
    broken = revision(
        "a004", "a003", "broken", *BLOCK[:1], '    op.execute("CREATE TABLE note (id INT)")', 'op.execute("NONSENSE")'
    )
    release = sqlite.release({**ACCOUNTS, "a004": broken})
    assert migrate(release, sqlite)[0] == 1
    assert migrate(release, sqlite, "--plan")[0] == 12
    assert migrate(release, sqlite, "--down-to", "a002", "--yes-lose-data")[0] == 12
    assert migrate(release, sqlite, "--resolve", "a004", resolution)[0] == 0
    code, _, said = migrate(release, sqlite)
    assert code == 1
    assert "table note already exists" in said[0]
    earlier = said[-2]
    assert earlier.startswith("  an earlier attempt of a004 left 1 statement, resolved by hand at "), said
    listed = run(release.command("migrations"), environ=sqlite.environ).stdout.splitlines()
    assert "  failed   a004 broken" in listed
    assert f"           {earlier.strip()}" in listed
    sqlite.do("DROP TABLE note")
    repaired = sqlite.release({**ACCOUNTS, "a004": revision("a004", "a003", "repaired")})
    assert migrate(repaired, sqlite)[0] == 0
    listed = run(repaired.command("migrations"), environ=sqlite.environ).stdout
    assert "earlier" not in listed


def test_a_start_does_not_wait_for_the_repair_of_a_revision_that_is_not_due(sqlite: Subject) -> None:
    broken = revision("a004", "a003", "late", *BLOCK[:1], '    op.execute("CREATE TABLE note (id INT)")', "1 / 0")
    release = sqlite.release({**ACCOUNTS, "a004": broken + "\nrelease = {'phase': 'post'}\n"})
    assert migrate(release, sqlite)[0] == 1
    for words in (("--phase", "pre"), ("--check", "--phase", "pre")):
        assert migrate(release, sqlite, *words)[0] == 0
    assert migrate(release, sqlite, "--phase", "post")[0] == 12


def branched() -> dict[str, str]:
    merge = revision("m005", None, "merge").replace("down_revision = None", "down_revision = ('p004', 'q004')")
    branches = {name: revision(name, "a003", f"branch {name[0]}") for name in ("p004", "q004")}
    return {**ACCOUNTS, **branches, "m005": merge}


def test_branches_and_merges_are_left_and_entered_as_alembic_does(sqlite: Subject) -> None:
    release = sqlite.release(branched())
    assert migrate(release, sqlite)[0] == 0
    for name, before, after in (("m005", ["m005"], ["p004", "q004"]), ("q004", ["p004", "q004"], ["p004"])):
        sqlite.do_in_journal(HALF.replace("{revision}", name))
        assert migrate(release, sqlite, "--check")[0] == 12
        assert sorted(sqlite.version()) == before
        assert migrate(release, sqlite, "--resolve", name, "undone")[0] == 0
        assert sorted(sqlite.version()) == after
    for name, after in (("q004", ["p004", "q004"]), ("m005", ["m005"])):
        sqlite.do_in_journal(
            "UPDATE {} SET state = 'failed', direction = 'up', outside_tx = 1"
            f" WHERE number = (SELECT max(number) FROM migration_journal WHERE revision = '{name}')"
        )
        assert migrate(release, sqlite, "--check")[0] == 12
        assert migrate(release, sqlite, "--resolve", name, "applied")[0] == 0
        assert sorted(sqlite.version()) == after
    assert migrate(release, sqlite)[:2] == (0, "nothing to do: the database is at m005 (head)\n")


def test_what_is_reached_after_all_is_over(sqlite: Subject) -> None:
    release = sqlite.release(ACCOUNTS)
    assert migrate(release, sqlite)[0] == 0
    sqlite.do_in_journal(HALF.replace("{revision}", "a003"))
    sqlite.do("UPDATE alembic_version SET version_num = 'a002'")
    assert migrate(release, sqlite, "--plan")[0] == 0
    assert migrate(release, sqlite)[0] == 0


def test_a_newer_releases_half_undone_revision_keeps_an_older_one_from_running(sqlite: Subject) -> None:
    later = revision("a004", "a003", "later") + "\nrelease = {'compatible': True}\n"
    newer, older = sqlite.release({**ACCOUNTS, "a004": later}, version="1.1.0"), sqlite.release(ACCOUNTS)
    assert migrate(newer, sqlite)[0] == 0
    assert migrate(older, sqlite)[0] == 0
    sqlite.do_in_journal(HALF.replace("{revision}", "a004"))
    code, _, said = migrate(older, sqlite)
    assert code == 12
    assert said[0].startswith("error: the undo of revision a004 was left half-way by app 1.1.0 on ")
    assert said[-1].startswith(
        "      hint: with app 1.1.0: repair it by hand, then bin/app migrate --resolve a004 applied"
    )
    listed = run(older.command("migrations"), environ=sqlite.environ)
    assert (listed.returncode, "\n  dirty    a004\n           undo, " in listed.stdout) == (0, True)


def test_the_hint_names_the_database_and_the_target(tmp_path: Path) -> None:
    targets = {name: f"sqlite:///{tmp_path}/{name}.db" for name in ("one", "two")}
    release = write_several(
        tmp_path / "release",
        {"accounts": ACCOUNTS, "shop": ACCOUNTS},
        settings={"shop": {"targets": "tenants:urls"}},
        modules={"tenants.py": f"def urls():\n    return {targets!r}\n"},
    )
    environ = {"ACCOUNTS_URL": f"sqlite:///{tmp_path}/accounts.db", "SHOP_URL": "sqlite://"}
    assert run(release.command("migrate"), environ=environ).returncode == 0
    make_half(tmp_path / "two.db.migrations")
    refused = run(release.command("migrate"), environ=environ)
    assert refused.returncode == 12, refused.stderr
    assert "bin/app migrate shop --target two --resolve a003 applied, or undone" in refused.stderr
    words = ["migrate", "shop", "--target", "two", "--resolve", "a003", "applied"]
    assert run(release.command(*words), environ=environ).returncode == 0
    assert run(release.command("migrate"), environ=environ).returncode == 0
    make_half(tmp_path / "accounts.db.migrations")
    refused = run(release.command("migrate"), environ=environ)
    assert "bin/app migrate accounts --resolve a003 applied, or undone" in refused.stderr


def make_half(journal: Path) -> None:
    import sqlite3

    with sqlite3.connect(journal) as connection:
        connection.execute(HALF.replace("{revision}", "a003").format("migration_journal"))
    connection.close()


MULTIDB_ENV = """\
from sqlalchemy import create_engine
from alembic import context

for name in ("one", "two"):
    with create_engine(context.config.get_main_option("sqlalchemy.url") + name).connect() as connection:
        context.configure(connection=connection, target_metadata=None)
        with context.begin_transaction():
            context.run_migrations()
"""


def test_of_several_databases_of_one_env_py_the_one_is_resolved_that_needs_it(sqlite: Subject, tmp_path: Path) -> None:
    release = sqlite.release(ACCOUNTS, env=MULTIDB_ENV)
    assert migrate(release, sqlite)[0] == 0
    make_half(tmp_path / "data.dbtwo.migrations")
    assert migrate(release, sqlite, "--check")[0] == 12
    listed = run(release.command("migrations"), environ=sqlite.environ).stdout
    assert "\n  dirty    a003 pay interest\n" in listed
    assert migrate(release, sqlite, "--resolve", "a002", "applied")[0] == 1
    assert migrate(release, sqlite, "--resolve", "a003", "applied")[0] == 0
    assert migrate(release, sqlite, "--check")[0] == 0
