"""Real database servers for tests: started once a session in a folder of their own, reached by a Unix socket only.

A server that is not installed skips the tests that need it, and fails them where the variable CI is set. Servers
refuse to run as root; then they run as `postgres` or `nobody`, in a folder that this user owns.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote

import psycopg
import pymysql
import pytest
from support.waiting import eventually

USER = "app"
PASSWORD = "p%rcent@slash/1"
"""Holds what a URL and a configuration file have to escape."""

FEW_SESSIONS = {1: "pool_of_one", 2: "pool_of_two"}
"""Databases for which PgBouncer has so few sessions; they have to be created."""


@dataclass(kw_only=True)
class Server:
    """A running server: hands out the URLs of databases that nobody has used."""

    folder: Path
    """What is below belongs to the user that the server runs as."""
    socket: Path
    url_of: Callable[[str, str], str]
    """(database, quoted password): SQLAlchemy's URL."""
    execute: Callable[[str], None]
    """Runs one statement as the administrator."""
    prefix: str = "fresh"
    """Of the names of its databases."""
    start: Callable[[], subprocess.Popen[bytes]]
    """Starts the server's process."""
    process: subprocess.Popen[bytes] = field(init=False)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.process = self.start()

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End the server by a signal."""
        self.process.send_signal(number)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def start_again(self) -> None:
        """Start the server that was stopped, and wait until it answers."""
        eventually(self._is_up_again, within=60)

    def is_answering(self) -> bool:
        """Tell whether it can be asked."""
        # A driver that cannot connect leaves its socket to the garbage collector, and that is a warning.
        if not _listens(self.socket):
            return False
        try:
            self.execute("SELECT 1")
        except (psycopg.OperationalError, pymysql.OperationalError):
            return False
        return True

    def _is_up_again(self) -> bool:
        # It refuses to start as long as a process of the one before has not ended.
        if self.process.poll() is not None:
            self.process = self.start()
        return self.is_answering()

    def fresh_url(self) -> str:
        """Create a database and return its URL."""
        name = f"{self.prefix}{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url_of(name, quote(PASSWORD, safe=""))

    def url_with_wrong_password(self) -> str:
        """Return the URL of a database with a password that is not the user's."""
        return self.fresh_url().replace(quote(PASSWORD, safe=""), "wrong-secret")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A PostgreSQL server."""
    yield from serve_postgresql()


def serve_postgresql(address: str = "", namespace: Sequence[str] = ()) -> Iterator[Server]:
    """Start a PostgreSQL server; with an `address` it listens there too, in the network of the command `namespace`."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if not binaries:
        _absent("PostgreSQL")
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp") as name:
        folder = _own(Path(name))
        password_file = folder / "password"
        password_file.write_text(PASSWORD)
        _give(password_file)
        _prepare(
            [binaries[-1] / "initdb", "-D", folder / "data", "-U", USER, "-A", "scram-sha-256", "--no-sync"],
            [f"--pwfile={password_file}", "-E", "UTF8", "--locale=C"],
            cwd=folder,
        )
        options = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "16MB", "max_connections": "100"}
        settings = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
        command = [binaries[-1] / "postgres", "-D", folder / "data", "-k", folder, "-h", address, *settings]
        if address:
            with (folder / "data" / "pg_hba.conf").open("a") as rules:
                rules.write("host all all all scram-sha-256\n")

        def execute(statement: str) -> None:
            with psycopg.connect(
                host=str(folder), user=USER, password=PASSWORD, dbname="postgres", autocommit=True
            ) as connection:
                connection.execute(statement)

        yield from _serve(
            Server(
                start=lambda: _start(command, cwd=folder, namespace=namespace),
                folder=folder,
                socket=folder / ".s.PGSQL.5432",
                url_of=lambda database, secret: f"postgresql+psycopg://{USER}:{secret}@/{database}?host={folder}",
                execute=execute,
            ),
        )


