"""A database that a command of the bundle migrates: under the lock, with its output and exit code as they are."""

from __future__ import annotations

import json
import os
import re
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.driving import run, running
from support.handmade import write_release
from support.migrated import unpack_by_links, write_launcher
from support.waiting import eventually

from releaser.runtime.release.manifest import Entry, Hook, Migrations

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from conftest import Subject
    from support.handmade import Handmade

WHERE = ["sqlite", "postgresql", "mariadb", "pgbouncer"]
ALONE = """\
import os, sys, time
folder, name = sys.argv[1:]
os.close(os.open(f"{folder}/inside", os.O_CREAT | os.O_EXCL))  # fails beside another one
print("migrating", name, flush=True)
time.sleep(0.1)
with open(f"{folder}/done", "a") as done:
    done.write("x")
os.unlink(f"{folder}/inside")
"""
GATED = """\
import os, signal, sys, time
folder = sys.argv[1]
if "deaf" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
with open(f"{folder}/pid", "w") as file:
    file.write(str(os.getpid()))
os.rename(f"{folder}/pid", f"{folder}/reached")
while os.path.exists(f"{folder}/gate"):
    time.sleep(0.01)
"""
PENDING = "import os, sys; sys.exit(0 if os.path.exists(sys.argv[1] + '/done') else 1)"


def entry(module: str, *args: str) -> Entry:
    return Entry(kind="module", target=module, argv0=module, args=list(args))


def release_of(
    subject: Subject, text: str, *args: str, checked: bool = False, hooks: Sequence[Hook] = (), **settings: object
) -> Handmade:
    """Write a release whose command is the module of this text, called with the test's folder and `args`."""
    folder = str(subject.folder)
    record = Migrations(
        **{  # type: ignore[arg-type]
            "name": "default",
            "scripts": "",
            "config": "",
            "url": "${DATABASE_URL}",
            "run": "manual",
            "version_table": "",
            "line": [],
            "heads": [],
            "files": {},
            "command": entry("changing", folder, *args),
            "check": entry("pending", folder) if checked else None,
            **settings,
        }
    )
    modules = {"changing.py": text, "pending.py": PENDING}
    release = write_release(subject.folder / "release", modules=modules, migrations=[record], hooks=list(hooks))
    unpack_by_links(release, modules=modules)
    write_launcher(release)
    return release


@pytest.mark.parametrize("where", WHERE)
def test_of_eight_at_once_no_two_run_their_command_at_the_same_time(
    where: str, make_subject: Callable[[str], Subject]
) -> None:
    subject = make_subject(where)
    release = release_of(subject, ALONE, "${SHOP}")
    environ = {**subject.environ, "SHOP": "it"}
    with ExitStack() as stack:
        runners = [stack.enter_context(running(release.command("migrate"), environ=environ)) for _ in range(8)]
        codes = [runner.wait(90) for runner in runners]
        errors = "".join(runner.stderr for runner in runners)
        lines = runners[0].stdout.splitlines()
    assert (codes, errors) == ([0] * 8, "")
    assert (subject.folder / "done").read_text() == "x" * 8
    shown = f"python -m changing {subject.folder} ${{SHOP}}"
    lines = [line for line in lines if not line.startswith("waiting for the migration lock, held by ")]
    assert lines[:2] == [f"{shown} ...", "migrating it"]
    assert re.fullmatch(re.escape(shown) + r": done in \d+\.\d\d s", lines[2])
    assert lines[3] == "the database is migrated"


@pytest.mark.parametrize("where", WHERE)
def test_a_runner_that_is_killed_takes_its_command_with_it_and_frees_the_lock(
    where: str, make_subject: Callable[[str], Subject]
) -> None:
    subject = make_subject(where)
    gate = subject.folder / "gate"
    gate.touch()
    release = release_of(subject, GATED)
    reached = subject.folder / "reached"
    with running(release.command("migrate"), environ=subject.environ) as holder:
        eventually(reached.exists, within=60)
        with running(release.command("migrate"), environ=subject.environ) as waiter:
            eventually(lambda: "waiting for the migration lock, held by " in waiter.stdout, within=60)
            command = int(reached.read_text())
            reached.unlink()
            os.kill(holder.pid, signal.SIGKILL)
            eventually(reached.exists, within=60)  # the waiter's own command runs
            assert not is_running(command)
            gate.unlink()
            assert waiter.wait(60) == 0, waiter.stderr


