"""What the supervisor says itself: its own lines on standard error, and the faults of ours among them."""

from __future__ import annotations

import time

from ...release.faults import Faults
from .output import Output, own_description

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...release.failures import Failure


class Voice:
    """The two outputs of the supervisor, and the ways to write to them."""

    __slots__ = ("err", "faults", "out")

    def __init__(self) -> None:
        """Write to this process's standard output and error, without ever waiting for whoever reads them."""
        self.out = Output(own_description(1))
        """Where the lines of hooks go."""
        self.err = Output(own_description(2))
        self.faults = Faults(self.err.write, time.monotonic)

    def say(self, text: str) -> None:
        """Write one line for a person."""
        self._write(f"[release] {text}")

    def tell(self, failure: Failure) -> None:
        """Write what went wrong."""
        for line in failure.lines():
            self._write(line)

    def fault(self, what: str) -> str:
        """Tell the exception that is being handled, which nobody expected; return it as a sentence."""
        return self.faults.tell(what)

    def finish(self) -> None:
        """Give whoever reads a moment to take the last lines."""
        for output in (self.out, self.err):
            output.finish()

    def close(self) -> None:
        """Say nothing more."""
        for output in (self.out, self.err):
            output.finish()
            output.close()

    def _write(self, line: str) -> None:
        self.err.write(line.encode("utf-8", "surrogateescape") + b"\n")
