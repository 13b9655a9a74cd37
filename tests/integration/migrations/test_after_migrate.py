"""`after_migrate`: every process of the running app is told what was applied, and what it does when that fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import NullPool, create_engine, text
from support.driving import instance, is_serving, run, running
from support.migrated import ACCOUNTS, write_several
from support.waiting import eventually

from releaser.runtime.release.manifest import Entry

if TYPE_CHECKING:
    from support.databases import Server
    from support.handmade import Handmade

APP = """
import asyncio, os, signal, threading

told = []

def pool():
    global engine
    from sqlalchemy import create_engine
    engine = create_engine(os.environ["SHOP_URL"], pool_size=1, max_overflow=0)

def columns():
    from sqlalchemy import text
    for _ in range(20):  # psycopg prepares what it is asked often
        with engine.begin() as connection:  # a commit keeps prepared statements, a rollback drops psycopg's
            found = connection.execute(text("SELECT * FROM account")).keys()
    return list(found)

def renew(applied):
    engine.dispose()
    told.append(applied)

def note(applied):
    told.append(applied)

def heard():
    return told

def refuse(applied):
    raise RuntimeError("the pool is busy")

async def note_on_loop(applied):
    told.append([asyncio.get_running_loop() is loop, *applied])

def main():
    signal.pause()

def main_with_pool():
    pool()
    signal.pause()

def main_with_loop():
    async def wait():
        global loop
        loop = asyncio.get_running_loop()
        await asyncio.Event().wait()
    asyncio.run(wait())

def main_with_workers():
    from gunicorn.arbiter import spawn_worker
    for _ in range(2):
        spawn_worker()
    signal.pause()
"""
ARBITER = """
import os, signal

def spawn_worker():
    if os.fork() == 0:
        signal.pause()
"""
"""Stands for the server, by whose names the agent knows that a fork is a worker."""


def release_of(folder: Path, function: str, main: str = "main", **more: Any) -> Handmade:
    settings = {"after_migrate": function, **more.pop("settings", {})}
    return write_several(
        folder / "r",
        {"shop": ACCOUNTS},
        settings={"shop": settings},
        modules={"app.py": APP, **more.pop("modules", {})},
        entry=Entry(kind="callable", target=f"app:{main}", argv0="app", args=[]),
        **more,
    )


def rpc(release: Handmade, *words: str) -> Any:
    done = run(release.command("rpc", "--json", *words))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def change(direction: str, *revisions: str) -> dict[str, object]:
    return {"database": "shop", "target": "", "revisions": list(revisions), "direction": direction}


@pytest.mark.parametrize("function", ["", "app:renew"])
def test_prepared_statements_break_unless_the_app_disposes_of_its_pool(
    tmp_path: Path, postgresql: Server, function: str
) -> None:
    environ = {"SHOP_URL": postgresql.fresh_url()}
    release = release_of(tmp_path, function, "main_with_pool")
    assert run(release.command("migrate", "--to", "a001"), environ=environ).returncode == 0
    with instance(release, environ=environ):
        eventually(lambda: is_serving(release), within=60)
        eventually(lambda: run(release.command("rpc", "app:columns")).returncode == 0, within=60)
        done = run(release.command("migrate"), environ=environ)
        assert (done.returncode, done.stderr) == (0, "")
        after = run(release.command("rpc", "--json", "app:columns"))
        if function:
            assert json.loads(after.stdout) == ["id", "balance", "owner"]
            assert rpc(release, "app:heard") == [[change("up", "a002", "a003")]]
        else:
            assert after.returncode == 1
            assert "cached plan must not change result type" in after.stderr


def test_each_worker_is_told_once_and_not_when_there_was_nothing_to_do(tmp_path: Path) -> None:
    environ = {"SHOP_URL": f"sqlite:///{tmp_path}/shop.db"}
    release = release_of(
        tmp_path, "app:note", "main_with_workers", modules={"gunicorn/__init__.py": "", "gunicorn/arbiter.py": ARBITER}
    )
    with instance(release, environ=environ):
        run_folder = Path(release.layout.run)
        workers = eventually(
            lambda: found if len(found := sorted(run_folder.glob("agent@*.sock"))) == 2 else None, within=60
        )
        pids = [path.stem.partition("@")[2] for path in workers or ()]
        for _ in range(2):
            assert run(release.command("migrate"), environ=environ).returncode == 0
        for pid in pids:
            assert rpc(release, "--process", pid, "app:heard") == [[change("up", "a001", "a002", "a003")]]


def test_a_coroutine_is_awaited_on_the_loop_of_the_app_and_tenants_are_named(tmp_path: Path) -> None:
    targets = {"acme": f"sqlite:///{tmp_path}/acme.db", "globex": f"sqlite:///{tmp_path}/globex.db"}
    release = release_of(
        tmp_path,
        "app:note_on_loop",
        "main_with_loop",
        settings={"targets": "tenants:urls"},
        modules={"tenants.py": f"def urls():\n    return {targets!r}\n"},
    )
    with instance(release):
        eventually(lambda: is_serving(release), within=60)
        done = run(release.command("migrate"), environ={"SHOP_URL": "sqlite://"})
        assert (done.returncode, done.stderr) == (0, "")
        told = [{**change("up", "a001", "a002", "a003"), "target": name} for name in targets]
        assert rpc(release, "app:heard") == [[True, *told]]


def test_a_function_that_fails_is_a_code_of_its_own_and_the_migration_stands(tmp_path: Path) -> None:
    environ = {"SHOP_URL": f"sqlite:///{tmp_path}/shop.db"}
    release = release_of(tmp_path, "app:refuse")
    with instance(release, environ=environ):
        eventually(lambda: is_serving(release), within=60)
        done = run(release.command("migrate"), environ=environ)
    assert done.returncode == 17
    assert done.stdout.splitlines()[-1] == "database is at a003 (head): applied 3 revisions"
    assert done.stderr.splitlines() == [
        "error: the database is migrated, and the app could not be told",
        "  main: app:refuse failed: RuntimeError: the pool is busy",
        "  now: what was applied stays; old connections of the app may fail until they are made anew",
        "      hint: bin/app restart makes everything anew",
    ]
    with create_engine(environ["SHOP_URL"], poolclass=NullPool).connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "a003"


def test_without_a_running_app_there_is_nobody_to_tell(tmp_path: Path) -> None:
    environ = {"SHOP_URL": f"sqlite:///{tmp_path}/shop.db"}
    release = release_of(tmp_path, "app:refuse")
    done = run(release.command("migrate"), environ=environ)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_app_that_migrates_itself_by_rpc_is_told_too(tmp_path: Path) -> None:
    environ = {"SHOP_URL": f"sqlite:///{tmp_path}/shop.db"}
    release = release_of(tmp_path, "app:note")
    with running(release.command("foreground"), environ=environ):
        eventually(lambda: is_serving(release), within=60)
        done = run(release.command("rpc", "releaser.runtime:migrate", "shop"))
        assert (done.returncode, done.stderr) == (0, "")
        assert rpc(release, "app:heard") == [[change("up", "a001", "a002", "a003")]]
