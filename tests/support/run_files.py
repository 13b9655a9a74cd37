"""A release as one file that runs, and a place to run it in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.running import make_release

from releaser.build.archive.run_file import write_run_file
from releaser.build.archive.writing import write_archive
from releaser.build.tools.tree import normalise_modes

EPOCH = 315532800
SHELLS = {"dash": ("dash",), "busybox": ("busybox", "sh"), "bash": ("bash", "--posix")}


def needs(program: str) -> str:
    """Return where a program is; without it the test is skipped, but not in CI."""
    found = shutil.which(program)
    if found is None:
        assert not os.environ.get("CI"), f"CI must have {program}"
        pytest.skip(f"no {program} here")
    return found


def make_run_file(folder: Path, app: str, *, name: str = "app", version: str = "1.0.0") -> Path:
    """Write `NAME-VERSION.run` into the new folder; `app` is the text of the module whose `main` it calls."""
    folder.mkdir()
    release = make_release(folder / name, folder / "scratch", modules={"app.py": app}, name=name, version=version)
    normalise_modes(release.root)
    write_archive(release.root, folder / "release.tar.gz", EPOCH)
    file = folder / f"{name}-{version}.run"
    write_run_file(folder / "release.tar.gz", file, name, version)
    return file


class Place:
    """A folder that holds the file, a home, and a working directory that must stay empty."""

    def __init__(self, folder: Path, run_file: Path) -> None:
        self.folder = folder / "it's a place"
        self.work = folder / "work"
        self.home = folder / "home"
        for each in (self.folder, self.work, self.home):
            each.mkdir()
        self.file = Path(shutil.copy2(run_file, self.folder))
        self.env = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.home),
            "RELEASE_PYTHON": os.path.realpath(sys.executable),
        }

    def put(self, run_file: Path) -> None:
        """Let the following runs be of another file."""
        self.file = Path(shutil.copy2(run_file, self.folder))

    def argv(self, *words: str, shell: tuple[str, ...] = ()) -> list[str]:
        return [*shell, str(self.file), *words]

    def run(
        self, *words: str, shell: tuple[str, ...] = (), check: bool = True, **env: str
    ) -> subprocess.CompletedProcess[str]:
        wanted = {name: value for name, value in {**self.env, **env}.items() if value}
        answer = subprocess.run(
            self.argv(*words, shell=shell), cwd=self.work, env=wanted, capture_output=True, text=True, timeout=60
        )
        assert not check or answer.returncode == 0, answer.stderr + answer.stdout
        return answer

    def unpacked(self, cache: Path | None = None) -> list[Path]:
        """Return the folders that were unpacked, without locks; nothing half done may be among them."""
        cache = cache or self.home / ".cache/releaser"
        return sorted(path for path in cache.iterdir() if not path.name.startswith(".lock"))
