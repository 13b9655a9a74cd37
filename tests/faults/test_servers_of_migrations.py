"""A database server that ends, or cannot be used, while a release migrates: what is told, what is true afterwards."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, text
from support.databases import Server, mariadb, postgresql
from support.driving import run, running
from support.migrated import ACCOUNTS, revision, write_migrated
from support.waiting import eventually

__all__ = ["mariadb", "postgresql"]

DIALECTS = {"postgresql": "postgresql+psycopg", "mariadb": "mysql+pymysql"}


def waiting_in(statement: str, gate: Path) -> dict[str, str]:
    """Return revisions of which the last one runs `statement`, and waits before its last change."""
    last = revision(
        "a004",
        "a003",
        "interrupted",
        'op.execute("UPDATE account SET balance = balance + 1")',
        f'op.execute("{statement}")',
        "import os, time",
        f"open({str(gate) + '.reached'!r}, 'w').close()",
        f"while os.path.exists({str(gate)!r}):",
        "    time.sleep(0.01)",
        'op.execute("UPDATE account SET balance = balance + 1")',
    )
    return {**ACCOUNTS, "a004": last}


def ask(url: str, statement: str) -> list[object]:
    with create_engine(url, poolclass=NullPool).connect() as connection:
        return list(connection.execute(text(statement)).scalars())


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """The server of the kind that the test names; it is there again afterwards."""
    found: Server = request.getfixturevalue(request.param)
    yield found
    found.start_again()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["restarted", "killed"])
@pytest.mark.parametrize(
    ("server", "kind"), [("postgresql", "postgresql"), ("mariadb", "mariadb")], indirect=["server"]
)
def test_a_server_that_ends_in_a_revision_leaves_nothing_half_way(
    server: Server, kind: str, number: signal.Signals, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    url = server.fresh_url()
    release = write_migrated(tmp_path / "release", waiting_in("SELECT 1", gate))
    with running(release.command("migrate"), environ={"DATABASE_URL": url}) as runner:
        eventually(gate.with_name("gate.reached").exists, within=60)
        server.stop(signal.SIGTERM if (kind, number) == ("mariadb", signal.SIGINT) else number)
        gate.unlink()
        code = runner.wait(60)
    print(runner.stderr, runner.stdout)
    assert code == 1
    assert runner.stderr.startswith("error: revision a004 interrupted failed: ")
    assert "Traceback" not in runner.stderr
    assert "a004 is rolled back, unless its commit was under way\n" in runner.stderr
    server.start_again()
    assert ask(url, "SELECT balance FROM account") == [1001]
    again = run(release.command("migrate"), environ={"DATABASE_URL": url})
    assert again.returncode == 0, again.stderr
    assert ask(url, "SELECT balance FROM account") == [1003]
