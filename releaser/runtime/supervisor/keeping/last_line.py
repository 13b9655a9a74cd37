"""What did an instance write last? Asked after a crash, where output goes to a file (`start`).

An app whose workers die writes the same traceback a hundred times: what counts are the distinct lines.
"""

from __future__ import annotations

import os

_LOG_BYTES = 8192
_OWN = "[release] "
_MOST_BYTES = 65536
_MOST_LINES = 5
_LONGEST = 300
_RAISED = r"(?:\w+\.)*[A-Z]\w*(?:Error|Exception|Exit|Fault|Warning|DoesNotExist|Configured|NotFound)(?::|$)"
"""The last line of a traceback."""
_COMPLAINS = r"(?i)(?:^|[\s\[(<|])(?:error|critical|fatal|exception|failed|cannot|panic)\b"
_CHANGES = r"\d+"
"""What differs in a line that is written again: times and process numbers."""


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
        return self._lines(_LOG_BYTES)[-1:]

    def errors(self) -> list[str]:
        """Return the distinct errors among what was written last; where there are none, the last distinct lines."""
        import re

        lines = {re.sub(_CHANGES, "0", line): line[:_LONGEST] for line in self._lines(_MOST_BYTES)}
        for pattern, begins in ((_RAISED, True), (_COMPLAINS, False)):
            find = re.compile(pattern).match if begins else re.compile(pattern).search
            found = [line for line in lines.values() if find(line)]
            if found:
                return found[-_MOST_LINES:]
        return [*lines.values()][-_MOST_LINES:]

    def _lines(self, most: int) -> list[str]:
        """Return the lines in the last `most` bytes that the instance has written."""
        size = self._size()
        if not size:
            return []
        begin = self._offset if self._offset <= size else 0  # the file was rotated meanwhile
        try:
            with open(self._path, "rb") as file:
                file.seek(max(begin, size - most))
                lines = file.read(most).decode("utf-8", "replace").splitlines()
        except OSError:
            return []  # rotated away at this moment, or not ours to read
        return [line.strip() for line in lines if line.strip() and not line.startswith(_OWN)]

    def _size(self) -> int:
        try:
            return os.stat(self._path).st_size if self._path else 0
        except OSError:
            return 0
