"""Where dependencies come from: each lock, projects of the same repository, folders with wheels, private indexes."""

from __future__ import annotations

import base64
import hashlib
import http.server
import os
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import uv
from support.builds import built, files_in, releaser
from support.tiny_project import CONFIG, make_tiny_project


def make_wheel(folder: Path, name: str) -> Path:
    """Write the wheel of a package `name`, 1.0, with one module."""
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": f"NAME = {name!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n",
    }
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for member, text in files.items():
            archive.writestr(zipfile.ZipInfo(member), text)
    return wheel


def hashed(wheel: Path) -> str:
    return f"{wheel.name.split('-')[0]}==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


def modules(release: Path) -> set[str]:
    with zipfile.ZipFile(release / "releases/1.0.0/tiny.pyz") as archive:
        names = [name.removeprefix("site-packages/") for name in archive.namelist()]
    return {name for name in names if name.endswith(".py") and name != "__main__.py"}


def with_settings(project: Path, settings: str) -> None:
    text = CONFIG.replace('entry_point = "tiny.app:main"\n', f'entry_point = "tiny.app:main"\n{settings}\n')
    (project / "rel/config.toml").write_text(text)


def run_uv(folder: Path, *words: str) -> None:
    subprocess.run([uv.find_uv_bin(), *words], cwd=folder, check=True, capture_output=True, timeout=60)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = make_tiny_project(tmp_path / "project")
    (project / "requirements.txt").unlink()
    return project


def test_folders_with_wheels_are_enough_without_a_network(project: Path) -> None:
    (project / "requirements.txt").write_text(hashed(make_wheel(project / "vendor", "leaf")))
    with_settings(project, 'find_links = ["vendor"]')
    assert "leaf.py" in modules(built(project, "--offline"))


def test_offline_asks_no_index_and_says_so_when_something_is_missing(project: Path) -> None:
    wheel = make_wheel(project / "elsewhere", "leaf-of-no-index")
    (project / "requirements.txt").write_text(hashed(wheel).replace("leaf", "leaf-of-no-index", 1))
    done = releaser(project, "build", "--offline")
    assert done.returncode == 1
    assert "the dependencies could not be installed" in done.stderr
    assert "now: nothing was built" in done.stderr


def test_extras_and_groups_are_installed_when_they_are_named(project: Path) -> None:
    for name in ("plain", "fast", "worker"):
        make_wheel(project / "vendor", name)
    text = (
        (project / "pyproject.toml")
        .read_text()
        .replace('requires-python = ">=3.11"', 'requires-python = ">=3.11"\ndependencies = ["plain"]')
    )
    more = '\n[project.optional-dependencies]\nfast = ["fast"]\n\n[dependency-groups]\nworker = ["worker"]\n'
    (project / "pyproject.toml").write_text(text + more)
    settings = 'find_links = ["vendor"]\n'
    with_settings(project, settings)
    assert {"plain.py", "fast.py", "worker.py"} & modules(built(project, "--offline")) == {"plain.py"}
    with_settings(project, settings + 'extras = ["fast"]\ngroups = ["worker"]')
    found = modules(built(project, "--offline"))
    assert {"plain.py", "fast.py", "worker.py"} <= found


def test_extras_with_a_lock_that_knows_none_are_refused(project: Path) -> None:
    (project / "requirements.txt").write_text("# nothing\n")
    with_settings(project, 'extras = ["fast"]\nfind_links = ["nowhere"]')
    done = releaser(project, "build")
    assert done.returncode == 3
    assert "requirements.txt holds what it was locked with, and knows of no extras" in done.stderr
    assert "the folder nowhere does not exist" in done.stderr


def test_a_pylock_is_installed(project: Path) -> None:
    wheel = make_wheel(project / "vendor", "leaf")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (project / "pylock.toml").write_text(
        'lock-version = "1.0"\ncreated-by = "a test"\n\n[[packages]]\nname = "leaf"\nversion = "1.0"\n'
        f'wheels = [{{ path = "vendor/{wheel.name}", hashes = {{ sha256 = "{digest}" }} }}]\n'
    )
    assert "leaf.py" in modules(built(project, "--offline"))


