"""Waiting for the instance to become ready: attempts, pauses between them, and what the last one met.

An answer counts once the instance has stayed up for a moment after it, where one is asked for: `started` is no answer
of an app that serves, and gunicorn says READY=1 before any worker has imported the app.
"""

from __future__ import annotations

from ...protocol import notify
from ...release.faults import REST_S
from . import readiness

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ...release.layout import Layout
    from ...release.manifest import Readiness

ATTEMPT_S = 5.0
"""An attempt that takes longer is given up and begun anew."""
LOOK_S = 0.01
"""How often it is looked who has accepted."""
BESIDE_S = 0.1
"""Longest pause between attempts while another version may answer in place of this one."""


class Watch:
    """Probes one target until it answers as it should; notifications count where the target is one of them."""

    __slots__ = (
        "_answered_at",
        "_give_up_at",
        "_interval_s",
        "_layout",
        "_on_ready",
        "_probe",
        "_session",
        "_stay_up_s",
        "deadline",
        "is_beside",
        "problem",
        "target",
    )

    def __init__(
        self,
        target: readiness.Target,
        layout: Layout,
        wanted: Readiness,
        on_ready: Callable[[float, float], None],
    ) -> None:
        """Prepare; `on_ready` is called with the time of the answer and how long it stayed up for after that."""
        self.target = target
        self.deadline: float | None = None  # when the next attempt begins, or this one is given up
        self.problem = ""
        self.is_beside = False
        """Another version listens on the same sockets: only what this very instance answers counts."""
        self._session = 0
        self._give_up_at = 0.0
        self._layout = layout
        self._interval_s = wanted.interval_s
        self._stay_up_s = wanted.stay_up_s
        self._on_ready = on_ready
        self._answered_at: float | None = None
        self._probe: readiness.Probe | None = None

    def begin(self, now: float, session: int) -> None:
        """Start to watch a new instance, the leader of that session."""
        self._session = session
        self._answered_at = None
        if self.target.kind in ("http", "tcp", "call"):
            self.deadline = now + self._interval_s

    def put_off(self, now: float) -> None:
        """Give an attempt up that could not be made, and begin the next one in its time."""
        self._close()
        if self.deadline is not None and self._answered_at is None:
            self.deadline = now + max(self._interval_s, REST_S)

    def end(self) -> None:
        """Stop watching."""
        self._close()
        self._answered_at = None
        self.deadline = None

    def watched(self, now: Callable[[], float]) -> list[tuple[int, int, Callable[[], None]]]:
        """Return the descriptor to poll, if any, with its events and what to do then."""
        if self._probe is None:
            return []
        return [(self._probe.descriptor, self._probe.events, lambda: self._advance(now()))]

    def pass_deadline(self, now: float) -> None:
        """Begin an attempt, or look again who has accepted the present one."""
        if self.deadline is None or now < self.deadline:
            return
        if self._answered_at is not None:
            self._tell_ready(self._stay_up_s)
            return
        if self._probe is not None and self._probe.is_unaccepted and now < self._give_up_at:
            self._probe.advance()
        else:
            if self._probe is not None:
                self.problem = self._probe.problem or self.problem
            self._close()
            self._probe = readiness.Probe(self.target, self._layout, self._session if self.is_beside else 0)
            self._give_up_at = now + ATTEMPT_S
        self.deadline = self._give_up_at
        self._judge(now)

    @property
    def has_answered(self) -> bool:
        """Whether the answer is there, and the moment after it has at least begun."""
        return self._answered_at is not None

    def take_notification(self, line: str, now: float) -> None:
        """See whether one line of an instance's notification is what was waited for."""
        wanted = {"started": notify.STARTED, "notify": readiness.READY}.get(self.target.kind)
        if line == wanted and self._answered_at is None:
            self._take_answer(now)

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
        if self._probe is not None and self._probe.is_unaccepted:
            self.deadline = now + LOOK_S
        if self._probe is None or self._probe.outcome is None:
            return
        is_ready = self._probe.outcome
        self.problem = self._probe.problem
        self._close()
        if is_ready:
            self._take_answer(now)
        else:
            self.deadline = now + (min(self._interval_s, BESIDE_S) if self.is_beside else self._interval_s)

    def _take_answer(self, now: float) -> None:
        """Begin the moment that the instance has to stay up for, if it has to."""
        self._answered_at = now
        if self._stay_up_s > 0:
            self.deadline = now + self._stay_up_s
        else:
            self._tell_ready(0.0)

    def _tell_ready(self, stayed_s: float) -> None:
        self.deadline = None
        if self._answered_at is not None:
            self._on_ready(self._answered_at, stayed_s)

    def _close(self) -> None:
        if self._probe is not None:
            self._probe.close()
            self._probe = None
