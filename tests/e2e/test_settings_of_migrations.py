"""`[release.NAME.migrations]`, from rel/config.toml to the database: one that were ignored would fail its test."""

from __future__ import annotations

import fcntl
import functools
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.builds import built, releaser
from support.built import REPOSITORY, release_in
from support.migrated import revision
from support.running import Release, ending
from support.tiny_project import make_tiny_project

from releaser.runtime.migrations.journal.journal import FILE_SUFFIX as JOURNAL

NEEDED = ("alembic", "mako", "markupsafe", "sqlalchemy", "greenlet", "typing-extensions")
CONFIG = """\
default_environment = "plain"

[release.tiny]
entry_point = "tiny.app:main"
archive = false

[release.tiny.migrations]
script_location = "tiny:scripts"
config = "settings/db.ini"
url = "${DATABASE_URL}"
retries = 2
lock_timeout = "1234ms"

[environment.plain.migrations]
after_migrate = "tiny.tenants:note"

[environment.timed.migrations]
statement_timeout = "5m"

[environment.early.migrations]
run = "pre_start"
lock = "external"
journal = "off"
backup = "off"

[environment.early.hooks]
pre_migrate = "rel/dump"

[environment.checked.migrations]
run = "check"
journal = "required"
lint = "off"

[environment.strict.migrations]
lint = "error"
released = "a2"

[environment.forgiving.migrations]
lint = "error"
released = "a2"
lint_ignore = ["M302"]

[environment.known.migrations]
run = "manual"
lint = "off"
released = "a3"

[environment.tenants.migrations]
run = "manual"
targets = "tiny.tenants:urls"
targets_at_once = 1
on_failure = "stop"

[environment.slow.migrations]
run = "manual"
targets = "tiny.tenants:never"
targets_timeout = "300ms"
"""
ENV = """\
from alembic import context
from sqlalchemy import engine_from_config, pool

config = context.config
engine = engine_from_config(config.get_section("alembic"), prefix="sqlalchemy.", poolclass=pool.NullPool)
with engine.connect() as connection:
    versions = config.get_main_option("of_this_project")
    context.configure(connection=connection, target_metadata=None, version_table=versions)
    with context.begin_transaction():
        context.run_migrations()
"""
APP = "import threading\n\ndef main():\n    threading.Event().wait()\n"
TENANTS = """\
import os, threading

def urls():
    folder = os.environ["FOLDER"]
    return {"first": f"sqlite:///{folder}/no such folder/first.db", "second": f"sqlite:///{folder}/second.db"}

def never():
    threading.Event().wait()

def note(applied):
    with open(os.environ["FOLDER"] + "/told", "a") as file:
        file.write(" ".join(applied[0]["revisions"]))
"""
REVISIONS = {
    "a1": revision("a1", None, "one", 'op.create_table("one", sa.Column("id", sa.Integer, primary_key=True))'),
    "a2": revision("a2", "a1", "two", *(
        "import os, sqlite3",
        'if os.environ.get("LOCKED"):  # what a driver raises when somebody holds the table',
        '    raise sa.exc.OperationalError("alter", {}, sqlite3.OperationalError("database is locked"))',
        'op.add_column("one", sa.Column("more", sa.Integer))',
    )),
}  # fmt: skip
DROPS = revision("a3", "a2", "three", 'op.drop_column("one", "more")')
LATE = DROPS.replace("down_revision", 'release = {"phase": "post"}\ndown_revision', 1)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = make_tiny_project(tmp_path_factory.mktemp("migrations") / "project", config=CONFIG)
    pinned = (REPOSITORY / "examples/guestbook/requirements.txt").read_text()
    blocks = pinned.replace("\\\n", "\\\0").splitlines(keepends=True)
    chosen = [block for block in blocks if block.partition("==")[0].lower() in NEEDED]
    files = {
        "requirements.txt": "".join(chosen).replace("\0", "\n"),
        "settings/db.ini": "[alembic]\nscript_location = tiny:scripts\nof_this_project = named_in_db_ini\n",
        "rel/dump": '#!/bin/sh\ncat "$RELEASE_PENDING"\n',
        "src/tiny/app.py": APP,
        "src/tiny/tenants.py": TENANTS,
        "src/tiny/scripts/env.py": ENV,
        **{f"src/tiny/scripts/versions/{name}.py": text for name, text in REVISIONS.items()},
    }
    for name, text in files.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    return project


@pytest.fixture(scope="module")
def build(project: Path) -> Callable[[str], Path]:
    """Return a function that builds an environment, once."""
    return functools.cache(lambda environment: built(project, "--env", environment))


Place = Callable[[str], Release]


