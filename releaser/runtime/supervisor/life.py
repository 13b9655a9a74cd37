"""Where is the release in the table of `states`? Whatever happens comes here as an event of that table.

Each state that is entered has work; whose that is, `supervisor` says. A fault of ours in that work takes the way that
the table has for it.
"""

from __future__ import annotations

from ..release.failures import BUG, Failure
from . import configuring, states

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .hooks.hook_queue import HookQueue
    from .hooks.jobs import Jobs
    from .outcome import Outcome
    from .running import Running
    from .telling.systemd import Manager, Upward
    from .telling.voice import Voice

STATES = "states"
"""Who owns the changes of state: they never rest."""


class Life:
    """Carries the table out for one release; `begin` does the work of a state."""

    def __init__(
        self,
        running: Running,
        outcome: Outcome,
        voice: Voice,
        clock: Callable[[], float],
        *,
        manager: Manager,
        jobs: Jobs,
        hooks: HookQueue,
        begin: Callable[[str], None],
    ) -> None:
        """Prepare; `enter` begins. What runs of `jobs` and `hooks` when a state is left is cancelled."""
        self._running = running
        self._outcome = outcome
        self._voice = voice
        self._clock = clock
        self._manager = manager
        self._jobs = jobs
        self._hooks = hooks
        self._begin = begin
        self._interrupts = 0
        self.came_from = ""
        self.deadline: float | None = None
        """When the state has taken its time."""

    @property
    def state(self) -> str:
        """Where it is now."""
        return self._running.state

    @property
    def is_insisted_on(self) -> bool:
        """Whether somebody has pressed Ctrl-C a second time."""
        return self._interrupts > 1

    def handle(self, event: str) -> None:
        """Enter the state that `event` leads to, if it means anything where the release is."""
        following = states.next_state(self.state, event)
        if following != self.state:
            self.enter(following)

    def enter(self, state: str) -> None:
        """Leave the present state, whatever is under way there, and begin the work of `state`."""
        faults = self._voice.faults
        self.deadline = None
        faults.attempt(STATES, "cancelling a hook", lambda: self._jobs.cancel(self._clock()))
        self._hooks.cancel()
        if self._running.upgrade is not None and state != states.RUNNING:
            upgrade, self._running.upgrade = self._running.upgrade, None
            faults.attempt(STATES, "giving up an upgrade", upgrade.abandon)
        self.came_from, self._running.state = self.state, state
        self._manager.tell(self._tell_what_begins)
        if not faults.attempt(STATES, f"beginning with {state}", lambda: self._begin(state)):
            self.go_on_after_a_fault(state)

    def go_on_after_a_fault(self, state: str) -> None:
        """Take the way that the table has for a fault of ours in the work of `state`."""
        if self.state != state:
            return  # another state was entered before, which goes on by itself
        event = states.AFTER_A_FAULT[state]
        if event == states.FAILED:
            what = f"{self._running.title} cannot be started: a fault in releaser itself, in {state}"
            self._outcome.fail(Failure(f"{what}, with the traceback above", BUG, now="nothing is running"))
        if state == states.DRAIN and self._running.live.is_alive():
            self.limit(self._running.stop_timeout_s)
        elif event:
            self.handle(event)

    def limit(self, seconds: float) -> None:
        """Give the state so much time from now on; what follows is the table's to say."""
        self.deadline = self._clock() + seconds

    def pass_deadline(self) -> None:
        """See whether that time is over."""
        if self.deadline is not None and self._clock() >= self.deadline:
            self.deadline = None
            self.handle(states.TIMEOUT)

    def fail(self, failure: Failure) -> None:
        """Note why the work of the state failed, and what follows from that."""
        self._outcome.fail(failure)
        self.handle(states.FAILED)

    def lose(self, failure: Failure) -> None:
        """Note why nothing runs any more, and what follows from that."""
        self._outcome.fail(failure)
        self.handle(states.LOST)

    def stop(self, reason: str) -> None:
        """Begin the orderly end."""
        if not self._outcome.stop_reason and self.state not in (states.POST_STOP, states.ENDED):
            self._outcome.stop_reason = reason
            self._voice.say(f"stops ({reason})")
        self.handle(states.STOP)

    def interrupt(self) -> None:
        """Begin the orderly end because of Ctrl-C, and make it a quick one when that comes again."""
        self._interrupts += 1
        self.stop("SIGINT")
        if self.is_insisted_on:
            self.handle(states.INSIST)

    def _tell_what_begins(self, upward: Upward) -> None:
        manifest = self._running.live.manifest
        stop_s = manifest.drain_s + self._running.stop_timeout_s
        upward.enter(self.state, manifest, task_s=configuring.TASK_S, stop_s=stop_s)
