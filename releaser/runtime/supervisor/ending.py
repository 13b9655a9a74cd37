"""How does the supervisor end what it runs? In order, then by force."""

from __future__ import annotations

from ..bundle import listeners
from . import states
from .hooks.hook import format_seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .life import Life
    from .outcome import Outcome
    from .running import Running
    from .telling.voice import Voice


class Ending:
    """The work of the states `drain` and `kill`, and what comes before the hooks of `post_stop`."""

    def __init__(
        self, running: Running, outcome: Outcome, life: Life, voice: Voice, clock: Callable[[], float]
    ) -> None:
        self._running = running
        self._outcome = outcome
        self._life = life
        self._voice = voice
        self._clock = clock

    def drain(self) -> None:
        """Tell every instance to end, and give all of them the time of the one that needs the most."""
        drain_s = 0.0
        for keeper in self._running.live.keepers:
            try:
                drain_s = max(drain_s, keeper.terminate(self._clock()))
            except Exception:
                self._voice.fault(f"telling the app{keeper.label} to end")
        self._life.limit(drain_s + self._running.stop_timeout_s)
        self._end_if_gone()  # it had crashed, and waited to be started again

    def kill(self) -> None:
        """End every instance with its group, without waiting any longer."""
        self._outcome.was_killed = True
        for keeper in self._running.live.keepers:
            if keeper.instance is not None:
                why = self._why_killed()
                self._voice.say(f"kills the app{keeper.label} (pid {keeper.instance.pid}): {why}")
            keeper.kill()
        self._end_if_gone()

    def close_sockets(self) -> None:
        """Let go of the release's sockets: nobody serves on them any more."""
        listeners.close_all(self._running.live.listeners)
        self._running.live.listeners = []

    def _end_if_gone(self) -> None:
        if not self._running.live.is_alive():
            self._life.handle(states.EXITED)

    def _why_killed(self) -> str:
        if self._life.is_insisted_on:
            return "asked twice"
        if self._life.came_from == states.BOOT:
            return "the start failed"
        return f"it did not end in {format_seconds(self._running.stop_timeout_s)} after SIGTERM"
