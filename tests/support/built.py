"""The guestbook's release, built by the installed command from a copy of the project, once for each session."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx
from support.roots import entering
from support.running import Release
from support.waiting import eventually

REPOSITORY = Path(__file__).parents[2]
RELEASER = Path(sys.executable).parent / "releaser"
_IGNORED = shutil.ignore_patterns("__pycache__", "_build", ".venv*", "*.sqlite3*", ".pytest_cache")


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A copy of the repository's `rel` and `examples`, as a user would have them."""

    root: Path

    def build(self, *options: str, check: bool = True, cwd: str = ".") -> subprocess.CompletedProcess[str]:
        """Run `releaser build` in it."""
        answer = subprocess.run(
            [str(RELEASER), "build", *options],
            cwd=self.root / cwd,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert not check or answer.returncode == 0, answer.stdout + answer.stderr
        return answer

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace text in one of its files; it must be there."""
        file = self.root / path
        text = file.read_text()
        assert old in text, f"{old!r} is not in {path}"
        file.write_text(text.replace(old, new))


def copy_project(root: Path) -> Project:
    """Copy what a build reads into `root`."""
    root.mkdir(parents=True)
    for name in ("rel", "examples"):
        shutil.copytree(REPOSITORY / name, root / name, ignore=_IGNORED)
    return Project(root=root)


def free_port() -> int:
    """Return a port that nobody listened on a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


class Site:
    """The guestbook of a release, as its visitors see it."""

    def __init__(self, release: Release) -> None:
        """Give the release a port of its own."""
        self.release = release
        self.url = f"http://127.0.0.1:{release.env.setdefault('PORT', str(free_port()))}"

    def page(self, path: str = "/") -> str:
        """Return a page, once it is served."""
        answer = eventually(lambda: self._get(path))
        assert answer.status_code == 200, answer.text
        return answer.text

    def sign(self, author: str, message: str) -> None:
        """Write into the book as the form does."""
        form = {"author": author, "message": message}
        answer = httpx.post(self.url + "/", data=form, trust_env=False, follow_redirects=True)
        assert answer.status_code == 200, answer.text

    def _get(self, path: str) -> httpx.Response | None:
        try:
            return httpx.get(self.url + path, trust_env=False)
        except httpx.TransportError:
            return None


def release_below(root: Path, built: Path, scratch: Path, folder: str = "opt/app") -> Release:
    """Put a built release into `folder` of the root file system `root`, where it runs with nothing else to be seen."""
    place = root / folder
    shutil.copytree(built, place, symlinks=True)
    scratch.mkdir()
    env = {"PATH": "/bin"}
    link = Path("/", folder, "bin/app")
    return Release(root=place, scratch=scratch, shell=tuple(entering(root)), link=link, env=env)


def release_in(root: Path, scratch: Path, **env: str) -> Release:
    """Return the built release in `root` with an environment that holds next to nothing."""
    scratch.mkdir(parents=True, exist_ok=True)
    python = {} if any(root.glob("python-*")) else {"RELEASE_PYTHON": os.path.realpath(sys.executable)}
    return Release(root=root, scratch=scratch, env={"PATH": "/usr/bin:/bin", **python, **env})
