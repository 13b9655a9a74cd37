"""A database with tenants: who they are, a process for each, its own lock, and what is told of all of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import NullPool, create_engine, text
from support.driving import run
from support.migrated import ACCOUNTS, GENERIC_ENV, revision, write_several

if TYPE_CHECKING:
    from support.databases import Server
    from support.handmade import Handmade

COOKBOOK_ENV = GENERIC_ENV.replace(
    "with connectable.connect() as connection:\n",
    "with connectable.connect() as connection:\n"
    '    tenant = context.get_x_argument(as_dictionary=True)["tenant"]\n'
    "    connection.exec_driver_sql(f'set search_path to \"{tenant}\"')\n"
    "    connection.commit()\n"
    "    connection.dialect.default_schema_name = tenant\n",
)
"""Alembic's own recipe for a schema per tenant."""


def release_of(folder: Path, targets: object, revisions: dict[str, str] | None = None, **more: Any) -> Handmade:
    """Write a release whose function returns `targets`, or is that text."""
    body = targets if isinstance(targets, str) else f"def urls():\n    return {targets!r}\n"
    settings = {"targets": "tenants:urls", **more.pop("settings", {})}
    return write_several(
        folder / "release",
        {"shop": revisions or ACCOUNTS},
        settings={"shop": settings},
        modules={"tenants.py": body},
        **more,
    )


def files(folder: Path, *names: str) -> dict[str, str]:
    return {name: f"sqlite:///{folder}/{name}.db" for name in names}


def ask(url: str, statement: str) -> list[Any]:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return list(connection.execute(text(statement)).scalars())


def do(url: str, statement: str) -> None:
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text(statement))


ENVIRON = {"SHOP_URL": "sqlite://"}


def test_each_tenant_is_migrated_and_told_in_a_table(tmp_path: Path, postgresql: Server, mariadb: Server) -> None:
    targets = {"acme": postgresql.fresh_url(), "globex": mariadb.fresh_url(), **files(tmp_path, "initech")}
    release = release_of(tmp_path, targets)
    done = run(release.command("migrate"), environ=ENVIRON)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert "globex: [2/3] a002 add owner ..." in lines
    assert lines[-5:] == [
        "tenant   state           revisions  at",
        "acme     applied                 3  a003 (head)",
        "globex   applied                 3  a003 (head)",
        "initech  applied                 3  a003 (head)",
        "3 tenants: 3 applied",
    ]
    assert [ask(url, "SELECT balance FROM account") for url in targets.values()] == [[1001]] * 3
    again = run(release.command("migrate"), environ=ENVIRON)
    assert again.stdout.splitlines()[-1] == "3 tenants: 3 nothing to do"
    assert "..." not in again.stdout


def test_tenants_in_schemas_of_one_database_do_not_touch_each_other(tmp_path: Path, postgresql: Server) -> None:
    url = postgresql.fresh_url()
    for schema in ("acme", "Glob ex"):
        do(url, f'CREATE SCHEMA "{schema}"')
    targets = [{"name": "acme", "schema": "acme"}, {"name": "globex", "schema": "Glob ex"}]
    release = release_of(tmp_path, targets)
    one = run(release.command("migrate", "--target", "globex"), environ={"SHOP_URL": url})
    assert (one.returncode, one.stderr) == (0, "")
    assert one.stdout.splitlines()[-1] == "database is at a003 (head): applied 3 revisions"
    both = run(release.command("migrate"), environ={"SHOP_URL": url})
    assert both.stdout.splitlines()[-1] == "2 tenants: 1 applied, 1 nothing to do"
    places = "SELECT schemaname FROM pg_tables WHERE tablename IN ('account', 'alembic_version') ORDER BY 1"
    assert ask(url, places) == ["Glob ex", "Glob ex", "acme", "acme"]


def test_an_env_that_reads_the_name_needs_no_url_and_no_schema(tmp_path: Path, postgresql: Server) -> None:
    url = postgresql.fresh_url()
    for schema in ("acme", "globex"):
        do(url, f"CREATE SCHEMA {schema}")
    release = release_of(tmp_path, ["acme", "globex"], env=COOKBOOK_ENV)
    done = run(release.command("migrate"), environ={"SHOP_URL": url})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "2 tenants: 2 applied"
    assert [ask(url, f"SELECT balance FROM {schema}.account") for schema in ("acme", "globex")] == [[1001], [1001]]


