"""Where the lines of a migration go, and whether anyone still reads them."""

from __future__ import annotations

import os
import select
import sys

from ...release.writing import Unwritten, drop, unwritten
from .bar import ERASE, Bar, wants_bar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO


class Unheard(Exception):
    """Whoever asked for the migration has gone: no further revision is begun."""


class Tolerant:
    """A text stream that may lose its reader, or its disk, without an error in the middle of a revision."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.is_lost = False
        self.error: Unwritten | None = None
        """Why it took no more, where its reader is still there: what is done is done, and the report of it is not."""

    def write(self, text: str) -> int:
        """Write `text`, or drop it when nobody reads any more, or nothing more can be written."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self._fail(error)
            return len(text)

    def flush(self) -> None:
        """Flush, or drop what is left, as `write` does."""
        try:
            self._stream.flush()
        except OSError as error:
            self._fail(error)

    def is_broken(self) -> bool:
        """Tell whether the other end is a pipe that nobody reads any more.

        poll(2) reports POLLERR for the write end of such a pipe.
        """
        if self.is_lost:
            return True
        try:
            descriptor = self._stream.fileno()
        except (OSError, ValueError):
            return False
        poll = select.poll()
        poll.register(descriptor, 0)
        return any(events & select.POLLERR for _, events in poll.poll(0))

    def fileno(self) -> int:
        """Return the stream's descriptor."""
        return self._stream.fileno()

    def drop_if_broken(self) -> None:
        """Let what is written from here on, even past this object, go nowhere if nobody reads any more."""
        if not self.is_lost and self.is_broken():
            self._lose()

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def _fail(self, error: OSError) -> None:
        if isinstance(error, BrokenPipeError):
            self._lose()
            return
        self.error = self.error or unwritten(self._stream.fileno(), error)
        drop(self._stream.fileno())

    def _lose(self) -> None:
        self.is_lost = True
        drop(self._stream.fileno())


class Report:
    """The progress of one command: lines on `stream`, each written at once, with `prefix` in front of it."""

    def __init__(self, stream: Tolerant, prefix: str = "") -> None:
        self._stream = stream
        self._prefix = prefix
        self._bar: Bar | None = None
        if wants_bar(stream, os.environ):  # type: ignore[arg-type]
            self._bar = Bar(stream)  # type: ignore[arg-type]

    def line(self, text: str) -> None:
        """Write one line."""
        if self._bar is not None:
            self._bar.above(f"{self._prefix}{text}\n")
            return
        self._stream.write(f"{self._prefix}{text}\n")
        self._stream.flush()

    def begin(self, number: int, count: int, title: str, statements: Callable[[], int]) -> None:
        """Tell that a revision begins, `number` of `count`; `statements` tells how many it has sent so far."""
        if self._bar is None:
            self.line(f"[{number}/{count}] {title} ...")
        else:
            self._bar.begin(number, count, f"{self._prefix}{title}", statements)

    def close(self) -> None:
        """Leave nothing on the terminal but lines."""
        if self._bar is not None:
            self._bar.close()

    def before_a_line(self) -> str:
        """Return what clears the line that the cursor is on, for a line that is written past this object."""
        return ERASE if self._bar is not None else ""

    def descriptor(self) -> int:
        """Return where a program that is started may write."""
        return self._stream.fileno()

    def check_heard(self) -> None:
        """Do nothing as long as someone may read; called where stopping does no harm.

        Raises:
            Unheard: they have gone.
        """
        if self._stream.is_broken():
            raise Unheard


def make_tolerant() -> tuple[Tolerant, Tolerant]:
    """Put tolerant streams in the place of this process's standard output and error, and return them."""
    output, error = Tolerant(sys.stdout), Tolerant(sys.stderr)
    sys.stdout, sys.stderr = output, error
    return output, error
