"""What does the command of `version` print? Run once for each build, in the folder that holds `rel/`."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

from releaser.plan.facts import VersionAnswer

LIMIT_S = 60.0
_SHOWN = 60


def ask_version(root: Path, words: tuple[str, ...]) -> VersionAnswer:
    """Run the command and return the one line that it prints, without a `v` in front of a number."""
    shown = shlex.join(words)
    try:
        done = subprocess.run(
            words, cwd=root, capture_output=True, stdin=subprocess.DEVNULL, timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return VersionAnswer(trouble=f"`{shown}` did not end in {LIMIT_S:g} s")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return VersionAnswer(trouble=f"`{shown}` cannot be run: {reason.lower()}")
    if done.returncode:
        last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2][:_SHOWN]
        return VersionAnswer(
            trouble=f"`{shown}` ended with exit code {done.returncode}" + (f": {last}" if last else "")
        )
    lines = done.stdout.decode("utf-8", "replace").strip().splitlines()
    if len(lines) != 1:
        found = "nothing" if not lines else f"{len(lines)} lines"
        return VersionAnswer(trouble=f"expected one line from `{shown}`, found {found}")
    return VersionAnswer(version=re.sub(r"^v(?=\d)", "", lines[0].strip()))
