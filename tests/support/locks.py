"""What asks a lock for packages, in tests: a project, and the Python that it is for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from releaser.plan.facts import Lock
from releaser.plan.project.locks.finding import find_lock
from releaser.plan.project.locks.selecting import Asked

LINUX = {
    "implementation_name": "cpython",
    "implementation_version": "3.12.1",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_release": "6",
    "platform_system": "Linux",
    "platform_version": "1",
    "python_full_version": "3.12.1",
    "python_version": "3.12",
    "sys_platform": "linux",
}


def asked_by(folder: Path, **changes: Any) -> Asked:
    """Return what the project in `folder` asks for, on Linux with Python 3.12."""
    values: dict[str, Any] = {"folder": folder, "project": {}, "environment": LINUX}
    return Asked(**(values | changes))


def lock_in(folder: Path, named: str = "", **changes: Any) -> Lock | None:
    """Return the lock of the project in `folder`."""
    return find_lock(folder, folder, named, asked_by(folder, **changes))
