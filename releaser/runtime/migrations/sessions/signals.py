"""What a signal does to a migration: it is told at once, has a limit, and a second one ends at once.

::

    1st signal    a line on standard error; `Interrupted` in the main thread: rollback, the journal, a question where
      │           the database is, exit code 128 + n
      ├─ GIVE_UP_S later    nobody answers: the connections are shut down, so that whatever waits hears of it
      └─ LIMIT_S later      still not ended: this process ends by itself, and says what it knows without asking
    2nd signal    ends at once

A thread watches, because the main one may be in C code of a driver, where no handler of Python runs. It waits in
poll(2) all the time, so that a fork beside it, for a hook or a tenant, finds no lock taken.
"""

from __future__ import annotations

import _thread
import os
import select
import signal
import time

from ...release.failures import Failure
from ..failures import Interrupted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

GIVE_UP_S = 5.0
LIMIT_S = 9.0
"""Shorter than the 10 s that `docker stop` gives."""
LIMIT_OF_PARENT_S = LIMIT_S + 3.0
NO_LIMIT = float("inf")
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_NOTED = 0
"""In the place of a signal's number: the handler of the main thread has run."""


class Work:
    """What is being done at the moment, for whom a signal meets; this is the work before there is any."""

    limit_s = LIMIT_S

    def doing(self) -> str:
        """Return what happens now, after a signal."""
        return "nothing is being applied"

    def before_a_line(self) -> str:
        """Return what clears the line of the terminal that a line begins on."""
        return ""

    def give_up(self) -> None:
        """Let nothing wait for an answer any more; called once, by another thread."""

    def known(self) -> tuple[str, str]:
        """Return what is true now, without asking, and the hint; called by another thread."""
        return "nothing was being applied", ""


class Signals:
    """Within `with Signals()`, the first SIGTERM, SIGINT or SIGHUP raises `Interrupted`; the second one ends.

    `received` is that signal's number or 0: what a driver makes of the exception is not always the exception.
    A signal that the caller has set to be ignored (nohup, a shell's background job) stays ignored.
    """

    def __init__(self, shape: Callable[[Failure], str] | None = None) -> None:
        """Have the last words written on standard error, or what `shape` makes of them on standard output."""
        self.received = 0
        self.has_given_up = False
        self.work = Work()
        self._shape = shape
        self._before: dict[int, Callable[[int, FrameType | None], Any] | int | None] = {}
        self._is_told = False
        self._telling = _thread.allocate_lock()

    def __enter__(self) -> Signals:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        self._wakeup = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in _ENDING:
            if signal.getsignal(number) != signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._raise)
        _thread.start_new_thread(self._watch, ())
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        signal.set_wakeup_fd(self._wakeup)
        os.close(self._writer)

    def during(self, work: Work) -> During:
        """Within `with`, let a signal meet `work`."""
        return During(self, work)

    def _raise(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        for other in self._before:
            signal.signal(other, signal.SIG_DFL)
        # A library may have taken the wakeup descriptor for itself.
        os.write(self._writer, bytes([_NOTED]))
        self._tell(number)
        raise Interrupted(number)

    def _watch(self) -> None:
        """Count the signals, and keep the limits; ends with the `with`."""
        began, count = NO_LIMIT, 0
        poll = select.poll()
        poll.register(self._reader, select.POLLIN)
        while True:
            passed = time.monotonic() - began
            if poll.poll(self._next_look_ms(passed)):
                data = os.read(self._reader, 64)
                if not data:
                    os.close(self._reader)
                    return
                numbers = [number for number in data if number in self._before]
                count += len(numbers)
                if count > 1:
                    os._exit(128 + numbers[-1])
                if began == NO_LIMIT and (numbers or _NOTED in data):
                    began = time.monotonic()
                    self.received = self.received or numbers[0]
                    self._tell(self.received)
                continue
            if not self.has_given_up:
                self.has_given_up = True
                self.work.give_up()
            elif passed >= self.work.limit_s:
                self._end()

    def _next_look_ms(self, passed: float) -> float | None:
        if passed < 0:  # no signal yet
            return None
        until = self.work.limit_s if self.has_given_up else GIVE_UP_S
        return None if until == NO_LIMIT else max(0.0, until - passed) * 1000

    def _tell(self, number: int) -> None:
        """Say what the first signal does, by whichever thread comes first."""
        # Its holder writes one line, and nothing else: what takes longer is a terminal that was stopped.
        if not self._telling.acquire(timeout=1):
            return
        try:
            if not self._is_told:
                self._is_told = True
                told = f"interrupted by {Interrupted(number)}: {self.work.doing()}; once more ends at once\n"
                _write(2, self.work.before_a_line() + told)
        finally:
            self._telling.release()

    def _end(self) -> None:
        limit_s = self.work.limit_s
        now, hint = self.work.known()
        failure = Failure(
            f"interrupted by {Interrupted(self.received)}, and ended by itself: no orderly end within {limit_s:g} s",
            128 + self.received,
            now=now,
            hint=hint,
        )
        if self._shape is not None:
            _write(1, self._shape(failure))
        else:
            _write(2, self.work.before_a_line() + "".join(f"{line}\n" for line in failure.lines()))
        os._exit(failure.exit_code)


class During:
    """See `Signals.during`. Not of `contextlib`, whose import is a good part of finding nothing to do."""

    def __init__(self, signals: Signals, work: Work) -> None:
        self._signals = signals
        self._work = work

    def __enter__(self) -> None:
        self._before, self._signals.work = self._signals.work, self._work

    def __exit__(self, *exception: object) -> None:
        self._signals.work = self._before


def _write(descriptor: int, text: str) -> None:
    """Write `text` if that can be done at once."""
    poll = select.poll()
    try:
        poll.register(descriptor, select.POLLOUT)
        if any(events & select.POLLOUT for _, events in poll.poll(0)):
            os.write(descriptor, text.encode("utf-8", "replace"))
    except OSError:  # nobody reads any more
        return
