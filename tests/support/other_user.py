"""Somebody else than the user that a release belongs to, and an interpreter that they may use too."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.handmade import PYTHON_VERSION
from support.running import LIMIT_S, Release

NOBODY = 65534
_NOT_NEEDED = ("site-packages", "test", "idlelib", "ensurepip", "tkinter", "config-*", "__phello__")


def need_root() -> None:
    """Skip a test where nobody can be made somebody else; CI runs as root."""
    if os.geteuid() != 0:
        assert not os.environ.get("CI"), "CI must run as root"
        pytest.skip("needs root to be somebody else")


def let_in(folder: Path) -> None:
    """Let everybody pass through the folders that lead to `folder`, which are pytest's own."""
    for each in (folder, *folder.parents):
        if each != Path("/") and not each.stat().st_mode & 0o001:
            each.chmod(each.stat().st_mode | 0o011)


def public_python(folder: Path) -> dict[str, str]:
    """Copy this interpreter to where everybody may execute it; return what a release needs of an environment for it."""
    prefix = Path(sys.base_prefix)
    name = f"python{PYTHON_VERSION}"
    (folder / "bin").mkdir(parents=True)
    shutil.copy(os.path.realpath(sys.executable), folder / "bin" / name)
    shutil.copytree(
        Path(os.__file__).parent, folder / "lib" / name, symlinks=True, ignore=shutil.ignore_patterns(*_NOT_NEEDED)
    )
    for library in (prefix / "lib").glob("libpython*"):
        shutil.copy(library, folder / "lib" / library.name, follow_symlinks=False)
    return {
        "PATH": "/usr/bin:/bin",
        "RELEASE_PYTHON": str(folder / "bin" / name),
        "LD_LIBRARY_PATH": str(folder / "lib"),
    }


def as_nobody(
    release: Release, *words: str, stdin: str = "", user: int = NOBODY, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run one command of the release as a user to whom nothing of it belongs."""
    return subprocess.run(
        release.argv(*words),
        env=release.env,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
        user=user,
        group=user,
        extra_groups=[],
        cwd="/",
        **options,
    )
