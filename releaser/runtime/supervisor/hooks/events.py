"""What do the hooks of an event mean for the release? They end as the work of the state that has the event's name."""

from __future__ import annotations

from .. import states

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ...release.failures import Failure
    from ..life import Life
    from ..outcome import Outcome
    from ..running import Running
    from .hook_queue import HookQueue


class EventHooks:
    """The hooks of the release's own life; those of an upgrade are the upgrade's."""

    def __init__(
        self, running: Running, outcome: Outcome, life: Life, queue: HookQueue, clock: Callable[[], float]
    ) -> None:
        self._running = running
        self._outcome = outcome
        self._life = life
        self._queue = queue
        self._clock = clock

    def run(self, event: str) -> None:
        """Run the hooks of `event`, in order."""
        live = self._running.live
        environ = live.variables
        if event == states.POST_STOP:
            environ["RELEASE_EXIT_CODE"] = str(self._outcome.exit_code)
        hooks = live.manifest.hooks_of(event)
        self._queue.run(hooks, live.context, environ, live.runtime, self._clock, self._take_end)

    def _take_end(self, failure: Failure | None) -> None:
        if failure is None:
            self._life.handle(states.DONE)
            return
        failure.now = "the release is stopped" if self._running.live.is_alive() else "nothing was started"
        self._life.fail(failure)
