"""Whether a ready instance still lives: probed every interval, or by the heartbeats that it sends itself."""

from __future__ import annotations

from ...release.faults import REST_S
from . import readiness

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ...release.layout import Layout
    from ...release.manifest import Liveness

HEARTBEAT = "WATCHDOG=1"
"""sd_notify(3): what the app sends, at least once every interval."""


class Pulse:
    """Watches one instance; `on_loss` is called with the reason after so many failures in a row."""

    __slots__ = ("_failed", "_layout", "_liveness", "_on_loss", "_probe", "deadline", "target")

    def __init__(
        self, liveness: Liveness, target: readiness.Target, layout: Layout, on_loss: Callable[[str], None]
    ) -> None:
        self.deadline: float | None = None
        self._liveness = liveness
        self.target = target
        self._layout = layout
        self._on_loss = on_loss
        self._failed = 0
        self._probe: readiness.Probe | None = None

    def begin(self, now: float) -> None:
        """Start to watch an instance that has become ready."""
        self._failed = 0
        if self._liveness.kind:
            self.deadline = now + self._liveness.interval_s

    def put_off(self, now: float) -> None:
        """Give an attempt up that could not be made, which says nothing of the app; begin the next one in its time."""
        self._close()
        if self.deadline is not None:
            self.deadline = now + max(self._liveness.interval_s, REST_S)

    def end(self) -> None:
        self._close()
        self.deadline = None

    def variables(self) -> Mapping[str, str]:
        """Return what tells the app that heartbeats are wanted (sd_watchdog_enabled(3))."""
        if self._liveness.kind != "heartbeat":
            return {}
        return {"WATCHDOG_USEC": str(int(self._liveness.interval_s * 1_000_000))}

    def take_notification(self, line: str, now: float) -> None:
        if line == HEARTBEAT and self.deadline is not None and self._liveness.kind == "heartbeat":
            self._failed = 0
            self.deadline = now + self._liveness.interval_s

    def watched(self, now: Callable[[], float]) -> list[tuple[int, int, Callable[[], None]]]:
        """Return the descriptor to poll, if any, with its events and what to do then."""
        if self._probe is None:
            return []
        return [(self._probe.descriptor, self._probe.events, lambda: self._advance(now()))]

    def pass_deadline(self, now: float) -> None:
        """Begin an attempt; one that is still under way, or a heartbeat that did not come, has failed."""
        if self.deadline is None or now < self.deadline:
            return
        self.deadline = now + self._liveness.interval_s
        if self._liveness.kind == "heartbeat":
            self._fail("no heartbeat")
            return
        if self._probe is not None:
            self._close()
            self._fail("no answer")
            return
        self._probe = readiness.Probe(self.target, self._layout)
        self._judge()

    def _advance(self, now: float) -> None:
        if self._probe is not None:
            self._probe.advance()
            self._judge()

    def _judge(self) -> None:
        if self._probe is None or self._probe.outcome is None:
            return
        is_alive, problem = self._probe.outcome, self._probe.problem
        self._close()
        if is_alive:
            self._failed = 0
        else:
            self._fail(problem)

    def _fail(self, problem: str) -> None:
        self._failed += 1
        if self._failed >= self._liveness.failures:
            self.deadline = None
            what = self.target.text or "its heart"
            self._on_loss(f"{what}: {problem}, {self._failed} times in a row")

    def _close(self) -> None:
        if self._probe is not None:
            self._probe.close()
            self._probe = None
