"""What is seen of a revision on a terminal while it is applied: one line at the bottom, drawn anew twice a second.

Everything else is written above it. Nothing of it is left when it is closed, whatever ended the migration: no mode of
the terminal is changed, and the line is erased. Where there is no terminal, or one that cannot erase a line, or colour
is not wanted (https://no-color.org), there is no bar but a line for each revision.
"""

from __future__ import annotations

import os
import threading
import time
import unicodedata

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TextIO

PERIOD_S = 0.5
CELLS = 20
LEAST_COLUMNS = 40
ERASE = "\r\x1b[K"


def wants_bar(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Tell whether a bar can be drawn on `stream`, and may."""
    if environ.get("NO_COLOR") or environ.get("TERM", "") in ("", "dumb"):
        return False
    try:
        return stream.isatty() and os.get_terminal_size(stream.fileno()).columns >= LEAST_COLUMNS
    except (OSError, ValueError):
        return False


class Bar:
    """One line of a terminal; used by the thread that migrates, and drawn by one of its own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._has_ended = threading.Event()
        self._drawer: threading.Thread | None = None
        self._is_drawn = False
        self._what = (0, 0, "")
        self._statements: Callable[[], int] = int
        self._began = 0.0

    def begin(self, number: int, count: int, title: str, statements: Callable[[], int]) -> None:
        """Show revision `number` of `count`; `statements` tells how many it has sent so far."""
        with self._lock:
            self._what, self._statements, self._began = (number, count, title), statements, time.monotonic()
            self._draw()
        if self._drawer is None:
            self._has_ended.clear()
            self._drawer = threading.Thread(target=self._keep_drawing, daemon=True)
            self._drawer.start()

    def above(self, text: str) -> None:
        """Write `text`, whole lines, above the bar."""
        with self._lock:
            self._erase()
            self._stream.write(text)
            if self._drawer is not None:
                self._draw()
            self._stream.flush()

    def close(self) -> None:
        """Leave nothing of it."""
        if self._drawer is None:
            return
        self._has_ended.set()
        self._drawer.join()
        self._drawer = None
        with self._lock:
            self._erase()
            self._stream.flush()

    def _keep_drawing(self) -> None:
        while not self._has_ended.wait(PERIOD_S):
            with self._lock:
                if not self._has_ended.is_set():
                    self._draw()

    def _draw(self) -> None:
        try:
            columns = os.get_terminal_size(self._stream.fileno()).columns
        except (OSError, ValueError):
            columns = LEAST_COLUMNS
        number, count, title = self._what
        line = bar_line(number, count, title, time.monotonic() - self._began, self._statements(), columns - 1)
        self._stream.write(f"{ERASE}{line}")
        self._stream.flush()
        self._is_drawn = True

    def _erase(self) -> None:
        if self._is_drawn:
            self._stream.write(ERASE)
            self._is_drawn = False


def bar_line(number: int, count: int, title: str, seconds: float, statements: int, columns: int) -> str:
    """Return the line of revision `number` of `count`, at most `columns` wide; the title gives way."""
    filled = CELLS * (number - 1) // max(1, count)
    noun = "statement" if statements == 1 else "statements"
    before = f"[{'#' * filled}{'.' * (CELLS - filled)}] {number}/{count} "
    after = f" {seconds:.0f} s, {statements} {noun}"
    if len(before) + len(after) > columns:
        after = f" {seconds:.0f} s"
    return before + _cut(title, columns - len(before) - len(after)) + after


def _cut(text: str, columns: int) -> str:
    """Return as much of `text` as fits, without what would move the cursor."""
    shown, used = "", 0
    for letter in text:
        if not letter.isprintable():
            continue
        width = 0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        if used + width > columns:
            return shown[:-3] + "..." if columns > 3 else ""
        shown, used = shown + letter, used + width
    return shown
