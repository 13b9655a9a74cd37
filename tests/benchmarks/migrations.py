"""What `bin/NAME migrate` costs: `python tests/benchmarks/migrations.py [ROUNDS]` prints times and ratios.

Everything runs on databases of this call, in turns, so that both sides meet the same moments of the machine:

- "nothing to do" of a release against `alembic upgrade head` with the same scripts and packages;
- a revision more: 500 revisions that add a column each, against the same 500 by plain alembic as its templates have it,
  and by one whose env.py says `transaction_per_migration=True`, which commits as often as a release does;
- `start` of 20 releases at once on one fresh database, each migrating before its app, until the last one is ready, and
  of one alone;
- on PostgreSQL, the longest that a reader waits while a column is added behind a transaction that was forgotten for
  5 seconds, with this release and with plain alembic.

Times are in milliseconds, wall clock, minimum and median; ratios are of the medians.
"""

from __future__ import annotations

import itertools
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import psycopg
from support.databases import mariadb, postgresql
from support.driving import bare_environment
from support.handmade import Handmade
from support.migrated import ACCOUNTS, revision, write_migrated, write_several

from releaser.runtime.release.manifest import Hook

MANY = 500
AT_ONCE = 20
FORGOTTEN_S = 5.0
NOTE = {"a004": revision("a004", "a003", "note", 'op.add_column("account", sa.Column("note", sa.String(20)))')}