def test_a_member_of_a_workspace_is_built_with_those_it_depends_on(project: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"
    make_tiny_project(library)
    (library / "src/tiny").rename(library / "src/shared")
    for path in ("pyproject.toml", "requirements.txt"):
        (library / path).write_text((library / path).read_text().replace("tiny", "shared"))
    text = (
        (project / "pyproject.toml")
        .read_text()
        .replace('requires-python = ">=3.11"', 'requires-python = ">=3.11"\ndependencies = ["shared"]')
    )
    (project / "pyproject.toml").write_text(text + "\n[tool.uv.sources]\nshared = { workspace = true }\n")
    (tmp_path / "pyproject.toml").write_text('[tool.uv.workspace]\nmembers = ["project", "library"]\n')
    run_uv(tmp_path, "lock", "--offline")
    assert {"shared/app.py", "tiny/app.py"} <= modules(built(project, "--offline"))
    assert not (library / "_build").exists()
    developed = built(project, "--env", "dev")
    assert str(library / "src") in (developed / "releases/1.0.0/manifest.json").read_text()
    closed = built(project, "--env", "closed")
    with zipfile.ZipFile(closed / "releases/1.0.0/tiny.pyz") as archive:
        assert "site-packages/shared/app.pyc" in archive.namelist()


@pytest.mark.parametrize("tool", ["poetry", "pdm"])
def test_locks_of_poetry_and_pdm_are_read_by_their_own_exporters(project: Path, tmp_path: Path, tool: str) -> None:
    (project / f"{tool}.lock").write_text('[[package]]\nname = "leaf"\n')
    with_settings(project, 'find_links = ["vendor"]')
    bare = releaser(project, "build", PATH="/usr/bin:/bin")
    assert bare.returncode == 3
    assert f"only {tool} reads this lock, and it is not installed" in bare.stderr
    wheel = make_wheel(project / "vendor", "leaf")
    exporter = tmp_path / "bin" / tool
    exporter.parent.mkdir()
    exporter.write_text(
        f"#!/bin/sh\nwhile [ $# -gt 1 ]; do [ \"$1\" = --output ] && to=$2; shift; done\necho '{hashed(wheel)}' > $to\n"
    )
    exporter.chmod(0o755)
    release = built(project, "--offline", PATH=f"{exporter.parent}:{os.environ['PATH']}")
    assert "leaf.py" in modules(release)


class Index(http.server.BaseHTTPRequestHandler):
    """A package index on loopback that wants a password."""

    wheel = Path()
    wanted = "Basic " + base64.b64encode(b"ada:hunter2").decode()

    def do_GET(self) -> None:
        if self.headers.get("Authorization") != self.wanted:
            self.send_response(401)
            self.send_header("WWW-Authenticate", "Basic")
            self.end_headers()
            return
        body = self.wheel.read_bytes()
        kind = "application/octet-stream"
        if not self.path.endswith(".whl"):
            body = f'<a href="/files/{self.wheel.name}">{self.wheel.name}</a>'.encode()
            kind = "text/html"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """Say nothing."""


@pytest.fixture
def index(tmp_path: Path) -> Iterator[str]:
    Index.wheel = make_wheel(tmp_path / "served", "leaf")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://ada:hunter2@127.0.0.1:{server.server_port}/simple"
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_password_of_an_index_is_used_and_lands_nowhere(project: Path, index: str, tmp_path: Path) -> None:
    (project / "requirements.txt").write_text(hashed(Index.wheel))
    changes = {"UV_DEFAULT_INDEX": index, "UV_CACHE_DIR": str(tmp_path / "uv-cache"), "NO_PROXY": "*"}
    done = releaser(project, "build", "-v", **changes)
    assert done.returncode == 0, done.stderr
    assert "leaf.py" in modules(project / "_build/prod/rel/tiny")
    assert "hunter2" not in done.stdout + done.stderr
    assert [name for name, content in files_in(project / "_build").items() if b"hunter2" in content] == []
    (project / "requirements.txt").write_text(hashed(Index.wheel).replace("leaf", "absent"))
    failed = releaser(project, "build", "-v", **changes)
    assert failed.returncode == 1
    assert "hunter2" not in failed.stdout + failed.stderr
