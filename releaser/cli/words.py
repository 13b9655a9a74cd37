"""Can the words of a command line name files at all? Asked once for all commands, before one looks at a file."""

from __future__ import annotations

import os
from collections.abc import Sequence

from releaser.config.document import quoted
from releaser.errors import UsageError

NAME_BYTES = 255
"""Of one name in a path: the limit of every file system in use (NAME_MAX, pathconf(3))."""
PATH_BYTES = 4095
"""Of a path: PATH_MAX of Linux, without the zero byte at its end."""


def check_words(words: Sequence[str]) -> None:
    """Make sure that no word is longer than a path can be: each look at such a file would fail.

    Raises:
        UsageError: one is.
    """
    for word in words:
        value = word.partition("=")[2] if word.startswith("--") else word
        shown = quoted(os.fsencode(value).decode("utf-8", "replace"))
        if len(os.fsencode(value)) > PATH_BYTES:
            raise UsageError(f"{shown} is longer than a path can be, which has at most {PATH_BYTES} bytes")
        if any(len(os.fsencode(part)) > NAME_BYTES for part in value.split("/")):
            raise UsageError(f"{shown} is no path: a file's name has at most {NAME_BYTES} bytes")
