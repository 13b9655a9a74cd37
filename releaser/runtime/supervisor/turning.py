"""What does one turn of the supervisor's loop do? It waits for the next thing to happen, and sees to all that has.

Everything that is waited for belongs to somebody. A fault of ours in what one of them does ends none of the others:
it is told, and its owner rests (`faults`). So nothing but the end of the release ends the loop.
"""

from __future__ import annotations

import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from ..release.faults import Faults

    Watched = Iterable[tuple[int, int, Callable[[], object]]]
    """Descriptors, the events wanted, and what to do then."""

_FOREVER_MS = 3_600_000


class Clock:
    """The monotonic time at which something has happened: one value for all that follows from it."""

    __slots__ = ("now",)

    def __init__(self) -> None:
        self.tick()

    def tick(self) -> None:
        """Go on to the present."""
        self.now = time.monotonic()

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now


class Part:
    """What the loop does for one owner. Each function is called anew in every turn, and may fail."""

    __slots__ = ("deadlines", "owner", "pass_deadlines", "watched", "what")

    def __init__(
        self,
        owner: Hashable,
        what: str,
        watched: Callable[[], Watched] = lambda: (),
        deadlines: Callable[[], Iterable[float | None]] = lambda: (),
        pass_deadlines: Callable[[], object] = lambda: None,
    ) -> None:
        """Watch what `watched` returns; call `pass_deadlines` in each turn, the next of which comes by `deadlines`.

        `owner` rests when one of them fails, `what` says what was being done.
        """
        self.owner = owner
        self.what = what
        self.watched = watched
        self.deadlines = deadlines
        self.pass_deadlines = pass_deadlines


class Loop:
    """Turns around its parts."""

    def __init__(
        self,
        parts: Callable[[], Iterable[Part]],
        faults: Faults,
        clock: Clock,
        *,
        reap: Callable[[], None],
    ) -> None:
        """See to `parts`, which may be others in the next turn, and to children that have ended (`reap`)."""
        self._parts = parts
        self._faults = faults
        self._clock = clock
        self._reap = reap

    def turn(self) -> None:
        """Wait for the next thing to happen, and see to everything that has."""
        watched = self._watched()
        poll = select.poll()
        for descriptor, (_, events, _) in watched.items():
            poll.register(descriptor, events)
        for descriptor, _ in poll.poll(self._wait_ms()):
            self._clock.tick()
            part, _, act = watched[descriptor]
            self._faults.attempt(part.owner, part.what, act)
        self._clock.tick()
        self._reap()
        for part in self._parts():
            self._attempt(part, part.pass_deadlines)

    def _watched(self) -> dict[int, tuple[Part, int, Callable[[], object]]]:
        """Return every descriptor of interest: whose it is, the events wanted, what to do then."""
        watched: dict[int, tuple[Part, int, Callable[[], object]]] = {}

        def add(part: Part) -> None:
            for descriptor, events, act in part.watched():
                if descriptor >= 0:
                    watched[descriptor] = (part, events, act)

        for part in self._parts():
            self._attempt(part, lambda: add(part))  # noqa: B023
        return watched

    def _wait_ms(self) -> int:
        known = self._faults.deadlines()

        def add(part: Part) -> None:
            known.extend(deadline for deadline in part.deadlines() if deadline is not None)

        for part in self._parts():
            self._attempt(part, lambda: add(part))  # noqa: B023
        if not known:
            return _FOREVER_MS
        return max(0, min(_FOREVER_MS, int((min(known) - time.monotonic()) * 1000) + 1))

    def _attempt(self, part: Part, action: Callable[[], object]) -> None:
        if not self._faults.rests(part.owner):
            self._faults.attempt(part.owner, part.what, action)
