"""A release with several databases: their order, a choice among them, and what a failure of one means for the rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import NullPool, create_engine, inspect
from support.driving import run
from support.migrated import ACCOUNTS, revision, write_several

if TYPE_CHECKING:
    from support.databases import Server

AUDIT = {"b001": revision("b001", None, "create audit", 'op.create_table("audit", sa.Column("id", sa.Integer))')}
BROKEN = {"c001": revision("c001", None, "break", 'op.execute("SELECT * FROM nowhere")')}


def urls_in(folder: Path, *names: str) -> dict[str, str]:
    return {f"{name.upper()}_URL": f"sqlite:///{folder}/{name}.db" for name in names}


def tables(url: str) -> set[str]:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return set(inspect(connection).get_table_names())


def test_every_database_is_migrated_in_the_order_of_the_manifest(
    tmp_path: Path, postgresql: Server, mariadb: Server
) -> None:
    release = write_several(tmp_path / "release", {"ledger": ACCOUNTS, "audit": AUDIT, "files": AUDIT})
    environ = {"LEDGER_URL": postgresql.fresh_url(), "AUDIT_URL": mariadb.fresh_url(), **urls_in(tmp_path, "files")}
    done = run(release.command("migrate"), environ=environ)
    assert (done.returncode, done.stderr) == (0, "")
    begun = [line for line in done.stdout.splitlines() if line.endswith("...")]
    assert begun == [
        "ledger: [1/3] a001 create account ...",
        "ledger: [2/3] a002 add owner ...",
        "ledger: [3/3] a003 pay interest ...",
        "audit: [1/1] b001 create audit ...",
        "files: [1/1] b001 create audit ...",
    ]
    assert done.stdout.splitlines()[-3:] == [
        "ledger: database is at a003 (head): applied 3 revisions",
        "audit: database is at b001 (head): applied 1 revision",
        "files: database is at b001 (head): applied 1 revision",
    ]
    assert [{"account", "audit"} & tables(url) for url in environ.values()] == [{"account"}, {"audit"}, {"audit"}]
    again = json.loads(run(release.command("migrate", "--json"), environ=environ).stdout)
    assert [(each["database"], each["at"], each["applied"]) for each in again["databases"]] == [
        ("ledger", ["a003"], []),
        ("audit", ["b001"], []),
        ("files", ["b001"], []),
    ]


def test_databases_are_chosen_by_name(tmp_path: Path) -> None:
    release = write_several(tmp_path / "release", {"ledger": ACCOUNTS, "audit": AUDIT})
    environ = urls_in(tmp_path, "ledger", "audit")
    assert run(release.command("migrate", "audit"), environ=environ).returncode == 0
    assert not (tmp_path / "ledger.db").exists()
    checked = run(release.command("migrate", "--check"), environ=environ)
    assert checked.returncode == 10
    assert checked.stderr.splitlines() == [
        "error: 3 revisions are pending",
        "  ledger: the database is at no revision (3 revisions behind head); 3 revisions would be applied:",
        "    a001 create account",
        "    a002 add owner",
        "    a003 pay interest",
        "  audit: nothing to do: the database is at b001 (head)",
        "  now: nothing was migrated",
        "      hint: bin/app migrate applies them",
    ]
    assert run(release.command("migrate", "ledger", "--to", "a002"), environ=environ).returncode == 0
    listed = run(release.command("migrations"), environ=environ).stdout.splitlines()
    assert [line for line in listed if not line.startswith(" ")] == [
        "ledger: the database is at a002 (1 revision behind head)",
        "audit: the database is at b001 (head)",
    ]
    one = run(release.command("migrations", "audit"), environ=environ).stdout.splitlines()
    assert one[0] == "the database is at b001 (head)"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["migrate", "audits"], "error: cannot run migrate: this release has no database 'audits'"),
        (["migrations", "head"], "error: cannot run migrations: this release has no database 'head'"),
        (["migrate", "--to", "a001"], "error: cannot run migrate: ledger, audit have each a line of revisions"),
        (["migrate", "--stamp", "a001"], "error: cannot run migrate: ledger, audit have each a line of revisions"),
    ],
)
def test_a_wrong_choice_is_refused_before_anything_is_asked(tmp_path: Path, words: list[str], said: str) -> None:
    release = write_several(tmp_path / "release", {"ledger": ACCOUNTS, "audit": AUDIT})
    done = run(release.command(*words), environ=urls_in(tmp_path, "ledger", "audit"))
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, said)
    assert not list(tmp_path.glob("*.db"))


def test_a_failure_stops_the_databases_behind_it_and_tells_of_all(tmp_path: Path) -> None:
    release = write_several(tmp_path / "release", {"ledger": ACCOUNTS, "broken": BROKEN, "audit": AUDIT, "log": AUDIT})
    environ = urls_in(tmp_path, "ledger", "broken", "audit", "log")
    done = run(release.command("migrate"), environ=environ)
    assert done.returncode == 1
    error = done.stderr.splitlines()
    assert error[0].startswith("error: broken: revision c001 break failed: ")
    assert error[-1] == (
        "  now: the database is at no revision; c001 was rolled back; done before it: ledger; not begun: audit, log"
    )
    assert tables(environ["LEDGER_URL"]) >= {"account"}
    assert not (tmp_path / "audit.db").exists()


def test_the_exit_code_is_that_of_the_database_that_failed(tmp_path: Path) -> None:
    environ = urls_in(tmp_path, "ledger", "audit")
    newer = {**AUDIT, "b002": revision("b002", "b001", "of a newer release")}
    assert run(write_several(tmp_path / "newer", {"audit": newer}).command("migrate"), environ=environ).returncode == 0
    release = write_several(tmp_path / "release", {"ledger": ACCOUNTS, "audit": AUDIT})
    done = run(release.command("migrate"), environ=environ)
    assert done.returncode in (13, 14)
    assert done.stderr.startswith("error: audit: ")
    assert "done before it: ledger" in done.stderr


def test_statements_stand_below_the_name_of_their_database(tmp_path: Path) -> None:
    release = write_several(tmp_path / "release", {"ledger": ACCOUNTS, "audit": AUDIT})
    done = run(release.command("migrate", "--sql"), environ=urls_in(tmp_path, "ledger", "audit"))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines.index("-- ledger") < lines.index("CREATE TABLE account (") < lines.index("-- audit")
    assert lines.index("-- audit") < lines.index("CREATE TABLE audit (")
