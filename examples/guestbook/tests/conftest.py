"""An app on a database of its own, served on a port of its own."""

import socket
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

import pytest
import uvicorn
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine

from guestbook import database
from guestbook.server import bind
from guestbook.web import create_app

PROJECT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Answer:
    """What the app answered."""

    status: int
    headers: Message
    text: str


class KeepRedirects(urllib.request.HTTPRedirectHandler):
    """Hand a redirect to the test instead of following it."""

    def redirect_request(self, *args: object, **kwargs: object) -> None:
        return None


class Site:
    """A client of one running app; `http_error` answers are answers, redirects are not followed."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), KeepRedirects())

    def get(self, path: str) -> Answer:
        return self._ask(urllib.request.Request(self._address + path))

    def post(self, path: str, **fields: str) -> Answer:
        return self.post_bytes(path, urllib.parse.urlencode(fields).encode())

    def post_bytes(self, path: str, body: bytes) -> Answer:
        return self._ask(urllib.request.Request(self._address + path, data=body))

    def _ask(self, request: urllib.request.Request) -> Answer:
        try:
            with self._opener.open(request, timeout=30) as response:
                return Answer(response.status, response.headers, response.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read().decode())


@pytest.fixture(autouse=True)
def _own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let nothing of the caller's environment reach the app, and keep its files in the test's folder."""
    for name in ("DATABASE_URL", "GUESTBOOK_TITLE", "HOST", "PORT", "LISTEN_FDS", "LISTEN_PID", "RELEASE_VERSION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RELEASE_VAR", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(PROJECT / "src"))  # for processes that a test starts
    monkeypatch.chdir(tmp_path)
    database.engine.cache_clear()
    yield
    database.engine().dispose()
    database.engine.cache_clear()


@pytest.fixture
def alembic() -> Config:
    """alembic's configuration, as `alembic` itself would read it from pyproject.toml."""
    return Config(toml_file=PROJECT / "pyproject.toml")


@pytest.fixture
def engine() -> Engine:
    """The app's engine, on a database without tables."""
    return database.engine()


@pytest.fixture
def prepare(alembic: Config) -> Callable[[], None]:
    """Run the migrations when it is called."""
    return lambda: command.upgrade(alembic, "head")


@pytest.fixture
def site(engine: Engine) -> Iterator[Site]:
    """The app as a server runs it, before the migrations ran."""
    listener = bind("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(create_app(engine), lifespan="on", log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield Site(f"http://127.0.0.1:{_port(listener)}")  # it listens already: a request waits until it is served
    finally:
        server.should_exit = True
        thread.join()


def _port(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])
