"""What does a file of the project hold that another tool has written? Read only if it is a regular file."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any

from releaser.config.text.positions import MAX_DEPTH
from releaser.errors import reason_of

_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_DEEP_KEY = re.compile(rf"(?:^|[\[{{,])[ \t]*{_PART}(?:[ \t]*\.[ \t]*{_PART}){{{MAX_DEPTH}}}")
_TOO_DEEP = "it is nested too deeply"
MAX_BYTES = 64 * 1024 * 1024
"""Of one file: the largest locks have a tenth, and a link may lead to a device or to the kernel's own files."""


class Unreadable(Exception):
    """There is something, and it cannot be read; the text says why, for after the file's name."""


class Absent(Unreadable):
    """There is nothing of that name."""


def content_of(path: Path) -> bytes:
    """Return the content of the regular file at `path`, or of the one that a link there leads to.

    Raises:
        Absent: there is none.
        Unreadable: it is something else, or the system does not let it be read.
    """
    try:
        if not path.is_file() and path.exists():  # a pipe would be waited for
            raise Unreadable("it is a folder, and no file" if path.is_dir() else "it is not a regular file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        if os.path.lexists(path):
            raise Unreadable("it is a link that leads nowhere") from None
        raise Absent("it does not exist") from None
    except (OSError, OverflowError) as error:
        raise Unreadable(f"it cannot be read: {reason_of(error)}") from error
    if len(content) > MAX_BYTES:
        raise Unreadable(f"it is larger than {MAX_BYTES // 1024**2} MiB")
    return content


def text_of(path: Path) -> str:
    """Return the text of the file at `path`.

    Raises:
        Unreadable: as `content_of`, or it is not UTF-8.
    """
    try:
        return content_of(path).decode("utf-8")
    except UnicodeDecodeError:
        raise Unreadable("it is not UTF-8 text") from None


def toml_in(text: str) -> dict[str, Any]:
    """Return what a TOML file of another tool says, of any depth that one has.

    Raises:
        ValueError: it is not TOML, or nested too deeply: tomllib takes the square of the parts of a key.
    """
    if any(line.count(".") >= MAX_DEPTH and _DEEP_KEY.search(line) for line in text.splitlines()):
        raise ValueError(_TOO_DEEP)
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
