"""What does publishing ask of the file system? Two names exchanged in one step, and everything written to its disk."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from releaser.runtime.release.files import write_through

Exchange = Callable[[Path, Path], bool]
"""Exchanges two names in one step; false when the file system cannot, and nothing was done."""

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2  # renameat2(2)
_NOT_SUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)


def exchange_names(one: Path, other: Path) -> bool:
    """Exchange two names with renameat2(2); tell whether the C library, kernel and file system know how."""
    function = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if function is None:
        return False
    if function(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _NOT_SUPPORTED:
        return False
    raise OSError(code, os.strerror(code), str(other))


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """What a build publishes with."""

    exchange: Exchange = exchange_names
    write_through: Callable[[str], None] = write_through
    """Has everything of the file system of a folder written to its disk; raises OSError."""


DISK: Final = Disk()
