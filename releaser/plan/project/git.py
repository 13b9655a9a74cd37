"""Which revision is this, if it is in a git repository?"""

from __future__ import annotations

import subprocess
from pathlib import Path

from releaser.plan.facts import Git


def read_git(folder: Path) -> Git | None:
    """Return the revision that `folder` is at; None without a repository, a commit, or git itself."""
    revision = _ask(folder, "rev-parse", "--verify", "HEAD")
    if not revision:
        return None
    description = _ask(folder, "describe", "--tags", "--always", "--dirty") or revision[:12]
    has_tag = not revision.startswith(description.removesuffix("-dirty"))
    return Git(
        revision=revision,
        description=description,
        dirty=description.endswith("-dirty"),
        hides_tags=not has_tag and _ask(folder, "rev-parse", "--is-shallow-repository") == "true",
    )


def is_ignored(folder: Path, path: str) -> bool:
    """Tell whether git ignores `path` below `folder`, there or not; git itself knows best, and without it none is."""
    words = ["git", "-C", str(folder), "check-ignore", "--quiet", "--no-index", "--", path]
    try:
        return subprocess.run(words, capture_output=True, check=False, stdin=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def _ask(folder: Path, *words: str) -> str:
    try:
        answer = subprocess.run(
            ["git", "-C", folder, *words], capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return answer.stdout.strip()
