"""The sessions that the documentation shows are typed as they stand, in a release of a shop, and say what is shown.

Numbers differ from host to host, and so do keys: any number is like another, and any fingerprint.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.builds import releaser
from support.built import free_port, release_in
from support.running import Release, ended

DOCS = Path(__file__).parents[2] / "releaser" / "docs"
SHOP = {
    "pyproject.toml": '[project]\nname = "shop"\nversion = "1.3.2"\nrequires-python = ">=3.11"\n',
    "rel/config.toml": (
        '[release.shop]\nentry_point = "shop.server:main"\nsockets = { web = "127.0.0.1:${PORT}" }\n'
        'readiness = { http = "http://127.0.0.1:${PORT}/", timeout = "60s" }\n[environment.prod]\n'
    ),
    "shop/__init__.py": '__version__ = "1.3.2"\n',
    "shop/tasks.py": (
        "def count_orders(state):\n    return 412\n\n\ndef move(ids, target):\n    return {'moved': len(ids)}\n"
    ),
    "shop/server.py": (
        "import http.server, signal, socket, threading\n\n\nclass Handler(http.server.BaseHTTPRequestHandler):\n"
        "    def do_GET(self):\n        self.send_response(204)\n        self.end_headers()\n\n"
        "    def log_message(self, *args):\n        pass\n\n\n"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A shop that runs as 1.3.2, with the archive of 1.4.0, signed, in its folder."""

    release: Release

    def says(self, command: str) -> list[str]:
        """Type a command in the release's folder and return every line that it says."""
        environ = self.release.env | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=self.release.root,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout.splitlines()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    project = tmp_path_factory.mktemp("shop")
    servers = (DOCS / "how_to" / "servers.md").read_text()
    main = re.search(r"^def main\(\):\n(.*?)^```", servers, re.DOTALL | re.MULTILINE)
    assert main is not None
    for name, text in SHOP.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(text + (main[0].removesuffix("```") if name == "shop/server.py" else ""))
    key = project / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    assert releaser(project, "build", "-q").returncode == 0
    root = Path(shutil.copytree(project / "_build/prod/rel/shop", project / "host"))
    for name in ("pyproject.toml", "shop/__init__.py"):
        (project / name).write_text((project / name).read_text().replace("1.3.2", "1.4.0"))
    done = releaser(project, "build", "-q", "--sign", str(key))
    assert done.returncode == 0, done.stderr
    for path in (project / "_build/prod").glob("shop-1.4.0.*"):
        shutil.copy(path, root)
    public = key.with_name("key.pub").read_text().split()
    (root / "allowed_signers").write_text(f"ada@example.org {public[0]} {public[1]}\n")
    (root / "report.py").write_text("import shop\n")
    release = release_in(root, project / "scratch", PORT=str(free_port()))
    release.name = "shop"
    with ended(release):
        started = release.run("start")
        assert started.returncode == 0, started.stderr
        yield Shop(release=release)


def sessions_of(name: str) -> Iterator[list[str]]:
    """Yield the lines of each session that a page shows."""
    for language, text in re.findall(r"^```(\w*)\n(.*?)^```$", (DOCS / name).read_text(), re.DOTALL | re.MULTILINE):
        if not language and text.startswith("$ "):
            yield text.splitlines()


def normalised(line: str) -> str:
    return re.sub(r"\d[\d.]*", "N", re.sub(r"(SHA256:|AAAA)\S+", "KEY", line)).rstrip()


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("reference/rpc.md", 0),
        ("reference/rpc.md", 2),
        ("how_to/inspect_and_verify.md", 0),
        ("how_to/systemd.md", 0),
        ("how_to/upgrade.md", 0),
    ],
)
def test_a_session_says_what_is_shown(shop: Shop, name: str, number: int) -> None:
    shown = [line for line in list(sessions_of(name))[number] if not line.startswith("$ sudo ")]
    said: list[str] = []
    for line in shown:
        if line.startswith("$ "):
            said += [line, *shop.says(line.removeprefix("$ "))]
    following = iter([normalised(line) for line in said])
    assert [line for line in shown if normalised(line) not in following] == [], "\n".join(said)


def test_the_commands_of_inspecting_are_those_that_the_page_shows(shop: Shop) -> None:
    text = (DOCS / "how_to" / "inspect_and_verify.md").read_text()
    for command in ("inspect", "diff"):
        (line,) = re.findall(rf"^releaser {command} .*$", text, re.MULTILINE)
        typed = re.sub(r"_build/prod/shop-1\.[34]\.[02]", "shop-1.4.0", line)
        assert "shop 1.4.0" in "\n".join(shop.says(typed))
