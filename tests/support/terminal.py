"""A program at a pseudo-terminal, with somebody who types."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from support.driving import bare_environment
from support.waiting import eventually

_TAKES_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)
CTRL_C, CTRL_D, TAB, UP = "\x03", "\x04", "\t", "\x10"
"""Keys; the last is Ctrl-P, which every terminal sends alike."""


class Terminal:
    """What is typed and what is shown."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process = process
        self._master = master
        self._shown = bytearray()
        self._seen = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def text(self) -> str:
        """Everything shown so far, without control sequences."""
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r|\x07", "", self._shown.decode("utf-8", "replace"))

    @property
    def screen(self) -> list[str]:
        """The lines as they stand, the one that the cursor is in last; of control sequences it knows "erase line"."""
        lines = self._shown.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
        return [line.rpartition("\r\x1b[K")[2] for line in lines]

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._master, keys.encode())

    def shows(self, text: str, within: float = 20.0) -> None:
        """Wait until `text` is shown, after what was waited for before."""

        def position() -> int:
            return self.text.find(text, self._seen) + 1

        try:
            eventually(position, within=within)
        except AssertionError:
            raise AssertionError(f"{text!r} is not shown after {self._seen} characters of:\n{self.text}") from None
        self._seen = position() - 1 + len(text)

    def wait(self, within: float = 20.0) -> int:
        """Return the exit code once the program has ended."""
        code = self.process.wait(within)
        self._reader.join(within)
        return code

    def _read(self) -> None:
        with suppress(OSError):  # EIO: the other side has ended
            while piece := os.read(self._master, 4096):
                self._shown += piece


@contextmanager
def at_a_terminal(
    argv: Sequence[str], environ: Mapping[str, str] | None = None, *, columns: int = 0
) -> Iterator[Terminal]:
    """Run `argv` with a terminal of its own, whose width nobody knows if `columns` is 0; leaving kills its session."""
    master, slave = os.openpty()
    termios.tcsetwinsize(slave, (24 if columns else 0, columns))
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _TAKES_TERMINAL, *argv],
            env={**bare_environment(), "TERM": "dumb", **(environ or {})},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        terminal = Terminal(process, master)
        try:
            yield terminal
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            terminal.wait()
    finally:
        os.close(master)
