"""A network that is lost without a word: both ends notice, whoever holds the lock."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import NullPool, create_engine, make_url, text
from support.cable import SERVER, Cable, plugged
from support.databases import PASSWORD, USER, Server, serve_postgresql
from support.driving import run, running
from support.migrated import ACCOUNTS, revision, write_migrated
from support.waiting import eventually

TOLD = """\
import os, socket
bind = op.get_bind()
names = ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout")
print("server:", *(bind.exec_driver_sql(f"show {name}").scalar() for name in names))
for name in sorted(os.listdir("/proc/self/fd"), key=int):
    try:
        with socket.socket(fileno=os.dup(int(name))) as own:
            if own.family == socket.AF_INET:
                options = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")
                values = [own.getsockopt(socket.IPPROTO_TCP, getattr(socket, option)) for option in options]
                print("client:", own.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE), *values, flush=True)
    except OSError:
        pass
"""


@pytest.fixture(scope="module")
def cable() -> Iterator[Cable]:
    with plugged() as found:
        yield found


@pytest.fixture(scope="module")
def far(cable: Cable) -> Iterator[Server]:
    """A PostgreSQL server at the other end of the cable, and on a Unix socket here."""
    yield from serve_postgresql(SERVER, cable.server)


def through_the_cable(url: str) -> str:
    database = make_url(url).database
    return f"postgresql+psycopg://{USER}:{quote(PASSWORD, safe='')}@{SERVER}/{database}"


def ask(url: str, statement: str) -> list[object]:
    with create_engine(url, poolclass=NullPool).connect() as connection:
        return list(connection.execute(text(statement)).scalars())


def test_both_ends_of_the_work_and_the_journal_look_for_each_other(cable: Cable, far: Server, tmp_path: Path) -> None:
    release = write_migrated(tmp_path / "release", {"a001": revision("a001", None, "told", *TOLD.splitlines())})
    url = through_the_cable(far.fresh_url())
    done = run([*cable.client, *release.command("migrate")], environ={"DATABASE_URL": url})
    assert done.returncode == 0, done.stderr
    told = [line for line in done.stdout.splitlines() if line.startswith(("server: ", "client: "))]
    assert told == ["server: 30 10 3 60000", "client: 1 30 10 3 60000", "client: 1 30 10 3 60000"]


def test_what_the_url_says_is_kept(cable: Cable, far: Server, tmp_path: Path) -> None:
    release = write_migrated(tmp_path / "release", {"a001": revision("a001", None, "told", *TOLD.splitlines())})
    words = "keepalives_idle=77&tcp_user_timeout=0&options=-c%20tcp_keepalives_idle%3D300"
    url = f"{through_the_cable(far.fresh_url())}?{words}"
    done = run([*cable.client, *release.command("migrate")], environ={"DATABASE_URL": url})
    assert done.returncode == 0, done.stderr
    told = [line for line in done.stdout.splitlines() if line.startswith(("server: ", "client: "))]
    assert told == ["server: 300 10 3 60000", "client: 1 77 10 3 0", "client: 1 77 10 3 0"]


@pytest.mark.skipif(not os.environ.get("RELEASER_ALL_TESTS"), reason="takes the minute that it is about")
@pytest.mark.timeout(300)
def test_a_lost_network_ends_the_runner_and_frees_the_lock_of_one_that_is_gone(
    cable: Cable, far: Server, tmp_path: Path
) -> None:
    reached = tmp_path / "reached"
    wait = (
        'op.execute("UPDATE account SET balance = balance + 10")',
        "import os, time",
        f"open({str(reached)!r}, 'a').close()",
        f"while not os.path.exists({str(tmp_path / 'go')!r}): time.sleep(0.05)",
    )
    idle = write_migrated(tmp_path / "idle", {**ACCOUNTS, "a004": revision("a004", "a003", "waits", *wait)})
    slow = 'op.execute("SELECT pg_sleep(3600)")'
    busy = write_migrated(tmp_path / "busy", {**ACCOUNTS, "a004": revision("a004", "a003", "slow", slow)})
    idle_url, busy_url = far.fresh_url(), far.fresh_url()
    with ExitStack() as stack:
        runners = []
        for release, url in ((idle, idle_url), (busy, busy_url)):
            command = [*cable.client, *release.command("migrate")]
            runners.append(stack.enter_context(running(command, environ={"DATABASE_URL": through_the_cable(url)})))
        eventually(reached.exists, within=60)
        asleep = "SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3600)' AND pid <> pg_backend_pid()"
        eventually(lambda: ask(busy_url, asleep), within=60)
        cable.lose()
        gone, at_work = runners
        gone.process.send_signal(signal.SIGKILL)
        assert at_work.wait(120) == 1, at_work.stderr
        assert at_work.stderr.startswith("error: revision a004 slow failed: ")
        (tmp_path / "go").touch()
        for release, url in ((idle, idle_url), (busy, busy_url)):
            eventually(lambda url=url: _is_alone(url), within=120)  # type: ignore[misc]
            next_one = write_migrated(tmp_path / f"next {release.root.name}", ACCOUNTS)
            done = run(next_one.command("migrate"), environ={"DATABASE_URL": url})
            assert done.returncode == 0, done.stderr
            assert ask(url, "SELECT balance FROM account") == [1001]


def _is_alone(url: str) -> bool:
    """Tell whether no other session is left in the database, and so no lock."""
    statement = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    return ask(url, statement) == [0]
