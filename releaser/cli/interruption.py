"""What becomes of SIGINT and SIGTERM while a command is carried out? An exception, once: what is staged is removed."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType


class Interrupted(BaseException):
    """SIGINT or SIGTERM came: what is under way unwinds, and removes what it has staged."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGINT and SIGTERM raise `Interrupted`, once: a second one must not stop the cleaning up.

    Not Python's KeyboardInterrupt, which click takes for its own.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(number)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number in before:
            signal.signal(number, interrupt)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def told_if_interrupted(now: str) -> Iterator[None]:
    """Have an interruption that comes meanwhile say that `now` is true."""
    try:
        yield
    except Interrupted as interruption:
        interruption.add_note(now)
        raise
