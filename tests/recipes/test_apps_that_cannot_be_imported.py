"""Real servers whose workers cannot import the app: no start says that they run, and no upgrade ends with them."""

from __future__ import annotations

from pathlib import Path

import pytest
from recipes.test_servers import entry_of
from support.built import free_port
from support.running import Release, ended, make_release
from support.shop import SHOP

from releaser.runtime.release.manifest import Readiness, Socket

BROKEN = "import nowhere_to_be_found\n"
ANSWERS = {"http": "http://{0}/", "tcp": "{0}", "notify": ""}
SERVERS = {
    "gunicorn": ["gunicorn", "--workers", "2", "shop:wsgi"],
    "gunicorn's own socket": ["gunicorn", "--workers", "2", "--bind", "{0}", "shop:wsgi"],
    "uvicorn": ["uvicorn", "--workers", "2", "--host", "127.0.0.1", "--port", "{1}", "shop:asgi"],
    "hypercorn": ["hypercorn", "--workers", "2", "--bind", "fd://{{socket.web}}", "shop:asgi"],
}
CASES = [
    *((name, kind) for name in SERVERS for kind in ("http", "tcp")),
    ("gunicorn", "notify"),
]


def release_of(
    servers: Path, place: Path, server: str, kind: str, address: str, version: str, modules: dict[str, str]
) -> Release:
    words = [word.format(address, address.partition(":")[2]) for word in SERVERS[server]]
    stay_up_s = 2.0 if kind == "notify" else 0.0
    readiness = Readiness(
        kind=kind, target=ANSWERS[kind].format(address), timeout_s=600.0, interval_s=0.05, stay_up_s=stay_up_s
    )
    binds = any(address.partition(":")[2] in word for word in words)
    return make_release(
        place / "release",
        place / "scratch",
        modules=modules,
        source_paths=[str(servers)],
        entry=entry_of(words, servers),
        readiness=readiness,
        sockets=[] if binds else [Socket(name="web", address=address)],
        stop_timeout_s=20.0,
        version=version,
    )


@pytest.fixture
def address() -> str:
    return f"127.0.0.1:{free_port()}"


@pytest.mark.parametrize(("server", "kind"), CASES)
def test_a_start_fails_at_once_and_names_what_could_not_be_imported(
    servers: Path, tmp_path: Path, address: str, server: str, kind: str
) -> None:
    release = release_of(servers, tmp_path, server, kind, address, "1.0.0", {"shop.py": BROKEN})
    with ended(release):
        answer = release.run("start")
        assert answer.returncode == 1, answer.stdout
        assert "No module named 'nowhere_to_be_found'" in answer.stderr
        assert "did not become ready in" not in answer.stderr
        assert release.leftovers() == []


@pytest.mark.parametrize(("server", "kind"), CASES)
def test_an_upgrade_to_it_is_rolled_back(servers: Path, tmp_path: Path, address: str, server: str, kind: str) -> None:
    works = release_of(servers, tmp_path, server, kind, address, "1.0.0", {"shop.py": SHOP % "hello"})
    release_of(servers, tmp_path, server, kind, address, "1.1.0", {"shop.py": BROKEN})
    (works.root / "releases" / "default").write_text("1.0.0\n")
    with ended(works):
        started = works.run("start")
        assert started.returncode == 0, started.stderr
        answer = works.run("upgrade", "1.1.0")
        assert answer.returncode == 1, answer.stdout + answer.stderr
        assert "was rolled back" in answer.stderr
        assert "No module named 'nowhere_to_be_found'" in answer.stderr
        status = works.status()
        assert (status["version"], status["state"]) == ("1.0.0", "running")
