"""Runners killed at random moments while others wait: nothing is ever applied twice, nothing silently half.

`RELEASER_CHAOS=40` repeats it so many times for each database; otherwise it is done a few times.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import NullPool, create_engine, text
from support.databases import mariadb, postgresql
from support.driving import run, running
from support.migrated import ACCOUNTS, revision, write_migrated

if TYPE_CHECKING:
    from support.handmade import Handmade

__all__ = ["mariadb", "postgresql"]

ROUNDS = int(os.environ.get("RELEASER_CHAOS", "1"))
KILLED = 3
SURVIVORS = 3
LONGEST_LIFE_S = 1.5
SHORTEST_LIFE_S = 0.4

INDEX = {
    "postgresql": (
        "with op.get_context().autocommit_block():",
        '    op.execute("CREATE INDEX CONCURRENTLY ix_owner ON account (owner)")',
    ),
    "mariadb": ('op.execute("CREATE INDEX ix_owner ON account (owner)")',),
    "sqlite": ('op.execute("CREATE INDEX ix_owner ON account (owner)")',),
}
PAUSE = {"postgresql": "SELECT pg_sleep(0.1)", "mariadb": "SELECT sleep(0.1)", "sqlite": "SELECT 1"}


def revisions(kind: str) -> dict[str, str]:
    """Return revisions that change data before and after changes of the schema; the right balance is 1003."""
    pause = f'op.execute("{PAUSE[kind]}")'
    interest = 'op.execute("UPDATE account SET balance = balance + 1")'
    more = {
        "a004": (interest, pause, 'op.add_column("account", sa.Column("note", sa.String(20)))', pause),
        "a005": (interest, pause, *INDEX[kind], pause),
    }
    texts = dict(ACCOUNTS)
    for name, lines in more.items():
        texts[name] = revision(name, list(texts)[-1], name, *lines)
    return texts


def ask(url: str, statement: str) -> list[object]:
    with create_engine(url, poolclass=NullPool).connect() as connection:
        return list(connection.execute(text(statement)).scalars())


@pytest.mark.parametrize("seed", range(ROUNDS))
@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_nothing_is_applied_twice_or_left_half_way_in_silence(
    kind: str, seed: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/data.db" if kind == "sqlite" else request.getfixturevalue(kind).fresh_url()
    environ = {"DATABASE_URL": url}
    release = write_migrated(tmp_path / "release", revisions(kind))
    run(release.command("migrate", "--to", "a003"), environ=environ)
    codes, said = storm(release, environ, random.Random(f"{kind}{seed}"))
    assert set(codes) <= {0, 12}, said
    (balance,) = ask(url, "SELECT balance FROM account")
    (version,) = ask(url, "SELECT version_num FROM alembic_version")
    if 0 in codes:
        assert (version, balance, set(codes)) == ("a005", 1003, {0}), said
    else:
        # The data of the revision that is named has been changed once, and only that one is not recorded.
        assert (version, balance) in (("a003", 1002), ("a004", 1003)), said
        named = {"a003": "a004", "a004": "a005"}[str(version)]
        assert all(f"error: revision {named} was left half-way" in text for text in said)


def storm(release: Handmade, environ: dict[str, str], chance: random.Random) -> tuple[list[int], list[str]]:
    """Start everyone at once, kill some at random moments, and return how the others ended and what they said."""
    with ExitStack() as stack:
        runners = [
            stack.enter_context(running(release.command("migrate"), environ=environ)) for _ in range(KILLED + SURVIVORS)
        ]
        # A process that ends before its time comes is not killed.
        for victim in sorted(runners[:KILLED], key=lambda _: chance.random()):
            with suppress(subprocess.TimeoutExpired):
                victim.process.wait(chance.uniform(SHORTEST_LIFE_S, LONGEST_LIFE_S) / KILLED * 2)
            with suppress(ProcessLookupError):
                os.kill(victim.pid, signal.SIGKILL)
            victim.process.wait()
        survivors = runners[KILLED:]
        codes = [survivor.wait(90) for survivor in survivors]
        return codes, [survivor.stdout + survivor.stderr for survivor in survivors]
