"""`bin/NAME migrate` and `migrations` against real databases: what is applied, said and left alone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import alembic
import pytest
from support.driving import run
from support.migrated import ACCOUNTS, GENERIC_ENV, revision

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Subject


def test_a_fresh_database_is_brought_to_the_head(subject: Subject) -> None:
    release = subject.release(ACCOUNTS)
    done = run(release.command("migrate"), environ=subject.environ)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line for line in done.stdout.splitlines() if not line.startswith("restore point")]
    assert lines[0] == "[1/3] a001 create account ..."
    assert lines[1].startswith("[1/3] a001 create account: done in ")
    assert lines[-1] == "database is at a003 (head): applied 3 revisions"
    assert subject.version() == ["a003"]
    assert subject.ask("SELECT balance FROM account") == [1001]


def test_a_database_made_by_other_means_is_stamped_and_nothing_goes_past_the_head(sqlite: Subject) -> None:
    release = sqlite.release(ACCOUNTS)
    stamped = run(release.command("migrate", "--stamp", "head"), environ=sqlite.environ)
    assert stamped.stdout == "a003 pay interest is marked as applied, and nothing of it was executed\n", stamped.stderr
    assert sqlite.version() == ["a003"]
    too_far = run(release.command("migrate", "--to", "+1"), environ=sqlite.environ)
    assert (too_far.returncode, too_far.stderr.splitlines()[0]) == (
        2,
        "error: cannot go 1 revision further: there are only 0 to go",
    )


def test_only_what_is_pending_is_applied(subject: Subject) -> None:
    release = subject.release(ACCOUNTS)
    first = run(release.command("migrate", "--to", "a002"), environ=subject.environ)
    assert first.stdout.splitlines()[-1] == "database is at a002 (1 revision behind head): applied 2 revisions"
    second = run(release.command("migrate"), environ=subject.environ)
    assert [line for line in second.stdout.splitlines() if line.endswith("...")] == ["[1/1] a003 pay interest ..."]
    assert subject.ask("SELECT balance FROM account") == [1001]


def test_nothing_to_do_is_success(subject: Subject) -> None:
    release = subject.release(ACCOUNTS)
    run(release.command("migrate"), environ=subject.environ)
    again = run(release.command("migrate"), environ=subject.environ)
    assert (again.returncode, again.stdout) == (0, "nothing to do: the database is at a003 (head)\n")
    past = run(release.command("migrate", "--at-least", "a001"), environ=subject.environ)
    assert (past.returncode, past.stdout) == (0, "nothing to do: the database is at a003 (head)\n")


def test_nothing_to_do_is_answered_without_alembic(subject: Subject) -> None:
    release = subject.release(ACCOUNTS)
    run(release.command("migrate"), environ=subject.environ)
    manifest = release.manifest
    packages = Path(release.layout.site_packages(manifest.bundle.id, manifest.python.version))
    for name in ("alembic", "sqlalchemy"):
        (packages / name).unlink()
    again = run(release.command("migrate"), environ=subject.environ)
    assert (again.returncode, again.stdout) == (0, "nothing to do: the database is at a003 (head)\n")
    found = json.loads(run(release.command("migrate", "--json"), environ=subject.environ).stdout)
    assert found["databases"][0]["at"] == ["a003"]
    slowly = run(release.command("migrate", "--to", "a003"), environ=subject.environ)
    assert slowly.returncode != 0


def test_a_dry_run_changes_nothing(subject: Subject) -> None:
    release = subject.release(ACCOUNTS)
    done = run(release.command("migrate", "--dry-run"), environ=subject.environ)
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == (
        "the database is at no revision (3 revisions behind head); 3 revisions would be applied:"
    )
    assert done.stdout.splitlines()[1:] == ["  a001 create account", "  a002 add owner", "  a003 pay interest"]
    assert subject.tables() == set()


def test_the_revisions_are_listed_with_their_state(subject: Subject) -> None:
    release = subject.release(ACCOUNTS)
    run(release.command("migrate", "--to", "+1"), environ=subject.environ)
    listed = run(release.command("migrations"), environ=subject.environ)
    lines = [line for line in listed.stdout.splitlines() if not line.startswith("           restore point: ")]
    assert re.fullmatch(
        r" {11}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC by app 1\.0\.0 on \S+ in \d+\.\d\d s", lines.pop(2)
    ), lines
    assert lines == [
        "the database is at a001 (2 revisions behind head)",
        "  applied  a001 create account",
        "  pending  a002 add owner",
        "  pending  a003 pay interest",
    ]
    found = json.loads(run(release.command("migrations", "--json"), environ=subject.environ).stdout)
    assert found["databases"][0]["at"] == ["a001"]
    assert [item["state"] for item in found["databases"][0]["revisions"]] == ["applied", "pending", "pending"]


def test_json_is_all_that_standard_output_holds(sqlite: Subject) -> None:
    done = run(sqlite.release(ACCOUNTS).command("migrate", "--json"), environ=sqlite.environ)
    assert json.loads(done.stdout)["databases"] == [
        {
            "database": "default",
            "at": ["a003"],
            "heads": ["a003"],
            "applied": ["a001", "a002", "a003"],
            "would_apply": [],
            "dry_run": False,
        }
    ]
    assert "[3/3] a003 pay interest: done" in done.stderr


@pytest.mark.parametrize("words", [("migrate",), ("migrate", "--json"), ("migrations",), ("migrations", "--json")])
def test_where_nothing_can_be_written_all_is_done_and_that_is_told(sqlite: Subject, words: tuple[str, ...]) -> None:
    release = sqlite.release(ACCOUNTS)
    shell = ["sh", "-c", 'exec "$@" > /dev/full', "sh", *release.command(*words)]
    done = run(shell, environ=sqlite.environ)
    assert done.returncode == 1
    last = [line for line in done.stderr.splitlines() if not line.startswith(("[", "  pre", "  [", "restore"))][-2:]
    assert last == [
        "error: cannot write to standard output: no space left on device",
        "  now: what it was to do is done",
    ]
    assert sqlite.version() == (["a003"] if words[0] == "migrate" else [])
    closed = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *release.command(*words)]
    assert run(closed, environ=sqlite.environ).returncode == 0


def test_a_revision_that_fails_at_its_fourth_statement_can_be_repaired_and_run_again(subject: Subject) -> None:
    statements = (
        'op.create_table("extra", sa.Column("id", sa.Integer, primary_key=True))',
        'op.execute("UPDATE account SET balance = balance + 1")',
        'op.add_column("account", sa.Column("note", sa.String(20)))',
    )
    broken = revision("a004", "a003", "extra", *statements, 'op.execute("INSERT INTO nowhere VALUES (1)")')
    release = subject.release({**ACCOUNTS, "a004": broken})
    failed = run(release.command("migrate"), environ=subject.environ)
    assert failed.returncode == 1
    assert failed.stderr.startswith("error: revision a004 extra failed: ")
    assert "Traceback" not in failed.stderr
    assert "  releases/1.0.0/migrations/default/versions/a004.py:12\n" in failed.stderr
    assert "  statement 4: INSERT INTO nowhere VALUES (1)\n" in failed.stderr
    assert "now: the database is at a003; this run applied 3 revisions, " in failed.stderr
    assert subject.version() == ["a003"]
    if subject.kind == "mariadb":
        assert "the first 3 statements of a004 are committed and stay" in failed.stderr
        subject.do("DROP TABLE extra")
        subject.do("ALTER TABLE account DROP COLUMN note")
        subject.do("UPDATE account SET balance = balance - 1")
        way = "bin/app migrate --resolve a004 retry, or applied if all of it is there"
        assert f"hint: undo what stays by hand, then {way}\n" in failed.stderr
        resolved = run(release.command("migrate", "--resolve", "a004", "retry"), environ=subject.environ)
        assert resolved.stdout == "a004 extra will be applied again\n"
    else:
        assert "a004 was rolled back" in failed.stderr
        assert subject.tables() == {"account", "alembic_version"}
        assert subject.columns("account") == {"id", "balance", "owner"}
    assert subject.ask("SELECT balance FROM account") == [1001]
    repaired = subject.release({**ACCOUNTS, "a004": revision("a004", "a003", "extra", *statements)})
    again = run(repaired.command("migrate"), environ=subject.environ)
    assert again.stdout.splitlines()[-1] == "database is at a004 (head): applied 1 revision"
    assert subject.ask("SELECT balance FROM account") == [1002]


def test_statements_of_an_autocommit_block_are_said_to_stay(make_subject: Callable[[str], Subject]) -> None:
    subject = make_subject("postgresql")
    broken = revision(
        "a004",
        "a003",
        "index",
        'op.execute("UPDATE account SET balance = balance + 1")',
        "with op.get_context().autocommit_block():",
        '    op.execute("CREATE INDEX CONCURRENTLY ix_owner ON account (owner)")',
        'op.execute("INSERT INTO nowhere VALUES (1)")',
    )
    failed = run(subject.release({**ACCOUNTS, "a004": broken}).command("migrate"), environ=subject.environ)
    assert failed.returncode == 1
    assert "the first 2 statements of a004 are committed and stay" in failed.stderr
    assert subject.ask("SELECT balance FROM account") == [1002]


def test_an_index_is_created_concurrently_under_the_lock(make_subject: Callable[[str], Subject]) -> None:
    subject = make_subject("postgresql")
    index = revision(
        "a004",
        "a003",
        "index",
        "with op.get_context().autocommit_block():",
        '    op.create_index("ix_owner", "account", ["owner"], postgresql_concurrently=True)',
    )
    done = run(subject.release({**ACCOUNTS, "a004": index}).command("migrate"), environ=subject.environ)
    assert done.returncode == 0, done.stderr
    assert subject.ask("SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_owner'::regclass") == [True]


def test_a_database_at_a_revision_that_nobody_has_noted_is_refused(subject: Subject) -> None:
    release = subject.release(ACCOUNTS)
    run(release.command("migrate"), environ=subject.environ)
    subject.do("UPDATE alembic_version SET version_num = 'foreign'")
    refused = run(release.command("migrate"), environ=subject.environ)
    assert refused.returncode == 14
    assert refused.stderr.startswith(
        "error: the database is at foreign, a revision that this release does not have\n  now: nothing was migrated\n"
    )
    assert subject.version() == ["foreign"]


def test_an_older_release_runs_on_what_a_newer_one_says_is_compatible(subject: Subject) -> None:
    later = revision("a004", "a003", "later") + "\nrelease = {'compatible': True}\n"
    newer = subject.release({**ACCOUNTS, "a004": later}, version="1.1.0")
    older = subject.release(ACCOUNTS)
    run(newer.command("migrate"), environ=subject.environ)
    for word in ([], ["--check"]):
        done = run(older.command("migrate", *word), environ=subject.environ)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == "the database is ahead, at a004 of app 1.1.0; this release may run on it\n"
    listed = run(older.command("migrations"), environ=subject.environ).stdout
    assert listed.startswith("the database is at a004 (ahead of this release)\n  applied  a001 create account\n")


def test_an_older_release_is_refused_where_nothing_says_that_it_may_run(sqlite: Subject) -> None:
    later = revision("a004", "a003", "later")
    newer = sqlite.release({**ACCOUNTS, "a004": later}, version="1.1.0")
    run(newer.command("migrate"), environ=sqlite.environ)
    refused = run(sqlite.release(ACCOUNTS).command("migrate"), environ=sqlite.environ)
    assert refused.returncode == 13
    lines = refused.stderr.splitlines()
    assert lines[0] == "error: the database is ahead, at a004, and this release may not run on it"
    assert re.fullmatch(r"  a004 of app 1\.1\.0 on \S+ is not said to be compatible", lines[1])
    assert sqlite.version() == ["a004"]
    way_back = "bin/app migrate --down-to a003 --yes-lose-data"
    assert lines[-1] == f"      hint: run app 1.1.0, or the one after; with that release, {way_back} goes back"
    assert run(newer.command(*way_back.split()[1:]), environ=sqlite.environ).returncode == 0
    assert run(sqlite.release(ACCOUNTS).command("migrate"), environ=sqlite.environ).returncode == 0


def test_what_the_version_table_names_is_applied_whatever_the_journal_had_time_to_say(subject: Subject) -> None:
    later = revision("a004", "a003", "later") + "\nrelease = {'compatible': True}\n"
    run(subject.release({**ACCOUNTS, "a004": later}, version="1.1.0").command("migrate"), environ=subject.environ)
    subject.do_in_journal("UPDATE {} SET state = 'running' WHERE revision = 'a004'")
    done = run(subject.release(ACCOUNTS).command("migrate"), environ=subject.environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "the database is ahead, at a004 of app 1.1.0; this release may run on it\n"


def test_what_the_build_could_tell_of_a_revision_holds_where_its_author_says_nothing(sqlite: Subject) -> None:
    lines = {"a004": revision("a004", "a003", "told"), "a005": revision("a005", "a004", "said")}
    lines["a005"] += "\nrelease = {'compatible': False}\n"
    settings = {"compatible": {"a004": True, "a005": True}}
    newer = sqlite.release({**ACCOUNTS, **lines}, version="1.1.0", settings=settings)
    older = sqlite.release(ACCOUNTS)
    run(newer.command("migrate", "--to", "a004"), environ=sqlite.environ)
    assert run(older.command("migrate", "--check"), environ=sqlite.environ).returncode == 0
    run(newer.command("migrate"), environ=sqlite.environ)
    refused = run(older.command("migrate", "--check"), environ=sqlite.environ)
    assert refused.returncode == 13
    assert re.search(r"  a005 of app 1\.1\.0 on \S+ is not compatible\n", refused.stderr)


def test_what_a_release_before_has_brought_for_the_time_after_it_is_due(sqlite: Subject) -> None:
    post = revision("a004", "a003", "drop owner") + "\nrelease = {'phase': 'post'}\n"
    revisions = {**ACCOUNTS, "a004": post, "a005": revision("a005", "a004", "add")}
    release = sqlite.release(revisions, settings={"released": "a004"})
    assert run(release.command("migrate", "--phase", "pre"), environ=sqlite.environ).returncode == 0
    assert sqlite.version() == ["a005"]


def test_what_contracts_the_schema_waits_for_its_phase(sqlite: Subject) -> None:
    post = revision("a004", "a003", "drop owner") + "\nrelease = {'phase': 'post'}\n"
    release = sqlite.release({**ACCOUNTS, "a004": post})
    done = run(release.command("migrate", "--phase", "pre"), environ=sqlite.environ)
    assert done.stdout.splitlines()[-1] == "database is at a003 (1 revision behind head): applied 3 revisions"
    # Only what is due before the new code has to be there for it to start.
    assert run(release.command("migrate", "--check", "--phase", "pre"), environ=sqlite.environ).returncode == 0
    assert run(release.command("migrate", "--check"), environ=sqlite.environ).returncode == 10
    assert run(release.command("migrate", "--phase", "post"), environ=sqlite.environ).returncode == 0
    assert sqlite.version() == ["a004"]


def test_a_revision_for_the_old_code_after_one_for_the_new_is_refused(sqlite: Subject) -> None:
    post = revision("a004", "a003", "drop owner") + "\nrelease = {'phase': 'post'}\n"
    release = sqlite.release({**ACCOUNTS, "a004": post, "a005": revision("a005", "a004", "add")})
    refused = run(release.command("migrate", "--phase", "pre"), environ=sqlite.environ)
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[0] == (
        "error: a005 add is of phase pre, and comes after a004 drop owner of phase post"
    )
    assert sqlite.version() == []


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_wrong_password_is_said_and_shown_to_nobody(
    kind: str,
    make_subject: Callable[[str], Subject],
    request: pytest.FixtureRequest,
) -> None:
    url = request.getfixturevalue(kind).url_with_wrong_password()
    failed = run(make_subject(kind).release(ACCOUNTS).command("migrate"), environ={"DATABASE_URL": url})
    assert failed.returncode == 1
    assert failed.stderr.startswith("error: cannot connect to the database\n")
    assert "app:***@" in failed.stderr
    assert "wrong-secret" not in failed.stderr
    assert "Traceback" not in failed.stderr
    assert "  now: nothing was migrated\n" in failed.stderr


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql+psycopg://app:secret@127.0.0.1:1/x", "cannot connect to the database"),
        ("mysql+pymysql://app:secret@127.0.0.1:1/x", "cannot connect to the database"),
        ("sqlite:////nowhere/at/all.db", "cannot connect to the database"),
        ("nothing of the kind", "cannot use the database's URL"),
        ("oracle9i://app:secret@host/x", "cannot use the database's URL"),
    ],
)
def test_a_database_that_cannot_be_reached_is_one_clear_message(sqlite: Subject, url: str, said: str) -> None:
    failed = run(sqlite.release(ACCOUNTS).command("migrate"), environ={"DATABASE_URL": url})
    assert failed.returncode == 1
    assert failed.stderr.startswith(f"error: {said}\n")
    assert "secret" not in failed.stderr
    assert "Traceback" not in failed.stderr


def test_an_env_py_that_does_not_commit_is_found_out(subject: Subject) -> None:
    env = GENERIC_ENV.replace(
        "    context.configure(", "    connection.exec_driver_sql('SELECT 1')\n    context.configure("
    )
    failed = run(subject.release(ACCOUNTS, env=env).command("migrate"), environ=subject.environ)
    assert failed.returncode == 15, failed.stderr
    # MariaDB's ALTER commits itself and what was before it, not the version row that comes after it.
    left = "a001" if subject.kind == "mariadb" else "no revision"
    assert f"  expected a003, found {left}\n" in failed.stderr
    assert f"  now: the database is at {left}; before this run it was at no revision" in failed.stderr
    assert ("what changed the schema after that stays" in failed.stderr) == (subject.kind == "mariadb")
    assert subject.version() == (["a001"] if subject.kind == "mariadb" else [])


def test_an_env_py_that_never_migrates_is_found_out(sqlite: Subject) -> None:
    env = GENERIC_ENV.replace("        context.run_migrations()", "        pass")
    failed = run(sqlite.release(ACCOUNTS, env=env).command("migrate"), environ=sqlite.environ)
    assert failed.returncode == 1
    assert "without context.run_migrations()" in failed.stderr


def test_a_mistake_in_env_py_is_shown_where_it_is(sqlite: Subject) -> None:
    env = "import os\nurl = os.environ['NO_SUCH']\n"
    failed = run(sqlite.release(ACCOUNTS, env=env).command("migrate"), environ=sqlite.environ)
    assert failed.stderr.splitlines()[:3] == [
        "error: env.py failed",
        "  releases/1.0.0/migrations/default/env.py:2",
        "  KeyError: 'NO_SUCH'",
    ]


def test_revisions_that_are_not_those_of_the_build_are_refused(sqlite: Subject) -> None:
    release = sqlite.release(ACCOUNTS)
    versions = release.root / "releases/1.0.0/migrations/default/versions"
    (versions / "a003.py").write_text(revision("a003", "a002", "pay more", "pass"))
    (versions / "a004.py").write_text(revision("a004", "a003", "stray"))
    failed = run(release.command("migrate"), environ=sqlite.environ)
    assert failed.returncode == 16
    assert "a003.py was changed after the build" in failed.stderr
    assert "a004.py is not part of it" in failed.stderr
    assert sqlite.tables() == set()


def test_a_driver_that_is_not_in_the_bundle_is_named(sqlite: Subject) -> None:
    failed = run(sqlite.release(ACCOUNTS).command("migrate"), environ={"DATABASE_URL": "postgresql+asyncpg://h/x"})
    assert failed.returncode == 1
    assert failed.stderr.startswith("error: cannot connect to the database: its driver asyncpg is not in the bundle\n")


def test_in_dev_mode_the_source_tree_is_migrated_as_it_is_now(sqlite: Subject, tmp_path: Path) -> None:
    source = sqlite.release({**ACCOUNTS, "a004": revision("a004", "a003", "new since the build")})
    folder = source.root / "releases/1.0.0/migrations/default"
    built = sqlite.release(ACCOUNTS, scripts=str(folder))
    done = run(built.command("migrate"), environ=sqlite.environ)
    assert done.stdout.splitlines()[-1] == "database is at a004 (head): applied 4 revisions"


def test_a_release_without_migrations_says_so(sqlite: Subject) -> None:
    from support.handmade import write_release
    from support.migrated import unpack_by_links, write_launcher

    release = write_release(sqlite.folder / "none", modules={})
    unpack_by_links(release)
    write_launcher(release)
    failed = run(release.command("migrate"))
    assert failed.returncode == 1
    assert failed.stderr.startswith("error: release 1.0.0 has no migrations\n")


def test_nothing_is_written_below_the_releases(sqlite: Subject) -> None:
    release = sqlite.release(ACCOUNTS)
    folder = release.root / "releases/1.0.0/migrations"
    before = sorted(folder.rglob("*"))
    run(release.command("migrate"), environ=sqlite.environ)
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("words", [("--to", "a001"), ("--to", "a001", "--plan")], ids=" ".join)
def test_to_does_not_go_back_and_says_what_does(sqlite: Subject, words: tuple[str, ...]) -> None:
    release = sqlite.release(ACCOUNTS)
    run(release.command("migrate"), environ=sqlite.environ)
    refused = run(release.command("migrate", *words), environ=sqlite.environ)
    assert (refused.returncode, refused.stderr.splitlines()) == (
        2,
        [
            "error: cannot go forward to a001: the database is at a003, a001 is below it",
            "  now: nothing was migrated",
            "      hint: bin/app migrate --down-to a001 --yes-lose-data goes back",
        ],
    )
    at_start = {**sqlite.environ, "RELEASE_EVENT": "pre_start"}
    assert run(release.command("migrate", "--to", "a001"), environ=at_start).returncode == 0


def test_down_to_does_not_go_forward_and_says_what_does(sqlite: Subject) -> None:
    release = sqlite.release(ACCOUNTS)
    run(release.command("migrate", "--to", "a001"), environ=sqlite.environ)
    refused = run(release.command("migrate", "--down-to", "a003", "--yes-lose-data"), environ=sqlite.environ)
    assert (refused.returncode, refused.stderr.splitlines()) == (
        2,
        [
            "error: cannot go back to a003: the database is at a001, a003 is above it",
            "  now: nothing was migrated",
            "      hint: bin/app migrate --to a003 goes forward",
        ],
    )


def test_each_revision_is_told_once_and_the_authors_own_log_lines_stay(sqlite: Subject) -> None:
    ini = (Path(alembic.__file__).parent / "templates" / "generic" / "alembic.ini.mako").read_text()
    ini = re.sub(r"\$\{[^}]*\}", "migrations", ini)
    assert "level = INFO" in ini
    says = ("import logging", "for name in ('alembic.runtime.migration', 'alembic.mine'):")
    last = revision("a004", "a003", "said", *says, "    logging.getLogger(name).info('my own line')")
    release = sqlite.release({**ACCOUNTS, "a004": last}, config={"alembic.ini": ini})
    for words in (("migrate",), ("migrate", "--down-to", "base", "--yes-lose-data"), ("migrate", "--sql")):
        done = run(release.command(*words), environ=sqlite.environ)
        assert done.returncode == 0, done.stderr
        told = [line.split("] ")[-1] for line in done.stderr.splitlines()]
        assert told == ([] if "--down-to" in words else ["my own line"] * 2), done.stderr


def test_the_password_is_not_in_the_journal(make_subject: Callable[[str], Subject]) -> None:
    subject = make_subject("postgresql")
    role = f"secretive_{subject.ask('SELECT current_database()')[0]}"
    subject.do(f"CREATE ROLE {role} SUPERUSER LOGIN PASSWORD 'never-in-clear'")
    url = re.sub("//[^@]*@", f"//{role}:never-in-clear@", subject.url)
    block = ("with op.get_context().autocommit_block():", "    op.execute(\"SELECT 'never-in-clear'\")")
    last = revision("a004", "a003", "told", *block, "raise ValueError('no such host: never-in-clear')")
    failed = run(subject.release({**ACCOUNTS, "a004": last}).command("migrate"), environ={"DATABASE_URL": url})
    assert failed.returncode == 1
    assert "never-in-clear" not in failed.stdout + failed.stderr
    (row,) = subject.ask("SELECT error || last_sql FROM release_meta.migration_journal WHERE state = 'failed'")
    assert row.count("***") == 2
    assert "never-in-clear" not in row


def test_what_is_ahead_is_listed_with_who_brought_it(sqlite: Subject) -> None:
    later = revision("a004", "a003", "later") + "\nrelease = {'compatible': False}\n"
    newer, older = sqlite.release({**ACCOUNTS, "a004": later}, version="1.1.0"), sqlite.release(ACCOUNTS)
    run(newer.command("migrate"), environ=sqlite.environ)
    assert run(older.command("migrate"), environ=sqlite.environ).returncode == 13
    listed = run(older.command("migrations"), environ=sqlite.environ)
    assert (listed.returncode, listed.stderr) == (0, "")
    lines = [line for line in listed.stdout.splitlines() if not line.startswith(" " * 11)]
    assert lines == [
        "the database is at a004 (ahead of this release)",
        "  applied  a001 create account",
        "  applied  a002 add owner",
        "  applied  a003 pay interest",
        "  ahead    a004",
    ]
    below = listed.stdout.partition("  ahead    a004\n")[2].splitlines()
    assert re.fullmatch(r" {11}\S+ \S+ UTC by app 1\.1\.0 on \S+ in \d+\.\d\d s", below[0])
    assert below[-1] == "           not compatible with the release before it"
    found = json.loads(run(older.command("migrations", "--json"), environ=sqlite.environ).stdout)
    last = found["databases"][0]["revisions"][-1]
    assert (last["revision"], last["state"], last["compatible"]) == ("a004", "ahead", False)


def test_a_database_of_another_line_is_listed_too(sqlite: Subject) -> None:
    release = sqlite.release(ACCOUNTS)
    run(release.command("migrate"), environ=sqlite.environ)
    sqlite.do("UPDATE alembic_version SET version_num = 'feed'")
    listed = run(release.command("migrations"), environ=sqlite.environ)
    assert listed.returncode == 0, listed.stderr
    assert "\n  unknown  a003 pay interest\n  ahead    feed\n           not in the journal: " in listed.stdout


@pytest.mark.parametrize("action", [("--down-to", "a001", "--yes-lose-data"), ("--stamp", "a001", "--force")])
def test_an_older_release_changes_nothing_of_a_database_that_is_ahead(sqlite: Subject, action: tuple[str, ...]) -> None:
    later = revision("a004", "a003", "later") + "\nrelease = {'compatible': True}\n"
    newer, older = sqlite.release({**ACCOUNTS, "a004": later}, version="1.1.0"), sqlite.release(ACCOUNTS)
    run(newer.command("migrate"), environ=sqlite.environ)
    refused = run(older.command("migrate", *action), environ=sqlite.environ)
    assert refused.returncode == 13, refused.stdout
    assert sqlite.version() == ["a004"]
