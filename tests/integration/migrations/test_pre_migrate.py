"""Hooks of `pre_migrate`: before the first pending revision, under the lock, and only when something is pending."""

from __future__ import annotations

import re
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import NullPool, create_engine, text
from support.driving import run, running
from support.migrated import ACCOUNTS, revision
from support.waiting import eventually

import releaser
from releaser.runtime.release.manifest import Hook

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Subject
    from support.handmade import Handmade

HOW_TO = Path(releaser.__file__).parent / "docs/how_to/back_up_before_migrations.md"


def release_with_hook(subject: Subject, script: str, **more: Any) -> Handmade:
    """Write a release whose hook of pre_migrate is a shell script."""
    limits = {"timeout_s": more.pop("timeout_s", 60.0), "on_failure": more.pop("on_failure", "abort")}
    path = "hooks/pre_migrate.d/20-look"
    hook = Hook(event="pre_migrate", name="20-look", path=path, call="", **limits)
    release = subject.release(more.pop("revisions", ACCOUNTS), hooks=[hook], **more)
    file = Path(release.layout.release) / path
    file.parent.mkdir(parents=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return release


LOOK = """\
set -eu
echo "$RELEASE_EVENT $RELEASE_COMMAND $RELEASE_DATABASE in $(pwd)"
cat "$RELEASE_PENDING"
"$RELEASE_PROG" migrations | head -1
"$RELEASE_PROG" migrate --check --to a001 2>&1 || echo "check: $?"
"""


def test_a_hook_knows_what_is_pending_and_may_look_at_the_database(subject: Subject) -> None:
    release = release_with_hook(subject, LOOK)
    done = run(release.command("migrate", "--to", "a002"), environ=subject.environ)
    assert done.returncode == 0, done.stdout + done.stderr
    prefix = "[pre_migrate 20-look] "
    lines = [line.removeprefix(prefix) for line in done.stdout.splitlines() if line.startswith(prefix)]
    assert lines[:4] == [
        f"pre_migrate migrate default in {release.root}",
        "a001 pre create account",
        "a002 pre add owner",
        "the database is at no revision (3 revisions behind head)",
    ]
    assert lines[-1] == "check: 10"
    others = [
        line for line in done.stdout.splitlines() if not line.startswith((prefix, "restore point", "the database"))
    ]
    assert others[0] == "[1/2] a001 create account ..."
    assert list((release.root / "var/run").glob("pending-*")) == []


def test_a_hook_runs_only_when_something_is_pending(sqlite: Subject) -> None:
    release = release_with_hook(sqlite, 'echo x >>"$RELEASE_VAR/seen"')
    for _ in range(2):
        assert run(release.command("migrate"), environ=sqlite.environ).returncode == 0
    assert run(release.command("migrate", "--plan"), environ=sqlite.environ).returncode == 0
    assert (release.root / "var/seen").read_text() == "x\n"
    undone = run(release.command("migrate", "--down-to", "a002", "--yes-lose-data"), environ=sqlite.environ)
    assert undone.returncode == 0, undone.stderr
    assert (release.root / "var/seen").read_text() == "x\nx\n"


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_hook_that_fails_leaves_the_database_as_it_is(make_subject: Callable[[str], Subject], kind: str) -> None:
    subject = make_subject(kind)
    release = release_with_hook(subject, "echo no space; exit 3")
    done = run(release.command("migrate"), environ=subject.environ)
    assert done.returncode == 18
    assert done.stdout.splitlines() == ["[pre_migrate 20-look] no space"]
    assert done.stderr.splitlines() == [
        "error: the pre_migrate hook 20-look exited with 3",
        "  now: the database is at no revision; nothing was migrated",
        "      hint: its lines begin with [pre_migrate 20-look]",
    ]
    assert "account" not in subject.tables()


def test_a_hook_whose_failure_is_only_told_does_not_stop_the_migration(sqlite: Subject) -> None:
    release = release_with_hook(sqlite, "exit 3", on_failure="warn")
    done = run(release.command("migrate"), environ=sqlite.environ)
    assert done.returncode == 0, done.stderr
    told = "warning: the pre_migrate hook 20-look exited with 3; goes on, since its on_failure is warn"
    assert told in done.stdout.splitlines()


def test_a_hook_has_a_limit(sqlite: Subject) -> None:
    release = release_with_hook(sqlite, "sleep 600", timeout_s=0.5)
    done = run(release.command("migrate"), environ=sqlite.environ)
    assert done.returncode == 18
    assert "error: the pre_migrate hook 20-look was ended after its limit of 0.5 s" in done.stderr


def test_a_hook_that_cannot_be_executed_is_told(sqlite: Subject) -> None:
    release = release_with_hook(sqlite, "")
    (Path(release.layout.release) / "hooks/pre_migrate.d/20-look").chmod(0o644)
    done = run(release.command("migrate"), environ=sqlite.environ)
    assert done.returncode == 18
    assert "error: the pre_migrate hook 20-look cannot be executed: " in done.stderr


def test_a_hook_that_migrates_is_told_that_it_would_wait_for_itself(sqlite: Subject) -> None:
    release = release_with_hook(sqlite, '"$RELEASE_PROG" migrate')
    done = run(release.command("migrate"), environ=sqlite.environ)
    assert done.returncode == 18
    assert "[pre_migrate 20-look] error: cannot migrate: this is called by a hook of pre_migrate" in done.stdout


def test_who_is_told_to_end_ends_the_hook_too(sqlite: Subject) -> None:
    release = release_with_hook(sqlite, "trap 'echo ended; exit 1' TERM; echo begun; while :; do sleep 0.1; done")
    with running(release.command("migrate"), environ=sqlite.environ) as runner:
        eventually(lambda: "begun" in runner.stdout, within=60)
        runner.process.send_signal(signal.SIGTERM)
        assert runner.wait(60) == 143, runner.stderr
        assert "[pre_migrate 20-look] ended" in runner.stdout
    assert "account" not in sqlite.tables()


def test_a_run_that_begins_anew_does_not_run_the_hooks_again(make_subject: Callable[[str], Subject]) -> None:
    subject = make_subject("postgresql")
    run(subject.release(ACCOUNTS).command("migrate"), environ=subject.environ)
    note = revision("a004", "a003", "note", 'op.add_column("account", sa.Column("note", sa.String(20)))')
    release = release_with_hook(subject, "echo backed up", revisions={**ACCOUNTS, "a004": note})
    with running(release.command("migrate"), environ=subject.environ) as runner:
        with create_engine(subject.url, poolclass=NullPool).connect() as connection:
            connection.execute(text("SELECT count(*) FROM account"))
            eventually(lambda: "(2 of 20)" in runner.stdout, within=60)
        assert runner.wait(60) == 0, runner.stderr
        assert runner.stdout.count("backed up") == 1
        assert runner.stdout.count("restore point") == 1


def test_the_dump_of_the_how_to_can_be_restored(make_subject: Callable[[str], Subject]) -> None:
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    subject = make_subject("postgresql")
    run(subject.release(ACCOUNTS).command("migrate", "--to", "a002"), environ=subject.environ)
    (script,) = re.findall(r"```sh\n#!/bin/sh\n(.*?)```", HOW_TO.read_text(), re.DOTALL)
    release = release_with_hook(subject, script)
    backups = release.root / "var/backups"
    backups.mkdir(parents=True)
    for number in range(4):
        (backups / f"default-2020010{number}T000000Z-1.dump").touch()
    path = f"{programs[-1]}:{Path(str(shutil.which('sh'))).parent}:/usr/bin:/bin"
    done = run(release.command("migrate"), environ={**subject.environ, "PATH": path})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[pre_migrate 20-look] pending: a003 pay interest" in done.stdout
    dumps = sorted(backups.iterdir())
    assert [dump.name[8:12] for dump in dumps[:2]] == ["2020", "2020"]
    assert len(dumps) == 3
    listed = run([str(programs[-1] / "pg_restore"), "--list", str(dumps[-1])])
    assert "TABLE DATA public account" in listed.stdout, listed.stderr
