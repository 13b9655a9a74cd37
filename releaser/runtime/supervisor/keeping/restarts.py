"""Whether an instance that crashed is started again, and after what pause. Values in, values out."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...release.manifest import Heart

JITTER = 0.25
"""Share of a pause that chance adds: instances that crash together must not come back together."""
TOLD = 3
"""How many of the last exits are told when it gives up."""


class Restarts:
    """The crashes of one instance so far."""

    __slots__ = ("_heart", "in_a_row", "last_exits", "total")

    def __init__(self, heart: Heart) -> None:
        self._heart = heart
        self.in_a_row = 0
        self.total = 0
        self.last_exits: list[str] = []

    def pause_after(self, how: str, uptime_s: float, chance: float) -> float | None:
        """Note a crash and return the seconds to wait before the next start, or None to give up.

        `how` tells how it ended, `uptime_s` how long it was ready, `chance` is from 0 to 1.
        """
        self.last_exits = [*self.last_exits, how][-TOLD:]
        if not self._heart.is_on:
            return None
        if uptime_s >= self._heart.reset_after_s:
            self.in_a_row = 0
        if self.in_a_row >= self._heart.restarts:
            return None
        # A float's exponent has its limits; long before them the maximum holds.
        pause = min(self._heart.backoff_max_s, self._heart.backoff_s * 2.0 ** min(self.in_a_row, 64))
        self.in_a_row += 1
        self.total += 1
        return pause * (1 + JITTER * chance)
