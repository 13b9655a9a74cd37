"""The holder of the migration lock killed at random moments while others wait: nothing is ever applied twice.

`RELEASER_CHAOS=40` repeats it so many times for each database, and for PostgreSQL behind a pooler; otherwise it is done
once, with fewer runners. The moments come from a seed that a failure names; with `RELEASER_CHAOS_SEED` they are the
same again.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from sqlalchemy import NullPool, create_engine, make_url, text
from support.databases import PASSWORD, mariadb, pgbouncer, postgresql
from support.driving import run, running
from support.migrated import ACCOUNTS, revision, write_migrated
from support.waiting import eventually

from releaser.runtime.migrations.locks.trust import key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.databases import Server
    from support.driving import Running
    from support.handmade import Handmade

__all__ = ["mariadb", "pgbouncer", "postgresql"]

ROUNDS = int(os.environ.get("RELEASER_CHAOS", "1"))
SEED = int(os.environ.get("RELEASER_CHAOS_SEED") or random.randrange(10**6))
KILLED = SURVIVORS = 2 if ROUNDS == 1 else 3
WHERE = ["sqlite", "postgresql", "mariadb", *(["pgbouncer"] if ROUNDS > 1 else [])]
LONGEST_HOLD_S = 0.6
"""How long a holder lives at most once it is seen; left alone it needs at least 0.4 s for both revisions."""

INDEX = {
    "postgresql": (
        "with op.get_context().autocommit_block():",
        '    op.execute("CREATE INDEX CONCURRENTLY ix_owner ON account (owner)")',
    ),
    "mariadb": ('op.execute("CREATE INDEX ix_owner ON account (owner)")',),
    "sqlite": ('op.execute("CREATE INDEX ix_owner ON account (owner)")',),
}
PAUSE = {
    "postgresql": 'op.execute("SELECT pg_sleep(0.1)")',
    "mariadb": 'op.execute("SELECT sleep(0.1)")',
    "sqlite": '__import__("time").sleep(0.1)',
}
WHO_HOLDS_IT = {
    "postgresql": (
        "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
        " WHERE l.locktype = 'advisory' AND l.granted AND a.datname = current_database()"
    ),
    "mariadb": "SELECT user FROM information_schema.processlist WHERE id = is_used_lock('{lock}')",
}


def revisions(kind: str) -> dict[str, str]:
    """Return revisions that change data before and after changes of the schema; the right balance is 1003."""
    pause = PAUSE[kind]
    interest = 'op.execute("UPDATE account SET balance = balance + 1")'
    more = {
        "a004": (interest, pause, 'op.add_column("account", sa.Column("note", sa.String(20)))', pause),
        "a005": (interest, pause, *INDEX[kind], pause),
    }
    texts = dict(ACCOUNTS)
    for name, lines in more.items():
        texts[name] = revision(name, list(texts)[-1], name, *lines)
    return texts


class Storm:
    """Runners that were started at once on one fresh database."""

    def __init__(self, kind: str, url: str, direct_url: str, release: Handmade) -> None:
        self.kind = kind
        self.url = url
        self.direct_url = direct_url  # past a pooler
        self.release = release
        self.runners: dict[str, Running] = {}
        self.killed = 0

    def environ(self, name: str) -> dict[str, str]:
        """Return what a runner gets: MariaDB knows it by its user, a pooler by the name of its application."""
        url = make_url(self.url)
        if self.kind == "mariadb":
            url = url.set(username=name)
        return {"DATABASE_URL": url.render_as_string(hide_password=False), "PGAPPNAME": name}

    def start(self, stack: ExitStack) -> None:
        """Start everyone."""
        for name in names():
            argv = self.release.command("migrate")
            self.runners[name] = stack.enter_context(running(argv, environ=self.environ(name)))

    def kill_holders(self, chance: random.Random) -> None:
        """Kill who holds the lock, a random while after it has taken it, as often as somebody takes it."""
        with self._asking() as named:
            while self.killed < KILLED and self._living():
                eventually(lambda: self._holder(named()) or not self._living(), within=90)
                with suppress(subprocess.TimeoutExpired):
                    # No runner ends meanwhile, unless it has nothing to do.
                    self._survivor().process.wait(chance.uniform(0, LONGEST_HOLD_S))
                holder = self._holder(named())
                if holder is not None:
                    os.kill(holder.pid, signal.SIGKILL)
                    self.killed += holder.process.wait(30) == -signal.SIGKILL

    def _living(self) -> list[Running]:
        return [runner for runner in self.runners.values() if runner.process.poll() is None]

    def _survivor(self) -> Running:
        return (self._living() or list(self.runners.values()))[-1]

    def _holder(self, names: list[str]) -> Running | None:
        """Return the living runner that the database means: by the name that it was given, or by its process id."""
        for name in names:
            found = re.search(r":(\d+)$", name)
            for given, runner in self.runners.items():
                is_meant = runner.pid == int(found[1]) if found else name == given
                if is_meant and runner.process.poll() is None:
                    return runner
        return None

    @contextmanager
    def _asking(self) -> Iterator[Callable[[], list[str]]]:
        """Yield a function that returns who holds the lock, as the server or the lock's file has it."""
        url = make_url(self.direct_url)
        if self.kind == "sqlite":
            file = Path(f"{url.database}.migrate-lock")
            yield lambda: [file.read_text().partition(", since ")[0]] if file.exists() else []
            return
        lock = f"releaser1:{key_of(str(url.database), '', 'alembic_version').hex()[:40]}"
        engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            statement = text(WHO_HOLDS_IT[self.kind].format(lock=lock))
            yield lambda: [str(name) for name in connection.execute(statement).scalars()]


