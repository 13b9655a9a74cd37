"""A database server that ends, or cannot be used, while a release migrates: what is told, what is true afterwards."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import NullPool, create_engine, make_url, text
from support.databases import PASSWORD, Server, mariadb, postgresql
from support.driving import run, running
from support.migrated import ACCOUNTS, revision, write_migrated
from support.waiting import eventually

from releaser.runtime.release.manifest import Hook

__all__ = ["mariadb", "postgresql"]


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
    assert code == 1
    assert runner.stderr.startswith("error: revision a004 interrupted failed: ")
    assert "Traceback" not in runner.stderr
    assert "a004 is rolled back, unless its commit was under way\n" in runner.stderr
    server.start_again()
    assert ask(url, "SELECT balance FROM account") == [1001]
    again = run(release.command("migrate"), environ={"DATABASE_URL": url})
    assert again.returncode == 0, again.stderr
    assert ask(url, "SELECT balance FROM account") == [1003]


@pytest.fixture
def without_tls() -> Iterator[int]:
    """The port of a server that declines TLS, as PostgreSQL's does without a certificate."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def decline() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(8)  # SSLRequest
                    connection.sendall(b"N")
                    connection.recv(1)

        threading.Thread(target=decline, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def unknown_postgresql(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("postgresql").url_of("nowhere", quote(PASSWORD, safe="")))


def unknown_mariadb(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("mariadb").url_of("nowhere", quote(PASSWORD, safe="")))


def tls_of_mariadb(request: pytest.FixtureRequest) -> str:
    server: Server = request.getfixturevalue("mariadb")
    server.execute("CREATE USER IF NOT EXISTS careful@localhost IDENTIFIED BY 'secret' REQUIRE SSL")
    return make_url(server.fresh_url()).set(username="careful", password="secret").render_as_string(hide_password=False)


def tls_of_postgresql(request: pytest.FixtureRequest) -> str:
    port = request.getfixturevalue("without_tls")
    return f"postgresql+psycopg://app:secret@127.0.0.1:{port}/x?sslmode=require"


def unresolved(request: pytest.FixtureRequest) -> str:
    return "postgresql+psycopg://app:secret@no-such-host.invalid/x"


@pytest.mark.parametrize(
    ("make_url_of", "said"),
    [
        (unknown_postgresql, 'database "nowhere" does not exist'),
        (unknown_mariadb, "Unknown database 'nowhere' (1049)"),
        (tls_of_postgresql, "server does not support SSL, but SSL was required"),
        (tls_of_mariadb, "Access denied for user 'careful'@'localhost'"),
        (unresolved, "no-such-host.invalid"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_server_that_does_not_let_us_in_is_one_clear_message(
    make_url_of: Callable[[pytest.FixtureRequest], str], said: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    release = write_migrated(tmp_path / "release", ACCOUNTS)
    failed = run(release.command("migrate"), environ={"DATABASE_URL": make_url_of(request)})
    assert failed.returncode == 1
    lines = failed.stderr.splitlines()
    assert lines[0] == "error: cannot connect to the database"
    assert said in failed.stderr
    assert lines[-1] == "  now: nothing was migrated"
    assert "Traceback" not in failed.stderr
    assert "secret" not in failed.stderr
    assert quote(PASSWORD, safe="") not in failed.stderr


def test_a_release_that_cannot_migrate_once_it_is_ready_ends_and_says_why(tmp_path: Path) -> None:
    path = "hooks/post_start.d/10-migrate"
    hook = Hook(event="post_start", name="10-migrate", path=path, call="", timeout_s=60.0, on_failure="stop")
    release = write_migrated(tmp_path / "release", ACCOUNTS, hooks=[hook])
    manifest = release.manifest
    packages = Path(release.layout.site_packages(manifest.bundle.id, manifest.python.version))
    (packages / "app.py").write_text("import threading\n\ndef main():\n    threading.Event().wait()\n")
    file = Path(release.layout.release) / path
    file.parent.mkdir(parents=True)
    file.write_text('#!/bin/sh\nexec "$RELEASE_PROG" rpc releaser.runtime:migrate\n')
    file.chmod(0o755)
    environ = {"DATABASE_URL": "postgresql+psycopg://app:secret@127.0.0.1:1/x"}
    ended = run(release.command("foreground"), environ=environ, within=120)
    assert ended.returncode == 1, ended.stderr
    told = ended.stdout + ended.stderr
    assert "error: cannot connect to the database\n" in told
    assert "secret" not in told
    assert "Traceback" not in told
