"""Which Python is the release built for: the one that runs the build, or the one in a prefix that was named?"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import sysconfig
from pathlib import Path

from releaser.plan.facts import Interpreter

_QUESTION = (
    "import json, platform, sys, sysconfig; print(json.dumps(["
    "platform.python_version(), sys.implementation.name, sysconfig.get_platform()]))"
)


def this_interpreter() -> Interpreter:
    """Return the Python that runs this process."""
    return _interpreter(
        Path(sys.executable), platform.python_version(), sys.implementation.name, sysconfig.get_platform()
    )


def interpreter_in(prefix: Path) -> Interpreter | None:
    """Return the Python in `prefix`, asked by running it; None when there is none that runs."""
    path = prefix / "bin" / "python3"
    try:
        answer = subprocess.run(
            [path, "-I", "-c", _QUESTION],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            stdin=subprocess.DEVNULL,
        )
        full_version, implementation, tag = json.loads(answer.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return _interpreter(path, full_version, implementation, tag)


def _interpreter(path: Path, full_version: str, implementation: str, tag: str) -> Interpreter:
    return Interpreter(
        path=path,
        version=".".join(full_version.split(".")[:2]),
        full_version=full_version,
        implementation=implementation,
        platform=tag,
    )