def names() -> list[str]:
    return [f"runner{number}" for number in range(KILLED + SURVIVORS)]


def ask(url: str, statement: str) -> list[object]:
    with create_engine(url, poolclass=NullPool).connect() as connection:
        return list(connection.execute(text(statement)).scalars())


@pytest.fixture(scope="session")
def mariadb_of_many(mariadb: Server) -> Server:
    """The server, with a user for each runner."""
    for name in names():
        mariadb.execute(f"CREATE USER {name}@localhost IDENTIFIED BY '{PASSWORD}'")
        mariadb.execute(f"GRANT ALL ON *.* TO {name}@localhost")
    return mariadb


@pytest.fixture
def make_storm(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[str, int], Storm]:
    """Return a function that makes a database with data, and a release that has two more revisions for it."""

    def make(where: str, number: int) -> Storm:
        kind = "postgresql" if where == "pgbouncer" else where
        fixture = {"mariadb": "mariadb_of_many"}.get(where, where)
        url = f"sqlite:///{tmp_path}/{number}.db" if kind == "sqlite" else request.getfixturevalue(fixture).fresh_url()
        direct_url = url
        if where == "pgbouncer":
            server: Server = request.getfixturevalue("postgresql")
            direct_url = server.url_of(str(make_url(url).database), quote(PASSWORD, safe=""))
        release = write_migrated(tmp_path / f"release{number}", revisions(kind))
        prepared = run(release.command("migrate", "--to", "a003"), environ={"DATABASE_URL": url})
        assert prepared.returncode == 0, prepared.stderr
        return Storm(kind, url, direct_url, release)

    return make


@pytest.mark.parametrize("number", range(ROUNDS))
@pytest.mark.parametrize("where", WHERE)
def test_nothing_is_applied_twice_or_left_half_way_in_silence(
    where: str, number: int, make_storm: Callable[[str, int], Storm], record_property: Callable[[str, object], None]
) -> None:
    chance = random.Random(f"{where}{SEED + number}")
    replay = f"RELEASER_CHAOS_SEED={SEED + number}"
    killed = 0
    for attempt in range(10):
        storm = make_storm(where, attempt)
        with ExitStack() as stack:
            storm.start(stack)
            storm.kill_holders(chance)
            codes = {name: runner.wait(90) for name, runner in storm.runners.items()}
            said = {name: f"{runner.stdout}{runner.stderr}" for name, runner in storm.runners.items()}
        check(storm, codes, said, replay)
        killed = storm.killed
        if killed:
            break  # a machine that is busy elsewhere may let everyone end before anyone is killed
    assert killed, replay
    record_property("killed", killed)


def check(storm: Storm, codes: dict[str, int], said: dict[str, str], replay: str) -> None:
    """See that those that were not killed have told the truth about the database."""
    told = "\n".join([replay, *(f"{name}: {code}\n{said[name]}" for name, code in codes.items())])
    survivors = {name: code for name, code in codes.items() if code != -signal.SIGKILL}
    assert len(codes) - len(survivors) == storm.killed, told
    assert set(survivors.values()) <= {0, 12}, told
    (balance,) = ask(storm.direct_url, "SELECT balance FROM account")
    (version,) = ask(storm.direct_url, "SELECT version_num FROM alembic_version")
    if 0 in survivors.values():
        assert (version, balance, set(survivors.values())) == ("a005", 1003, {0}), told
        return
    # Only the revision that is named is not recorded. Its data has been changed once, or not at all: the journal says
    # that a statement is about to be kept before it is.
    assert (version, balance) in (("a003", 1001), ("a003", 1002), ("a004", 1002), ("a004", 1003)), told
    named = {"a003": "a004", "a004": "a005"}[str(version)]
    assert all(f"error: revision {named} was left half-way" in said[name] for name in survivors), told
