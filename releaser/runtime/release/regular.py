"""How is a file read that anybody may have put there? Only a regular one, and not without end."""

from __future__ import annotations

import os
import stat

_PIECE = 1024 * 1024


def read_text(path: str, limit: int) -> str:
    """Return the text of a file.

    Raises:
        OSError: as `read_bytes`.
        UnicodeDecodeError: it is not UTF-8.
    """
    return read_bytes(path, limit).decode("utf-8")


def read_bytes(path: str, limit: int) -> bytes:
    """Return what the regular file at `path` holds, `limit` bytes at most; a pipe is not waited for.

    Raises:
        OSError: it cannot be read, or is no such file; with `strerror`.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "it is not a regular file")
        pieces: list[bytes] = []
        size = 0
        while piece := os.read(descriptor, _PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > limit:
                raise OSError(0, f"it is larger than {limit // _PIECE} MiB")
    finally:
        os.close(descriptor)
    return b"".join(pieces)
