"""The databases that are tried: where a fresh one comes from, how it is looked at, and how its server is treated."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
from chaos import inside
from chaos.points import Request
from sqlalchemy import NullPool, create_engine, make_url, text
from support.databases import PASSWORD, Server, mariadb, pgbouncer, postgresql
from support.waiting import eventually

from releaser.runtime.migrations.locks.trust import key_of

NAMES = ("sqlite", "postgresql", "pgbouncer", "mariadb")
_DISK = "64m"
_LOCKED = {
    "postgresql": "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
    " WHERE l.locktype = 'advisory' AND l.granted AND d.datname = current_database()",
    "mariadb": "SELECT coalesce(is_used_lock('{lock}'), 0)",
}
_BUSY = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND backend_type = 'client backend' AND (state = 'active' {all})",
    "mariadb": "SELECT count(*) FROM information_schema.processlist WHERE db = database() AND id <> connection_id()"
    " AND (command <> 'Sleep' {all})",
}


class Database:
    """One database of a subject."""

    def __init__(self, url: str, direct_url: str) -> None:
        self.url = url
        self.direct_url = direct_url
        """Past a pooler."""


class Subject:
    """One row of what is tried; of SQLite there is no server."""

    def __init__(self, name: str, folder: Path, server: Server | None = None, behind: Server | None = None) -> None:
        self.name = name
        self.kind = "postgresql" if name == "pgbouncer" else name
        self.folder = folder
        self.disk: Path | None = None
        """A disk of a known size on which the databases are, where there may be one."""
        self.server = server
        self._behind = behind
        self._numbers = itertools.count(1)

    def fresh(self) -> Database:
        """Create an empty database."""
        if self.server is None:
            place = (self.disk or self.folder) / f"db{next(self._numbers)}"
            place.mkdir()
            url = f"sqlite:///{place}/data.db"
            return Database(url, url)
        return self._known(self.server.fresh_url())

    def _known(self, url: str) -> Database:
        database = Database(url, url)
        name = str(make_url(url).database)
        if self._behind is not None:
            database.direct_url = self._behind.url_of(name, quote(PASSWORD, safe=""))
        if self.disk is not None and self.kind == "postgresql":
            assert self.server is not None
            self.server.execute(f"ALTER DATABASE {name} SET TABLESPACE chaos")
        elif self.disk is not None:
            assert self.server is not None
            place = self.server.folder / "data" / name
            owner = place.stat()
            shutil.move(place, self.disk / name)
            for path in (self.disk / name, *(self.disk / name).iterdir()):
                os.chown(path, owner.st_uid, owner.st_gid)
            place.symlink_to(self.disk / name)
        return database

    def drop(self, database: Database) -> None:
        """Take a database away."""
        if self.server is None:
            shutil.rmtree(Path(str(make_url(database.url).database)).parent)
            return
        how = " WITH (FORCE)" if self.kind == "postgresql" else ""
        self.server.execute(f"DROP DATABASE {make_url(database.url).database}{how}")

    def wait_until_quiet(self, database: Database, *, sessions_may_stay: bool) -> None:
        """Wait until no session works in the database any more, and none is there unless they may stay."""
        if self.server is None:
            return
        more = "" if sessions_may_stay else "OR state <> 'idle'" if self.name == "pgbouncer" else "OR true"
        statement = _BUSY[self.kind].format(all=more)
        eventually(lambda: not self._ask(database, statement), within=30)

    def is_locked(self, database: Database) -> bool:
        """Tell whether somebody holds the migration lock."""
        if self.server is None:
            path = Path(f"{make_url(database.url).database}.migrate-lock")
            with path.open("ab") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return True
            return False
        name = str(make_url(database.url).database)
        lock = f"releaser1:{key_of(name, '', 'alembic_version').hex()[:40]}"
        return bool(self._ask(database, _LOCKED[self.kind].format(lock=lock)))

    def _ask(self, database: Database, statement: str) -> Any:
        with create_engine(database.direct_url, poolclass=NullPool).connect() as connection:
            return connection.scalar(text(statement))

    def execute(self, database: Database, statements: list[str]) -> None:
        """Execute statements one by one, as a person would who repairs the database."""
        engine = create_engine(database.direct_url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def kill_server(self) -> None:
        """Kill the server and all of its processes."""
        server = self._behind or self.server
        assert server is not None
        for process in psutil.Process(server.process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        server.stop(signal.SIGKILL)

    def start_server_again(self) -> None:
        """Start the server if it was killed."""
        server = self._behind or self.server
        if server is not None and server.process.poll() is not None:
            server.start_again()

    @property
    def filler(self) -> Path:
        assert self.disk is not None
        return self.disk / "filler"

    def fill_disk(self) -> None:
        """Leave no room for the databases."""
        inside.fill(str(self.filler))

    def empty_disk(self) -> None:
        """Make room again."""
        if self.disk is not None:
            self.filler.unlink(missing_ok=True)


def requests_of(log: Path) -> list[Request]:
    """Return what a run on SQLite has asked, from its log."""
    return [Request(*json.loads(line)) for line in log.read_text().splitlines()]


@contextmanager
def subject_of(name: str, servers: dict[str, Server] | None = None) -> Iterator[Subject]:
    """Start what a subject needs, and end it; `servers` may have some of them already."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ch", dir="/tmp")))
        folder.chmod(0o755)
        found = dict(servers or {})
        if name in ("postgresql", "pgbouncer") and "postgresql" not in found:
            found["postgresql"] = stack.enter_context(_served(postgresql))
        if name == "pgbouncer" and "pgbouncer" not in found:
            found["pgbouncer"] = stack.enter_context(_served(pgbouncer, found["postgresql"]))
        if name == "mariadb" and "mariadb" not in found:
            found["mariadb"] = stack.enter_context(_served(mariadb))
        behind = found["postgresql"] if name == "pgbouncer" else None
        subject = Subject(name, folder, found.get(name), behind)
        stack.enter_context(_disk_of(subject))
        yield subject


@contextmanager
def _disk_of(subject: Subject) -> Iterator[None]:
    """Give a subject a disk of its own, if this user may mount one."""
    place = subject.folder / "disk"
    place.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", str(place)]
    if (
        os.getuid()
        or subject.name == "pgbouncer"
        or subprocess.run(mounting, check=False, capture_output=True).returncode
    ):
        yield
        return
    subject.disk = place
    try:
        server = subject.server
        if server is not None:
            owner = server.folder.stat()
            os.chown(place, owner.st_uid, owner.st_gid)
            if subject.kind == "postgresql":
                server.execute("DROP TABLESPACE IF EXISTS chaos")
                server.execute(f"CREATE TABLESPACE chaos LOCATION '{place}'")
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


@contextmanager
def _served(fixture: Any, *others: Server) -> Iterator[Server]:
    """Run what is a fixture in the tests."""
    make: Callable[..., Iterator[Server]] = getattr(fixture, "__wrapped__", None) or fixture.__pytest_wrapped__.obj
    steps = make(*others)
    try:
        yield next(steps)
    finally:
        next(steps, None)
