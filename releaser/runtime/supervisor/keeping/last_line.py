"""What did an instance write last? Asked after a crash, where output goes to a file (`start`)."""

from __future__ import annotations

import os

_LOG_BYTES = 8192
_OWN = "[release] "


class LastLine:
    """The part of one log that an instance has written, as far as it can be told from the file alone."""

    __slots__ = ("_offset", "_path")

    def __init__(self, path: str) -> None:
        """Look into the file `path`; none: a terminal or a pipe, and whoever reads it has seen the lines."""
        self._path = path
        self._offset = 0

    def begin(self) -> None:
        """Have what is written from now on be the instance's."""
        self._offset = self._size()

    def read(self) -> list[str]:
        """Return the last line written since then that is not one of ours, or none."""
        size = self._size()
        if not size:
            return []
        begin = self._offset if self._offset <= size else 0  # the file was rotated meanwhile
        try:
            with open(self._path, "rb") as file:
                file.seek(max(begin, size - _LOG_BYTES))
                lines = file.read(_LOG_BYTES).decode("utf-8", "replace").splitlines()
        except OSError:
            return []  # rotated away at this moment, or not ours to read
        return [line.strip() for line in lines if line.strip() and not line.startswith(_OWN)][-1:]

    def _size(self) -> int:
        try:
            return os.stat(self._path).st_size if self._path else 0
        except OSError:
            return 0