def main(rounds: int) -> None:
    """Measure and print, for each kind of database."""
    with (
        tempfile.TemporaryDirectory(prefix="releaser-") as name,
        _server(postgresql) as pg_server,
        _server(mariadb) as my_server,
    ):
        folder = Path(name)
        numbers = iter(range(1000))
        kinds: dict[str, Callable[[], str]] = {
            "sqlite": lambda: f"sqlite:///{folder}/{next(numbers)}.db",
            "postgresql": pg_server.fresh_url,
            "mariadb": my_server.fresh_url,
        }
        few, many = release_of(folder / "few", ACCOUNTS), release_of(folder / "many", columns(MANY))
        starting = booting(folder / "starting")
        for kind, fresh in kinds.items():
            print(f"{kind}")
            measure_nothing_to_do(few, fresh(), rounds)
            measure_overhead(many, fresh, max(3, rounds // 5))
            measure_boot(starting, fresh)
        measure_reader(few, release_of(folder / "more", {**ACCOUNTS, **NOTE}), pg_server.fresh_url)


def release_of(folder: Path, revisions: dict[str, str]) -> Handmade:
    """Write a release with these revisions."""
    return write_migrated(folder, revisions)


def columns(count: int) -> dict[str, str]:
    """Return revisions that create a table and add a column each."""
    names = [f"r{number:03}" for number in range(count)]
    first = revision(names[0], None, "wide", 'op.create_table("wide", sa.Column("id", sa.Integer, primary_key=True))')
    rest = {
        name: revision(name, before, name, f'op.add_column("wide", sa.Column("{name}", sa.Integer))')
        for before, name in itertools.pairwise(names)
    }
    return {names[0]: first, **rest}


def measure_nothing_to_do(release: Handmade, url: str, rounds: int) -> None:
    """Print what it costs to find that there is nothing to do."""
    timed(release.command("migrate"), url)
    ours, theirs, bare = [], [], []
    for _ in range(rounds):
        ours.append(timed(release.command("migrate"), url))
        theirs.append(timed(plain(Path(release.layout.migrations, "default"), url), url))
        bare.append(timed([sys.executable, "-I", "-S", "-c", "pass"], url))
    tell("python -c pass", bare)
    tell("nothing to do: migrate", ours)
    tell("nothing to do: alembic", theirs, f"{statistics.median(theirs) / statistics.median(ours):.1f} times ours")


def measure_overhead(release: Handmade, fresh: Callable[[], str], rounds: int) -> None:
    """Print what a revision costs beyond what it costs alembic alone."""
    # Alembic writes byte code beside the scripts, and reads it the next time: that is its own, and no release's.
    scripts, each = (Path(release.layout.migrations, name) for name in ("stock", "each"))
    for copy in (scripts, each):
        shutil.copytree(Path(release.layout.migrations, "default"), copy, dirs_exist_ok=True)
    env = each / "env.py"
    env.write_text(env.read_text().replace("configure(", "configure(transaction_per_migration=True, "))
    ways: dict[str, Callable[[str], list[str]]] = {
        "migrate": lambda url: release.command("migrate"),
        "alembic": lambda url: plain(scripts, url),
        "alembic, each": lambda url: plain(each, url),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, command in ways.items():
            url = fresh()
            times[name].append(timed(command(url), url))
    ours = statistics.median(times["migrate"])
    for name, taken in times.items():
        theirs = statistics.median(taken)
        more = f"ours is {ours / theirs:.2f} of it, {(ours - theirs) / MANY:+.1f} ms a revision"
        tell(f"{MANY} revisions: {name}", taken, more if name != "migrate" else "")


def measure_boot(release: Handmade, fresh: Callable[[], str]) -> None:
    """Print how long it takes until the last of many releases that migrate at their start is ready, and one alone."""
    alone, _ = boot(release, fresh(), 1)
    together, codes = boot(release, fresh(), AT_ONCE)
    told = f"  start of 1, of {AT_ONCE} at once"
    print(f"{told:28} {alone:8.0f} {together:8.0f}  until the last is ready, exit codes {codes}", flush=True)


def boot(release: Handmade, url: str, count: int) -> tuple[float, set[int]]:
    """Start `count` releases with a `var` of their own each; return the milliseconds until all are ready, end them."""
    with tempfile.TemporaryDirectory(prefix="releaser-") as name:
        variables = [{"RELEASE_VAR": f"{name}/{number}"} for number in range(count)]
        for each in variables:
            Path(each["RELEASE_VAR"]).mkdir()
            Path(each["RELEASE_VAR"], "bundles").symlink_to(Path(release.layout.var, "bundles"))
        began = time.perf_counter()
        starts = [start(release.command("start"), url, **each) for each in variables]
        codes = {process.wait() for process in starts}
        took = (time.perf_counter() - began) * 1000
        for stop in [start(release.command("stop"), url, **each) for each in variables]:
            stop.wait()
    return took, codes


def booting(folder: Path) -> Handmade:
    """Write a release that applies ACCOUNTS in a hook of pre_start."""
    path = "hooks/pre_start.d/10-migrate"
    hook = Hook(event="pre_start", name="10-migrate", path=path, call="", timeout_s=600.0, on_failure="abort")
    app = "import threading\n\ndef main():\n    threading.Event().wait()\n"
    release = write_several(folder, {"database": ACCOUNTS}, modules={"app.py": app}, hooks=[hook])
    script = Path(release.layout.release, path)
    script.parent.mkdir(parents=True)
    script.write_text('#!/bin/sh\nexec "$RELEASE_PROG" migrate\n')
    script.chmod(0o755)
    return release


def measure_reader(few: Handmade, more: Handmade, fresh: Callable[[], str]) -> None:
    """Print how long an innocent reader waits at most while a column is added that has to wait itself."""
    for what, command in (
        ("migrate", lambda _: more.command("migrate")),
        ("alembic", lambda url: plain(Path(more.layout.migrations, "default"), url)),
    ):
        url = fresh()
        timed(few.command("migrate"), url)
        address = url.replace("+psycopg", "")
        worst, answers = 0.0, 0
        with psycopg.connect(address) as forgotten, psycopg.connect(address, autocommit=True) as reader:
            forgotten.execute("SELECT count(*) FROM account")
            ending = threading.Timer(FORGOTTEN_S, forgotten.rollback)
            ending.start()
            process = start(command(url), url)
            while process.poll() is None:
                asked = time.perf_counter()
                reader.execute("SELECT count(*) FROM account")
                worst, answers = max(worst, time.perf_counter() - asked), answers + 1
            ending.join()
        print(f"reader beside {what}: waits {worst * 1000:.0f} ms at most, {answers} answers, exit {process.wait()}")


def plain(scripts: Path, url: str) -> list[str]:
    """Return the argv of plain alembic on the same scripts."""
    code = (
        "import sys; from alembic.config import Config; from alembic import command; c = Config();"
        " c.set_main_option('script_location', sys.argv[1]);"
        " c.set_main_option('sqlalchemy.url', sys.argv[2].replace('%', '%%'));"
        " command.upgrade(c, 'head')"
    )
    return [sys.executable, "-c", code, str(scripts), url]


def start(argv: list[str], url: str, **variables: str) -> subprocess.Popen[Any]:
    """Start `argv` with nothing but the URL and `variables` in its environment."""
    environ = {**bare_environment(), "DATABASE_URL": url, **variables}
    return subprocess.Popen(argv, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def timed(argv: list[str], url: str) -> float:
    """Return how many milliseconds `argv` takes to its end."""
    began = time.perf_counter()
    process = start(argv, url)
    _, error = process.communicate()
    assert process.returncode == 0, error.decode()
    return (time.perf_counter() - began) * 1000


def tell(what: str, times: list[float], more: str = "") -> None:
    """Print one line."""
    print(f"  {what:28} {min(times):8.0f} {statistics.median(times):8.0f}  {more}".rstrip(), flush=True)


@contextmanager
def _server(fixture: Any) -> Iterator[Any]:
    """Run what is a fixture in the tests."""
    steps = getattr(fixture, "__wrapped__", None) or fixture.__pytest_wrapped__.obj
    running = steps()
    yield next(running)
    next(running, None)


if __name__ == "__main__":
    os.environ.setdefault("CI", "true")
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
