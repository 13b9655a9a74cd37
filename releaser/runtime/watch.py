"""Waiting for the instance to become ready: attempts, pauses between them, and what the last one met."""

from __future__ import annotations

from . import readiness

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .layout import Layout

ATTEMPT_S = 5.0
"""An attempt that takes longer is given up and begun anew."""


class Watch:
    """Probes one target until it answers as it should; notifications count where the target is one of them."""

    __slots__ = ("_interval_s", "_layout", "_on_ready", "_probe", "deadline", "problem", "target")

    def __init__(
        self, target: readiness.Target, layout: Layout, interval_s: float, on_ready: Callable[[], None]
    ) -> None:
        self.target = target
        self.deadline: float | None = None  # when the next attempt begins, or this one is given up
        self.problem = ""
        self._layout = layout
        self._interval_s = interval_s
        self._on_ready = on_ready
        self._probe: readiness.Probe | None = None

    def begin(self, now: float) -> None:
        """Start to watch a new instance."""
        if self.target.kind in ("http", "tcp", "call"):
            self.deadline = now + self._interval_s

    def end(self) -> None:
        """Stop watching."""
        self._close()
        self.deadline = None

    def watched(self, now: Callable[[], float]) -> list[tuple[int, int, Callable[[], None]]]:
        """Return the descriptor to poll, if any, with its events and what to do then."""
        if self._probe is None:
            return []
        return [(self._probe.descriptor, self._probe.events, lambda: self._advance(now()))]

    def pass_deadline(self, now: float) -> None:
        """Begin an attempt."""
        if self.deadline is None or now < self.deadline:
            return
        self._close()
        self._probe = readiness.Probe(self.target, self._layout)
        self.deadline = now + ATTEMPT_S
        self._judge(now)

    def take_notification(self, line: str) -> None:
        """See whether one line of an instance's notification is what was waited for."""
        wanted = {"started": readiness.STARTED, "notify": readiness.READY}.get(self.target.kind)
        if line == wanted:
            self._on_ready()

    def why_not(self) -> str:
        """Return why the instance is not ready yet."""
        match self.target.kind:
            case "started":
                return "it did not import and call its entry point"
            case "notify":
                return "it sent no READY=1 to its notify socket"
            case _:
                return f"{self.target.text}: {self.problem or 'no answer'}"

    def _advance(self, now: float) -> None:
        if self._probe is not None:
            self._probe.advance()
            self._judge(now)

    def _judge(self, now: float) -> None:
        if self._probe is None or self._probe.outcome is None:
            return
        is_ready = self._probe.outcome
        self.problem = self._probe.problem
        self._close()
        if is_ready:
            self.deadline = None
            self._on_ready()
        else:
            self.deadline = now + self._interval_s

    def _close(self) -> None:
        if self._probe is not None:
            self._probe.close()
            self._probe = None
