"""What does a signal to the supervisor mean? Its handler writes a byte; what follows is done in the loop."""

from __future__ import annotations

import os
import signal

from .life import STATES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..release.faults import Faults
    from .life import Life
    from .running import Running

FORWARDED = (signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
HANDLED = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, *FORWARDED)
_PIECE_BYTES = 4096


class Signals:
    """A pipe whose bytes are the numbers of the signals that have come."""

    __slots__ = ("_faults", "_life", "_running", "_writer", "descriptor")

    def __init__(self, life: Life, running: Running, faults: Faults) -> None:
        """Tell `life` of those that end the release, and the instances of what runs the others."""
        self._life = life
        self._running = running
        self._faults = faults
        self.descriptor = -1
        """The reading end, to poll."""
        self._writer = -1

    def open(self) -> None:
        """Have every signal that is handled write its byte from now on."""
        self.descriptor, self._writer = os.pipe()
        os.set_blocking(self.descriptor, False)
        os.set_blocking(self._writer, False)
        for number in HANDLED:
            signal.signal(number, _do_nothing)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)

    def close(self) -> None:
        """Let none come any more.

        Python gives signals their default action back before it is gone: the exit code would be that of a signal.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)

    def wake(self) -> None:
        """Have the loop turn once, as if a signal had come."""
        os.write(self._writer, b"\0")

    def take(self) -> None:
        """Do what the signals say that have come."""
        try:
            numbers = os.read(self.descriptor, _PIECE_BYTES)
        except BlockingIOError:
            return
        for number in numbers:
            self._faults.attempt(STATES, f"handling signal {number}", lambda: self._take(number))  # noqa: B023

    def _take(self, number: int) -> None:
        if number == signal.SIGINT:
            self._life.interrupt()
        elif number == signal.SIGTERM:
            self._life.stop("SIGTERM")
        elif number == signal.SIGHUP and os.isatty(0):
            self._life.stop("SIGHUP: the terminal is gone")
        elif number in FORWARDED:
            for keeper in self._running.live.keepers:
                if keeper.instance is not None:
                    keeper.instance.signal(number)


def _do_nothing(number: int, frame: object) -> None:
    """Stand in as handler, so that the signal's byte is written to the wake-up descriptor."""