@pytest.fixture(scope="session")
def pgbouncer(postgresql: Server) -> Iterator[Server]:
    """PgBouncer in transaction mode in front of the PostgreSQL server: the same databases by other URLs."""
    program = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        _absent("PgBouncer")
    with tempfile.TemporaryDirectory(prefix="pb", dir="/tmp") as name:
        folder = _own(Path(name))
        config = folder / "pgbouncer.ini"
        server = f"host={postgresql.folder} port=5432 user={USER} password='{PASSWORD}'"
        config.write_text(
            "[databases]\n"
            + "".join(f"{name} = {server} pool_size={size}\n" for size, name in FEW_SESSIONS.items())
            + f"* = {server}\n"
            f"[pgbouncer]\nlisten_addr =\nlisten_port = 6432\nunix_socket_dir = {folder}\nauth_type = any\n"
            "pool_mode = transaction\ndefault_pool_size = 6\nmax_client_conn = 200\n"
            # Each database has a pool of its own, and the server has so many sessions for all of them.
            "server_idle_timeout = 1\n"
            "ignore_startup_parameters = extra_float_digits\n"
        )
        _give(config)
        yield from _serve(
            Server(
                start=lambda: _start([program, config], cwd=folder),
                folder=folder,
                socket=folder / ".s.PGSQL.6432",
                url_of=lambda database, secret: (
                    f"postgresql+psycopg://{USER}:{secret}@/{database}?host={folder}&port=6432"
                ),
                execute=postgresql.execute,
                prefix="pooled",
            ),
        )


@pytest.fixture(scope="session")
def mariadb() -> Iterator[Server]:
    """A MariaDB server."""
    server = shutil.which("mariadbd", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    install = shutil.which("mariadb-install-db")
    if server is None or install is None:
        _absent("MariaDB")
    with tempfile.TemporaryDirectory(prefix="my", dir="/tmp") as name:
        folder = _own(Path(name))
        where = [f"--datadir={folder}/data", "--innodb-log-file-size=8M", "--innodb-flush-log-at-trx-commit=2"]
        _prepare(
            [install, "--no-defaults", *where, "--auth-root-authentication-method=normal", "--skip-test-db"],
            ["--skip-name-resolve", "--force"],
            cwd=folder,
        )
        address = folder / "sock"
        command = [server, "--no-defaults", *where, f"--socket={address}", "--skip-networking", "--log-bin=log"]

        def execute(statement: str) -> None:
            with pymysql.connect(unix_socket=str(address), user="root") as connection, connection.cursor() as cursor:
                cursor.execute(statement)

        def create_user() -> None:
            execute(f"CREATE USER {USER}@localhost IDENTIFIED BY '{PASSWORD}'")
            execute(f"GRANT ALL ON *.* TO {USER}@localhost")

        yield from _serve(
            Server(
                start=lambda: _start(command, cwd=folder),
                folder=folder,
                socket=address,
                url_of=lambda database, secret: (
                    f"mysql+pymysql://{USER}:{secret}@localhost/{database}?unix_socket={address}"
                ),
                execute=execute,
            ),
            create_user,
        )


def _serve(server: Server, prepare: Callable[[], None] = lambda: None) -> Iterator[Server]:
    """Wait until the server answers, hand it out, and stop it."""

    def answers() -> bool:
        assert server.process.poll() is None, (server.folder / "log").read_text()
        return server.is_answering()

    try:
        eventually(answers, within=60)
        prepare()
        yield server
    finally:
        server.stop()


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def _absent(name: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"{name} is not installed, and CI needs it")
    pytest.skip(f"{name} is not installed")


def _account() -> pwd.struct_passwd | None:
    """Return the user that servers run as, if it has to be another one than this process's."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None


def _own(folder: Path) -> Path:
    _give(folder)
    folder.chmod(0o755)
    return folder


def _give(path: Path) -> None:
    account = _account()
    if account is not None:
        os.chown(path, account.pw_uid, account.pw_gid)


def _as_account() -> dict[str, Any]:
    account = _account()
    return {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _prepare(command: Sequence[str | Path], more: Sequence[str], *, cwd: Path) -> None:
    done = subprocess.run(
        [*map(str, command), *more],
        cwd=cwd,
        env={**os.environ, **_beside(cwd)},
        capture_output=True,
        text=True,
        check=False,
        **_as_account(),
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _start(command: Sequence[str | Path], *, cwd: Path, namespace: Sequence[str] = ()) -> subprocess.Popen[bytes]:
    with (cwd / "log").open("wb") as log:
        return subprocess.Popen(
            [str(word) for word in (*_in(namespace), *command)],
            cwd=cwd,
            env={**os.environ, **_beside(cwd)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **({} if namespace else _as_account()),
        )


def _beside(folder: Path) -> dict[str, str]:
    """Return where temporary files go: MariaDB names them by its pid, which servers in other namespaces have too."""
    return {"TMPDIR": str(folder)}


def _in(namespace: Sequence[str]) -> list[str]:
    """Return what a command begins with that enters a network, which takes root, and is the servers' user then."""
    account = _account()
    if not namespace or account is None:
        return []
    return [*namespace, f"--setuid={account.pw_uid}", f"--setgid={account.pw_gid}"]
