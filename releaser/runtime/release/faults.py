"""How does what serves go on after a fault of ours? What failed is told, rests for a moment, and is tried again.

Each thing that the supervisor's loop sees to has an owner: a client, a probe, a hook, an upgrade. An exception that
nobody expected, a module of the release that is not there any more for one, ends what that owner was doing and nothing
else. What would fail again at once rests, so that the loop does not spin.
"""

from __future__ import annotations

import os
import sys

from .primitives import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

REST_S = 1.0
"""How long what has failed is left alone."""
REPEAT_S = 60.0
"""A fault that comes again sooner is counted, not told."""
_MOST_KINDS = 64
_MOST_BYTES = 16384


Told = dict[tuple[str, str], list[float]]
"""The kinds of faults that were told: when, and how often each has come since."""
_told_on_stderr: Told = {}


class Faults:
    """The faults of one supervisor: told to its log, and who rests because of one."""

    def __init__(self, write: Callable[[bytes], None], clock: Callable[[], float]) -> None:
        """Have `write` take the lines; `clock` tells the monotonic time."""
        self._write = write
        self._clock = clock
        self._resting: dict[Hashable, float] = {}
        self._told: Told = {}

    def attempt(self, owner: Hashable, what: str, action: Callable[[], object]) -> bool:
        """Do `action`; after an exception tell it, let `owner` rest, and return false."""
        try:
            action()
        except Exception:
            self.tell(what)
            self._resting[owner] = self._clock() + REST_S
            return False
        return True

    def rests(self, owner: Hashable) -> bool:
        """Tell whether `owner` has failed a moment ago."""
        until = self._resting.get(owner)
        if until is None:
            return False
        if self._clock() < until:
            return True
        del self._resting[owner]
        return False

    def deadlines(self) -> list[float]:
        """Return when those that rest are to be tried again."""
        now = self._clock()
        self._resting = {owner: until for owner, until in self._resting.items() if until > now}
        return list(self._resting.values())

    def tell(self, what: str) -> str:
        """Do as `tell_of` with the exception that is being handled."""
        return self.tell_of(sys.exc_info()[1] or RuntimeError("no exception"), what)

    def tell_of(self, error: BaseException, what: str) -> str:
        """Write an exception to the log, once for each kind; return it as one sentence."""
        sentence = f"a fault in releaser itself while {what}: {summary(error)}"
        again = _again(self._told, (what, summary(error)), self._clock())
        if again is None:
            return sentence
        line = f"[release] error: {sentence}{again}; the release goes on\n{traceback_of(error)}"
        self._write(line.encode("utf-8", "backslashreplace")[:_MOST_BYTES].rstrip(b"\n") + b"\n")
        return sentence


def tell_on_stderr(error: BaseException, what: str) -> str:
    """Write an exception to standard error, once for each kind, in a process with other threads; return a sentence.

    What cannot be written is left out: this comes last.
    """
    sentence = f"a fault in releaser itself while {what}: {summary(error)}"
    again = _again(_told_on_stderr, (what, summary(error)), monotonic())
    if again is None:
        return sentence
    try:
        from .tracebacks import whole

        text = whole(error)
    except Exception:
        text = ""
    try:
        line = f"[release] error: {sentence}{again}; the app goes on\n{text}"
        os.write(2, line.encode("utf-8", "backslashreplace")[:_MOST_BYTES].rstrip(b"\n") + b"\n")
    except OSError:
        pass
    return sentence


def _again(told: Told, kind: tuple[str, str], now: float) -> str | None:
    """Note a fault; return what is added to its line, or None where one of its kind was told a short while ago."""
    known = told.get(kind)
    if known is not None and now < known[0] + REPEAT_S:
        known[1] += 1
        return None
    if len(told) >= _MOST_KINDS:
        told.clear()
    told[kind] = [now, 0]
    return f" ({known[1]:.0f} times more since it was told)" if known is not None and known[1] else ""


def summary(error: BaseException) -> str:
    """Return an exception as one line of a bounded length."""
    text = str(error).strip().partition("\n")[0][:200]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


class _Collected:
    """Stands for standard error while the interpreter prints to it."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        """Do nothing: it is all there."""


def traceback_of(error: BaseException) -> str:
    """Return the traceback as the interpreter itself prints it: the module `traceback` may be what cannot be imported.

    Only for a process of one thread.
    """
    before, collected = sys.stderr, _Collected()
    sys.stderr = collected
    try:
        sys.__excepthook__(type(error), error, error.__traceback__)
    finally:
        sys.stderr = before
    return collected.text
