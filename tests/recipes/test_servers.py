"""Each server of docs/how_to/servers.md, the real one, in a release: it starts, serves and stops in order.

The servers come from the package registry, once for each session, in the versions of requirements.txt. A machine
that reaches no registry skips these tests; CI may not.
"""

from __future__ import annotations

import shlex
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from support.built import free_port
from support.running import SERVER, Release, ended, make_release
from support.shop import SHOP
from support.waiting import eventually

import releaser.build
from releaser.build.tools.dist_info import console_scripts
from releaser.runtime.release.manifest import Entry, Readiness, Socket

PAGE = Path(releaser.build.__file__).parents[1] / "docs" / "how_to" / "servers.md"
DJANGO = """\
import os
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY=os.environ["SECRET_KEY"])
urlpatterns = [path("", lambda request: HttpResponse("hello"))]
wsgi = get_wsgi_application()
"""
TASKS = """\
import os
from celery import Celery, signals
from celery.result import allow_join_result

folder = os.path.join(os.environ["RELEASE_VAR"], "results")
os.makedirs(folder, exist_ok=True)
app = Celery("tasks", broker="memory://", backend="file://" + folder)
app.conf.broker_connection_retry_on_startup = True
ready = []
signals.worker_ready.connect(lambda **_: ready.append(True), weak=False)

@app.task
def add(a, b):
    return a + b

def is_ready():
    return bool(ready)

def total():
    with allow_join_result():
        return add.delay(2, 3).get(timeout=20, interval=0.05)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A row of the page: how a server is started, and how it becomes ready."""

    command: str
    binds: bool = False
    """The server cannot use an inherited socket, and binds PORT itself."""
    env: dict[str, str] = field(default_factory=dict)

    @property
    def words(self) -> list[str]:
        return shlex.split(self.command)


RECIPES = {
    "gunicorn": Recipe(command="gunicorn --workers 2 shop:wsgi"),
    "gunicorn with threads": Recipe(command="gunicorn --worker-class gthread --threads 4 shop:wsgi"),
    "gunicorn with uvicorn's worker": Recipe(command="gunicorn --worker-class uvicorn_worker.UvicornWorker shop:asgi"),
    "uvicorn": Recipe(command="uvicorn --fd {socket.web} shop:asgi"),
    "hypercorn": Recipe(command="hypercorn --workers 0 --bind fd://{socket.web} shop:asgi"),
    "granian": Recipe(command="granian --interface asgi --port ${PORT:-8000} shop:asgi", binds=True),
    "Django": Recipe(command="gunicorn --workers 2 site_of_shop:wsgi", env={"SECRET_KEY": "of the test"}),
}
SCRIPT = Entry(kind="callable", target="script:main", argv0="app", args=[])


def release_of(servers: Path, tmp_path: Path, entry: Entry, readiness: Readiness, *sockets: Socket) -> Release:
    modules = {"shop.py": SHOP % "hello", "site_of_shop.py": DJANGO, "tasks.py": TASKS, "script.py": SERVER}
    return make_release(
        tmp_path / "release",
        tmp_path / "scratch",
        modules=modules,
        source_paths=[str(servers)],
        entry=entry,
        readiness=readiness,
        sockets=list(sockets),
        stop_timeout_s=20.0,
    )


def entry_of(words: list[str], servers: Path) -> Entry:
    """Return what the builder makes of a command."""
    return Entry(kind="callable", target=console_scripts(servers)[words[0]], argv0=words[0], args=words[1:])


@pytest.fixture(params=[*RECIPES, "a plain script"])
def web(request: pytest.FixtureRequest, servers: Path, tmp_path: Path) -> Iterator[Release]:
    recipe = RECIPES.get(request.param, Recipe(command=""))
    port = free_port()
    address = f"127.0.0.1:{port}"
    sockets = [] if recipe.binds else [Socket(name="web", address=address)]
    entry = entry_of(recipe.words, servers) if recipe.command else SCRIPT
    readiness = Readiness(kind="http", target=f"http://{address}/", timeout_s=30.0, interval_s=0.05)
    release = release_of(servers, tmp_path, entry, readiness, *sockets)
    release.env |= {"PORT": str(port), **recipe.env}
    with ended(release):
        yield release


def test_a_web_server_becomes_ready_answers_and_stops_in_order(web: Release) -> None:
    running = web.foreground()
    for _ in range(5):
        answer = httpx.get(f"http://127.0.0.1:{web.env['PORT']}/", trust_env=False)
        assert (answer.status_code, answer.text) == (200, "hello")
    assert web.run("ping").stdout == "pong\n"
    stopped = web.run("stop")
    assert (stopped.returncode, stopped.stderr) == (0, "")
    assert running.wait() == 0, running.errors()
    assert "Traceback" not in running.errors()
    assert "kills the app" not in running.errors()
    assert web.leftovers() == []


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_a_celery_worker_becomes_ready_works_and_stops_in_order(servers: Path, tmp_path: Path, pool: str) -> None:
    quick = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    words = ["celery", "-A", "tasks", "worker", "--pool", pool, "--concurrency", "2", *quick]
    readiness = Readiness(kind="call", target="tasks:is_ready", timeout_s=30.0, interval_s=0.05)
    release = release_of(servers, tmp_path, entry_of(words, servers), readiness)
    with ended(release):
        running = release.foreground()
        total = release.run("rpc", "tasks:total")
        assert (total.stdout, total.stderr) == ("5\n", "")
        running.signal(signal.SIGTERM)
        assert running.wait() == 0, running.errors()
        assert "Traceback" not in running.errors()
        eventually(lambda: release.leftovers() == [])


def test_the_page_has_the_commands_that_run_here() -> None:
    page = PAGE.read_text()
    for name, recipe in RECIPES.items():
        assert not recipe.binds or "binds its port itself" in page
        listed = ", ".join(f'"{word}"' for word in recipe.words)
        assert f"command = [{listed}]" in page, name
