"""With `drain`, servers that drop what is open on SIGTERM lose no request in an upgrade, counted by clients."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.built import free_port
from support.load import load
from support.running import Release, ended, make_release
from support.shop import SHOP
from support.waiting import eventually

from releaser.build.tools.dist_info import console_scripts
from releaser.runtime.release.manifest import Entry, Readiness, Socket

POLLING = """\
import http.server, signal, socket, sys, threading
from shop import WORD

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(WORD)

    def log_message(self, *args):
        pass

def main():
    server = http.server.ThreadingHTTPServer(("", 0), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = socket.socket(fileno=3)
    server.socket.setblocking(False)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())   # at once, whatever is open
    server.serve_forever()
"""
COMMANDS = {
    "uvicorn with uvloop and httptools": "uvicorn --loop uvloop --http httptools --fd {socket.web} shop:asgi",
    "uvicorn with asyncio and h11": "uvicorn --loop asyncio --http h11 --fd {socket.web} shop:asgi",
    "hypercorn": "hypercorn --workers 0 --bind fd://{socket.web} shop:asgi",
    "gunicorn with uvicorn's worker": "gunicorn --worker-class uvicorn_worker.UvicornWorker --workers 2 shop:asgi",
    "gunicorn with threads": "gunicorn --worker-class gthread --threads 4 shop:wsgi",
    "a script that polls": "",
}


def write_version(servers: Path, folder: Path, command: str, version: str, word: str, drain_s: float) -> Release:
    words = command.split()
    entry = Entry(kind="callable", target="polling:main", argv0="app", args=[])
    if words:
        entry = Entry(kind="callable", target=console_scripts(servers)[words[0]], argv0=words[0], args=words[1:])
    return make_release(
        folder / "release",
        folder / "scratch",
        version=version,
        modules={"shop.py": SHOP % word, "polling.py": POLLING},
        source_paths=[str(servers)],
        entry=entry,
        readiness=Readiness(kind="http", target="http://127.0.0.1:${PORT}/", timeout_s=30.0, interval_s=0.05),
        sockets=[Socket(name="web", address="127.0.0.1:${PORT}")],
        stop_timeout_s=20.0,
        drain_s=drain_s,
    )


@pytest.fixture(params=COMMANDS)
def release(request: pytest.FixtureRequest, servers: Path, tmp_path: Path) -> Iterator[Release]:
    """Version 1.0.0, which drains, with 2.0.0 beside it."""
    command = COMMANDS[request.param]
    write_version(servers, tmp_path, command, "2.0.0", "two", 1.0)
    release = write_version(servers, tmp_path, command, "1.0.0", "one", 1.0)
    release.env["PORT"] = str(free_port())
    with ended(release):
        yield release


def test_no_request_is_lost_in_an_upgrade(release: Release) -> None:
    release.foreground()
    with load(release) as clients:
        eventually(lambda: clients.answers["one"] > 20, within=30)
        for words, word in ((("upgrade", "2.0.0"), "two"), (("rollback",), "one")):
            answer = release.run(*words)
            assert answer.returncode == 0, answer.stderr
            before = clients.answers[word]
            eventually(lambda word=word, before=before: clients.answers[word] > before + 20, within=30)  # type: ignore[misc]
    assert clients.lost == []
    assert set(clients.answers) == {"one", "two"}
