"""What is a project called that does not say so? As its repository is, or else its folder."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


def name_of_folder(folder: Path) -> str:
    """Return the name that git's `origin` has, if `folder` is the top of a repository, or the folder's own."""
    name = _repository(folder) if (folder / ".git").exists() else ""
    return _usable(name) or _usable(folder.resolve().name) or "app"


def _usable(name: str) -> str:
    return _NOT_IN_NAMES.sub("-", name).strip("._-")


def _repository(folder: Path) -> str:
    try:
        answer = subprocess.run(
            ["git", "-C", folder, "config", "--get", "remote.origin.url"],
            capture_output=True,
            text=True,
            check=True,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.CalledProcessError, ValueError):
        return ""
    return re.split(r"[/:]", answer.stdout.strip().rstrip("/"))[-1].removesuffix(".git")