@pytest.fixture
def place(build: Callable[[str], Path], tmp_path: Path) -> Iterator[Place]:
    """Return a function that gives an environment's release a `var` and a database of its own."""
    with ending() as kept:

        def put(environment: str) -> Release:
            url = f"sqlite:///{tmp_path}/db?timeout=0.05"
            var = str(tmp_path / f"var-{environment}")
            env = {"DATABASE_URL": url, "RELEASE_VAR": var, "FOLDER": str(tmp_path)}
            release = release_in(build(environment), tmp_path / "scratch", **env)
            release.name = "tiny"
            return kept(release)

        yield put


def tables(folder: Path) -> set[str]:
    with sqlite3.connect(folder / "db") as database:
        return {name for (name,) in database.execute("select name from sqlite_master")}


def test_the_url_and_the_configuration_are_those_that_are_named(place: Place, tmp_path: Path) -> None:
    running = place("plain").foreground()
    assert {"one", "named_in_db_ini"} <= tables(tmp_path)
    assert "[post_start 10-migrate]" in running.output()
    assert (tmp_path / "told").read_text() == "a1 a2"


def test_a_limit_for_statements_is_refused_where_the_database_has_none(place: Place, tmp_path: Path) -> None:
    done = place("timed").run("migrate")
    assert done.returncode == 3
    assert "statement_timeout cannot be kept on sqlite" in done.stderr
    assert "one" not in tables(tmp_path)


def test_what_is_switched_off_is_off_and_it_runs_before_the_app(place: Place, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "db") as database:
        database.execute("create table before (x)")
    beside = tmp_path / "db.migrate-lock"
    with beside.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # nobody may wait for it: the lock is somebody else's business
        release = place("early")
        running = release.foreground()
    assert "[pre_start 10-migrate]" in running.output()
    assert "[pre_migrate 20-dump] a1 pre one" in running.output()
    assert "one" in tables(tmp_path)
    assert not (release.var / "backups").exists()
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("db")) == ["db", "db.migrate-lock"]


def test_what_is_on_leaves_a_journal_and_a_copy(place: Place, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "db") as database:
        database.execute("create table before (x)")
    release = place("plain")
    release.foreground()
    assert len(list((release.var / "backups").iterdir())) == 1
    assert Path(f"{tmp_path}/db{JOURNAL}").is_file()


def test_a_locked_table_is_waited_for_as_long_and_as_often_as_said(place: Place) -> None:
    release = place("plain")
    release.env["LOCKED"] = "1"
    done = release.run("migrate")
    assert done.returncode != 0
    told = done.stdout + done.stderr
    assert "did not get a lock; rolled back" in told  # SQLite has no limit that could be set: no figure
    (manifest,) = (release.root / "releases").glob("*/manifest.json")
    assert json.loads(manifest.read_text())["migrations"][0]["lock_timeout_s"] == 1.234
    assert "(2 of 2)" in told


def test_a_database_that_is_behind_is_refused_and_the_journal_must_be_writable(place: Place, tmp_path: Path) -> None:
    release = place("checked")
    running = release.foreground(until="")
    assert running.wait() != 0
    assert "2 revisions are pending" in running.output()
    Path(f"{tmp_path}/db{JOURNAL}").mkdir()
    done = release.run("migrate")
    assert done.returncode != 0
    assert "cannot write the migration journal" in done.stderr


def test_a_revision_that_would_break_the_old_code_ends_the_build_or_warns_or_passes(project: Path) -> None:
    script = project / "src/tiny/scripts/versions/a3.py"
    script.write_text(DROPS)
    try:
        strict = releaser(project, "build", "--env", "strict")
        plain = releaser(project, "build", "--env", "plain")
        silent = releaser(project, "build", "--env", "checked")
        forgiving = releaser(project, "build", "--env", "forgiving")
    finally:
        script.unlink()
    codes = [done.returncode for done in (strict, plain, silent, forgiving)]
    assert codes == [3, 0, 0, 0], strict.stderr + forgiving.stderr
    assert "M302" in strict.stderr
    assert "M302" in plain.stderr
    assert "M302" not in silent.stderr + forgiving.stderr


def test_a_revision_that_was_released_is_not_left_for_later(project: Path, place: Place, tmp_path: Path) -> None:
    script = project / "src/tiny/scripts/versions/a3.py"
    script.write_text(LATE)
    try:
        release = place("known")
    finally:
        script.unlink()
    done = release.run("migrate", "--phase", "pre")
    assert done.returncode == 0, done.stderr
    with sqlite3.connect(tmp_path / "db") as database:
        assert database.execute("select * from named_in_db_ini").fetchall() == [("a3",)]


def test_tenants_are_migrated_one_at_a_time_until_one_fails(place: Place, tmp_path: Path) -> None:
    done = place("tenants").run("migrate")
    assert done.returncode != 0
    assert "first" in done.stdout + done.stderr
    assert not (tmp_path / "second.db").exists()


def test_a_function_that_never_names_the_tenants_is_given_up(place: Place) -> None:
    done = place("slow").run("migrate")
    assert done.returncode != 0
    assert "0.3 s" in done.stdout + done.stderr