@pytest.mark.parametrize("where", ["sqlite", "postgresql", "mariadb"])
def test_a_command_that_outlives_its_runner_keeps_the_lock(where: str, make_subject: Callable[[str], Subject]) -> None:
    subject = make_subject(where)
    gate = subject.folder / "gate"
    gate.touch()
    release = release_of(subject, GATED, "deaf")
    with running(release.command("migrate"), environ=subject.environ) as holder:
        eventually((subject.folder / "reached").exists, within=60)
        os.kill(holder.pid, signal.SIGKILL)
        holder.process.wait()
        refused = run(release.command("migrate", "--lock-wait", "300ms"), environ=subject.environ)
        assert refused.returncode == 11, refused.stderr
        gate.unlink()
        assert run(release.command("migrate"), environ=subject.environ).returncode == 0


def test_the_exit_code_is_the_commands_own(sqlite: Subject) -> None:
    release = release_of(sqlite, "import sys; sys.exit(7)")
    failed = run(release.command("migrate"), environ=sqlite.environ)
    assert failed.returncode == 7
    assert failed.stderr.splitlines() == [
        f"error: `python -m changing {sqlite.folder}` ended with exit code 7",
        "  now: what it has committed stays; the migration lock is free",
    ]


def test_a_signal_ends_the_command_first(sqlite: Subject) -> None:
    (sqlite.folder / "gate").touch()
    release = release_of(sqlite, GATED)
    reached = sqlite.folder / "reached"
    with running(release.command("migrate"), environ=sqlite.environ) as runner:
        eventually(reached.exists, within=60)
        os.kill(runner.pid, signal.SIGTERM)
        assert runner.wait(60) == 143
    assert not is_running(int(reached.read_text()))
    assert runner.stderr.splitlines() == [
        f"interrupted by SIGTERM: waits until `python -m changing {sqlite.folder}` has ended; once more ends at once",
        "error: interrupted by SIGTERM",
        "  now: the command has ended; what it has committed stays",
    ]


def test_a_check_tells_whether_something_is_pending(sqlite: Subject) -> None:
    release = release_of(sqlite, ALONE, "it", checked=True)
    pending = run(release.command("migrate", "--check"), environ=sqlite.environ)
    assert pending.returncode == 10
    assert pending.stderr.startswith(f"error: migrations are pending: `python -m pending {sqlite.folder}` says so\n")
    assert run(release.command("migrate"), environ=sqlite.environ).returncode == 0
    again = run(release.command("migrate", "--json"), environ=sqlite.environ)
    assert json.loads(again.stdout)["databases"][0]["command"] == f"python -m changing {sqlite.folder} it"
    assert run(release.command("migrate", "--check"), environ=sqlite.environ).stdout == (
        "nothing to do: nothing is pending\n"
    )
    listed = run(release.command("migrations"), environ=sqlite.environ).stdout.splitlines()
    assert listed[1] == f"  nothing is pending, says `python -m pending {sqlite.folder}`"
    assert (sqlite.folder / "done").read_text() == "x"


def test_a_hook_of_pre_migrate_runs_before_the_command_if_something_is_pending(sqlite: Subject) -> None:
    hook = Hook(event="pre_migrate", name="20-dump", path="dump", call="", timeout_s=60.0, on_failure="abort")
    release = release_of(sqlite, ALONE, "it", checked=True, hooks=[hook])
    file = Path(release.layout.release) / "dump"
    file.write_text('#!/bin/sh\necho "for $RELEASE_DATABASE"\n')
    file.chmod(0o755)
    done = run(release.command("migrate"), environ=sqlite.environ)
    assert done.stdout.splitlines()[0] == "[pre_migrate 20-dump] for default", done.stderr
    assert "pre_migrate" not in run(release.command("migrate"), environ=sqlite.environ).stdout


@pytest.mark.parametrize("words", [["--to", "a1"], ["--sql"], ["--plan"], ["--stamp", "a1"], ["--check"]])
def test_what_needs_revisions_is_refused(sqlite: Subject, words: list[str]) -> None:
    refused = run(release_of(sqlite, ALONE).command("migrate", *words), environ=sqlite.environ)
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: cannot run migrate: ")
    assert not (sqlite.folder / "done").exists()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://app:secret@127.0.0.1:1/x", "cannot connect to the database"),
        ("mysql://app:secret@127.0.0.1:1/x", "cannot connect to the database"),
        ("oracle://app:secret@127.0.0.1:1/x", "cannot lock the database: there is no migration lock for oracle://"),
        ("nothing of the kind", "cannot lock the database: expected driver://user:password@host:port/name"),
    ],
)
def test_a_database_whose_lock_cannot_be_had_is_one_clear_message(sqlite: Subject, url: str, said: str) -> None:
    failed = run(release_of(sqlite, ALONE, "it").command("migrate"), environ={"DATABASE_URL": url})
    assert failed.returncode == 1
    assert failed.stderr.startswith(f"error: {said}")
    assert "secret" not in failed.stderr
    assert "Traceback" not in failed.stderr
    assert not (sqlite.folder / "done").exists()


def is_running(pid: int) -> bool:
    """Tell whether a process is there and has not ended."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
