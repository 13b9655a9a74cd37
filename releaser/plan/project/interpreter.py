"""Which Python is the release built for: the one that runs the build, or the one in a prefix that was named?"""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import replace
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


def for_target(own: Interpreter, version: str, platform_tag: str) -> Interpreter:
    """Return the Python of `version` on this machine, else `own` in its place, for the platform of a wheel's tag."""
    found = own
    if version and version != own.version:
        candidates = (interpreter_in(prefix) for prefix in _prefixes(version))
        fitting = (each for each in candidates if each is not None and each.version == version)
        missing = replace(own, version=version, full_version=version, compiles=False)
        found = next(fitting, missing)
    if platform_tag:
        machine = platform_tag.split("_", 3)[3]
        found = replace(found, platform=f"linux-{machine}", wheels_platform=platform_tag)
    return found


def _prefixes(version: str) -> Iterator[Path]:
    """Yield where a Python of this version may be installed: on PATH, by pyenv, by uv."""
    program = shutil.which(f"python{version}")
    if program is not None:
        yield Path(program).parent.parent
    home = Path.home()
    for pattern in (f".pyenv/versions/{version}.*", f".local/share/uv/python/cpython-{version}.*"):
        yield from sorted(home.glob(pattern), reverse=True)


def _interpreter(path: Path, full_version: str, implementation: str, tag: str) -> Interpreter:
    return Interpreter(
        path=path,
        version=".".join(full_version.split(".")[:2]),
        full_version=full_version,
        implementation=implementation,
        platform=tag,
    )
