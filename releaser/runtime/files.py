"""Small files that the supervisor leaves in `var/run`."""

from __future__ import annotations

import os


def write(path: str, text: str) -> None:
    """Write a file whole: a reader sees the old text or the new one."""
    temporary = f"{path}.{os.getpid()}"
    with open(temporary, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
    os.rename(temporary, path)


def unlink(path: str) -> None:
    """Remove a file that may be gone already."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
