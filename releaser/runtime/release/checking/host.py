"""Can this host run the release at all: its Python, its machine, its C library?"""

from __future__ import annotations

import os
import sys

from ..failures import DAMAGED, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..context import Context
    from ..manifest import Manifest


def check_python(context: Context) -> None:
    """Refuse an interpreter that the bundle was not built for.

    Raises:
        Failure: byte code and extension modules of the bundle need another version or machine.
    """
    wanted = context.manifest.python.version
    found = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if wanted != found:
        raise Failure(
            f"{context.name} {context.layout.version} needs Python {wanted}, and {sys.executable} is {found}",
            DAMAGED,
            now="nothing was started",
            hint=f"name a Python {wanted} in RELEASE_PYTHON, or build with include_python = true",
        )
    check_host(context.manifest, now="nothing was started")


def check_host(manifest: Manifest, *, now: str) -> None:
    """Refuse a machine or a C library that the release was not built for.

    Raises:
        Failure: its program files would not run; `now` is what the message says is true.
    """
    system, _, machine = manifest.python.platform.partition("-")
    if system == "linux" and machine != os.uname().machine:
        raise Failure(
            f"{manifest.name} {manifest.version} was built for {machine}, and this host is {os.uname().machine}",
            DAMAGED,
            now=now,
            hint=f"unpack the release that was built for {os.uname().machine}",
        )
    needed = manifest.python.glibc
    glibc = _glibc()
    if needed and _numbers(glibc) < _numbers(needed):
        raise Failure(
            f"{manifest.name} {manifest.version} needs glibc {needed} or newer, and this host has {glibc or 'none'}",
            DAMAGED,
            now=now,
            hint="build on a system whose glibc is no newer than the host's, or with include_libc = true",
        )


def _glibc() -> str:
    """Return the version of this host's glibc, or empty text when its C library is another one."""
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").removeprefix("glibc ")
    except (ValueError, OSError):
        return ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