def test_one_that_fails_does_not_stop_the_others_unless_that_is_wanted(tmp_path: Path) -> None:
    targets = files(tmp_path, "acme", "globex", "initech")
    do(targets["acme"], "CREATE TABLE account (id INTEGER)")
    release = release_of(tmp_path, targets, settings={"targets_at_once": 1})
    done = run(release.command("migrate"), environ=ENVIRON)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-5:] == [
        "tenant   state           revisions  at",
        "acme     failed (1)",
        "globex   applied                 3  a003 (head)",
        "initech  applied                 3  a003 (head)",
        "3 tenants: 1 failed, 2 applied",
    ]
    error = done.stderr.splitlines()
    assert error[0] == "error: 1 of 3 tenants failed"
    assert error[1].startswith("  acme: revision a001 create account failed: table account already exists")
    assert error[-2:] == [
        "  now: 2 tenants done, 0 not begun; each of the others is as said above",
        "      hint: bin/app migrate shop goes on where this one stopped",
    ]
    more = files(tmp_path, "hooli")
    stopping = release_of(tmp_path / "other", targets | more, settings={"targets_at_once": 1, "on_failure": "stop"})
    stopped = run(stopping.command("migrate", "--json"), environ=ENVIRON)
    assert stopped.returncode == 1
    (found,) = json.loads(stopped.stdout)["databases"]
    assert [(row["target"], row["state"]) for row in found["targets"]] == [
        ("acme", "failed"),
        ("globex", "nothing to do"),
        ("initech", "nothing to do"),
        ("hooli", "not begun"),
    ]


def test_what_is_pending_is_told_of_each_and_nothing_is_changed(tmp_path: Path) -> None:
    release = release_of(tmp_path, files(tmp_path, "acme", "globex"))
    assert run(release.command("migrate", "--target=acme", "--to", "a002"), environ=ENVIRON).returncode == 0
    checked = run(release.command("migrate", "--check"), environ=ENVIRON)
    assert checked.returncode == 10
    assert checked.stderr.splitlines()[:5] == [
        "error: 4 revisions are pending",
        "  tenant  state           revisions  at",
        "  acme    pending                 1  a002",
        "  globex  pending                 3",
        "  2 tenants: 2 pending",
    ]
    listed = run(release.command("migrations"), environ=ENVIRON)
    assert listed.stdout.splitlines()[1:] == [
        "acme    behind                     a002",
        "globex  behind",
        "2 tenants: 2 behind",
    ]
    one = run(release.command("migrations", "--target", "acme"), environ=ENVIRON).stdout.splitlines()
    assert one[0] == "the database is at a002 (1 revision behind head)"
    assert run(release.command("migrate", "--unlock", "--force"), environ=ENVIRON).returncode == 2


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("def urls():\n    return 7\n", "expected a mapping of names to URLs, or a list of mappings"),
        ("def urls():\n    return [{'nmae': 'x'}]\n", "number 1: unknown key 'nmae'; known are name, url, schema"),
        ("def urls():\n    return {'a': 'mysql://u:hunter2@h/a', 'b': 7}\n", "url of b: expected text, found a value"),
        ("def urls():\n    raise RuntimeError('at mysql://u:hunter2@h/a')\n", "RuntimeError: at mysql://u:***@h/a"),
        ("import os\ndef urls():\n    os._exit(9)\n", "tenants:urls ended its process with exit code 9"),
        ("def names():\n    return []\n", "there is no 'urls' in tenants"),
        ("import time\ndef urls():\n    time.sleep(600)\n", "tenants:urls did not return within 3 s"),
        ("async def urls():\n    return {'a': 'sqlite:///x', 'b': 'sqlite:///x'}\n", "a and b are the same database"),
    ],
)
def test_what_is_no_list_of_tenants_is_one_clear_message(tmp_path: Path, body: str, said: str) -> None:
    release = release_of(tmp_path, body, settings={"targets_timeout_s": 3.0 if "sleep" in body else 60.0})
    done = run(release.command("migrate"), environ=ENVIRON)
    assert done.returncode in (1, 3)
    assert said in done.stderr
    assert "hunter2" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert "now: nothing was migrated" in done.stderr


def test_no_tenants_is_nothing_to_do_and_an_unknown_one_is_refused(tmp_path: Path) -> None:
    release = release_of(tmp_path, {})
    done = run(release.command("migrate"), environ=ENVIRON)
    assert (done.returncode, done.stdout) == (0, "nothing to do: tenants:urls returned no tenants\n")
    other = release_of(tmp_path / "other", files(tmp_path, "acme"))
    unknown = run(other.command("migrate", "--target", "acne"), environ=ENVIRON)
    assert unknown.returncode == 2
    assert unknown.stderr.splitlines() == [
        "error: there is no tenant 'acne' among 1",
        "  now: nothing was migrated",
        "      hint: did you mean 'acme'?",
    ]


def test_a_password_is_in_no_output(tmp_path: Path, postgresql: Server) -> None:
    targets = {
        "acme": postgresql.url_with_wrong_password(),
        "globex": "postgresql+psycopg://u:wrong-secret@127.0.0.1:1/x",
    }
    release = release_of(tmp_path, targets, {"a001": revision("a001", None, "nothing")})
    for words in ([], ["--json"], ["--plan"], ["--sql"]):
        done = run(release.command("migrate", *words), environ=ENVIRON)
        assert done.returncode == 1
        assert "wrong-secret" not in done.stdout + done.stderr
        assert "acme: cannot connect to the database" in done.stderr
