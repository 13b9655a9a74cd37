"""A migration of several tenants that is ended in the middle: no process outlives it, no lock stays, none is lost."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from sqlalchemy import NullPool, create_engine, text
from support.databases import postgresql
from support.driving import run, running
from support.migrated import ACCOUNTS, revision, write_several
from support.waiting import eventually

if TYPE_CHECKING:
    from support.databases import Server
    from support.driving import Running
    from support.handmade import Handmade

__all__ = ["postgresql"]

LONG = {"postgresql": 'op.execute("SELECT pg_sleep(600)")', "sqlite": '__import__("time").sleep(600)'}
NAMES = ("acme", "globex")


def write(folder: Path, targets: dict[str, str]) -> Handmade:
    """Write a release whose last revision takes for ever as long as there is a file, and whose third pays once."""
    last = revision(
        "a004",
        "a003",
        "wait",
        'op.execute("UPDATE account SET balance = balance + 1")',
        f"if __import__('os').path.exists({str(folder / 'wait')!r}):",
        "    if op.get_bind().dialect.name == 'sqlite':",
        f"        {LONG['sqlite']}",
        f"    {LONG['postgresql']}",
    )
    (folder / "wait").touch()
    return write_several(
        folder / "release",
        {"shop": {**ACCOUNTS, "a004": last}},
        settings={"shop": {"targets": "tenants:urls"}},
        modules={"tenants.py": f"def urls():\n    return {targets!r}\n"},
    )


def sleepers(runner: Running, targets: dict[str, str]) -> list[psutil.Process]:
    """Return the processes of the tenants, once each of them is in its long statement."""
    children = psutil.Process(runner.pid).children(recursive=True)
    heard = all(f"{name}: [4/4] a004 wait ..." in runner.stdout for name in targets)
    return children if heard and len(children) == len(targets) and all(map(is_waiting, targets.values())) else []


def is_waiting(url: str) -> bool:
    """Tell whether a server is in the long statement; of SQLite that is enough which the process has said."""
    if url.startswith("sqlite"):
        return True
    asked = (
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%sleep(600)%' AND state = 'active'"
        " AND datname = current_database() AND pid <> pg_backend_pid()"
    )
    with create_engine(url, poolclass=NullPool).connect() as connection:
        return bool(connection.scalar(text(asked)))


def balances(targets: dict[str, str]) -> list[int]:
    found = []
    for url in targets.values():
        with create_engine(url, poolclass=NullPool).connect() as connection:
            found.append(connection.scalar(text("SELECT balance FROM account")))
    return found


@pytest.fixture
def targets(tmp_path: Path, postgresql: Server) -> dict[str, str]:
    """Two tenants, each of another kind."""
    return dict(zip(NAMES, (postgresql.fresh_url(), f"sqlite:///{tmp_path}/globex.db"), strict=True))


def test_no_tenant_outlives_a_parent_that_is_killed_and_a_second_run_completes(
    tmp_path: Path, targets: dict[str, str]
) -> None:
    release = write(tmp_path, targets)
    with running(release.command("migrate"), environ={"SHOP_URL": ""}) as runner:
        children = eventually(lambda: sleepers(runner, targets), within=60)
        runner.process.send_signal(signal.SIGKILL)
        eventually(lambda: not any(child.is_running() for child in children), within=60)
    (tmp_path / "wait").unlink()
    again = run(release.command("migrate", "--lock-wait", "60s"), environ={"SHOP_URL": ""})
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout.splitlines()[-1] == "2 tenants: 2 applied"
    assert balances(targets) == [1002, 1002]


def test_a_signal_ends_every_tenant_in_order_and_says_how_far_each_came(
    tmp_path: Path, targets: dict[str, str]
) -> None:
    release = write(tmp_path, targets)
    with running(release.command("migrate"), environ={"SHOP_URL": ""}) as runner:
        children = eventually(lambda: sleepers(runner, targets), within=60)
        runner.process.send_signal(signal.SIGTERM)
        assert runner.process.wait(60) == 143
        assert not any(child.is_running() for child in children)
    error = runner.stderr.splitlines()
    assert error[0] == "interrupted by SIGTERM: each tenant that is at work rolls back; once more ends at once"
    assert error[1] == "error: interrupted by SIGTERM"
    for name in NAMES:
        assert f"  {name}: revision a004 wait was interrupted by SIGTERM" in error
    assert "2 tenants: 2 failed" in runner.stdout
    (tmp_path / "wait").unlink()
    again = run(release.command("migrate"), environ={"SHOP_URL": ""})
    assert again.stdout.splitlines()[-1] == "2 tenants: 2 applied"
    assert balances(targets) == [1002, 1002]


def test_when_nobody_reads_any_more_each_tenant_ends_after_the_revision_it_is_in(tmp_path: Path) -> None:
    targets = {name: f"sqlite:///{tmp_path}/{name}.db" for name in NAMES}
    flag = tmp_path / "wait"
    flag.touch()
    wait = f"while __import__('os').path.exists({str(flag)!r}): __import__('time').sleep(0.02)"
    late = {"a004": revision("a004", "a003", "wait", wait), "a005": revision("a005", "a004", "late")}
    release = write_several(
        tmp_path / "release",
        {"shop": {**ACCOUNTS, **late}},
        settings={"shop": {"targets": "tenants:urls"}},
        modules={"tenants.py": f"def urls():\n    return {targets!r}\n"},
    )
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    said = bytearray()

    def all_wait() -> bool:
        with suppress(BlockingIOError):
            said.extend(os.read(reader, 65536))
        return all(f"{name}: [4/5] a004 wait ...".encode() in said for name in targets)

    with running(release.command("migrate"), environ={"SHOP_URL": ""}, stdout=writer) as runner:
        os.close(writer)
        eventually(all_wait, within=60)
        children = psutil.Process(runner.pid).children()
        outputs = {str(Path(f"/proc/{child.pid}/fd/1").readlink()) for child in children}
        os.close(reader)
        eventually(lambda: not outputs & open_files(runner.pid), within=60)
        flag.unlink()
        assert runner.wait(60) == 1
    assert len(outputs) == len(targets)
    for url in targets.values():
        with create_engine(url, poolclass=NullPool).connect() as connection:
            assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "a004"
    assert run(release.command("migrate"), environ={"SHOP_URL": ""}).returncode == 0


def open_files(pid: int) -> set[str]:
    """Return what the descriptors of a process lead to."""
    found = set()
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.add(str(path.readlink()))
    return found
