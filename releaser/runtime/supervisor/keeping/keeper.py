"""One instance of one process of the release: started, waited for, watched, and started again when it crashes.

A keeper knows nothing of the release as a whole. It tells its owner when its instance becomes ready, and when it
is lost: ended by itself, or crashed once more than its heart allows. Hooks belong to the release and are not run again
for a restart.
"""

from __future__ import annotations

import os
import select
import signal

from ...bundle.launch import Instance
from ...bundle.process import Child
from ...protocol import notify
from ...release.failures import BUG
from ...release.faults import REST_S
from ...release.layout import MAIN
from ..hooks.hook import format_seconds
from .last_line import LastLine
from .leaving import Leaving
from .own_sockets import OwnSockets
from .probing import Probing
from .restarts import Restarts
from .starter import Starter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Protocol

    from ...bundle.listeners import Listener
    from ...release.context import Context
    from ...release.manifest import Process

    class Owner(Protocol):
        """What a keeper tells: the supervisor, or an upgrade."""

        def became_ready(self, keeper: Keeper) -> None:
            """The instance is ready: the first one, or one that was started again."""

        def was_not_ready(self, keeper: Keeper, how: str, why: Sequence[str]) -> None:
            """The first instance did not become ready; it is still alive. `how` is `did not ...`, `why` has lines."""

        def was_lost(self, keeper: Keeper, code: int, why: str) -> None:
            """The instance has ended and is not started again; `why` is empty unless its heart gave up."""

        def say(self, text: str) -> None:
            """Something happened that a person wants to read."""

        def fault(self, what: str) -> str:
            """Tell the exception that is being handled, which nobody expected; return it as a sentence."""


_ASKED = "was told to restart and did not end"


class Keeper:
    """Keeps one instance; `name` is that of its process, with a number where there are replicas."""

    def __init__(
        self,
        context: Context,
        process: Process,
        number: int,
        environ: Mapping[str, str],
        owner: Owner,
        log: str,
        generation: int = 0,
    ) -> None:
        """Prepare to keep replica `number`, from 1, of `process`; `log` is the file that output goes to, or nothing.

        Each upgrade begins a new `generation`, whose notify sockets have names of their own.

        Raises:
            Failure: a setting of the process cannot be replaced or used.
        """
        self.process = process
        self.name = process.name if process.replicas == 1 else f"{process.name}.{number}"
        self.instance: Instance | None = None
        self.restarts = Restarts(process.heart)
        self.is_ending = False
        self.last_words = ""
        """Why the instance could not go on, in its own words."""
        self.has_been_ready = False
        self.ran_s = 0.0
        """How long the instance before this one has lived."""
        self.had_answered = False
        """Whether that one has answered that it is ready."""
        self.owner = owner
        self._context = context
        self._now = 0.0
        self._deadline: float | None = None  # of readiness
        self._resume_at: float | None = None  # after a crash
        self._why_killed = ""
        self._starter: Starter | None = None  # before the first instance, and after the last
        self._last_line = LastLine(log)
        self._leaving = Leaving(context, lambda: self.owner.fault(f"asking the app{self.label} to drain"))
        self._sockets = OwnSockets(context.layout.run, self.name, generation)
        self._probing = Probing(
            process,
            environ,
            context.layout,
            self._sockets.agent,
            on_ready=self._become_ready,
            on_dying=self._see_workers_die,
            on_loss=lambda why: self._end_because(f"is not alive ({why})"),
            on_fault=lambda: self.owner.fault(f"asking whether the app{self.label} is ready or alive"),
        )

    @property
    def agent(self) -> str:
        """File in `run` that the instance's agent answers on."""
        return self._sockets.agent

    @property
    def version(self) -> str:
        """The version that the instance is of."""
        return self._context.layout.version

    @property
    def label(self) -> str:
        """What messages call it: nothing for the main process, which is the app."""
        return "" if self.name == MAIN else f" {self.name}"

    def prepare(self, environ: Mapping[str, str], args: Sequence[str], bound: Sequence[Listener], lock: int) -> None:
        """Note what every instance is started with; of the sockets `bound` it gets those that its process names."""
        own = [listener for listener in bound if listener.name in self.process.sockets or self.name == MAIN]
        self._starter = Starter(self._context, [self.name, *args], own, lock)
        self._starter.environ = environ

    def begin(self, now: float, *, is_beside: bool = False) -> None:
        """Start the first instance; `is_beside`: another one, of another version, listens on the same sockets.

        Raises:
            OSError: its interpreter cannot be executed, or its notify socket not be bound.
        """
        self._now = now
        self._sockets.open()
        self._probing.is_beside = is_beside
        self._start_instance()

    def configure(self, environ: Mapping[str, str]) -> None:
        """Have the instances that are started from now on begin with `environ`."""
        if self._starter is not None:
            self._starter.environ = environ

    def watched(self, now: Callable[[], float]) -> list[tuple[int, int, Callable[[], None]]]:
        """Return the descriptors to poll, with their events and what to do then."""
        if self._starter is None:
            return []
        return [
            (self._sockets.descriptor, select.POLLIN, lambda: self._take_a_notification(now())),
            *self._probing.watched(now),
        ]

    def deadlines(self) -> list[float]:
        found = (self._deadline, self._resume_at, *self._leaving.deadlines(), *self._probing.deadlines())
        return [deadline for deadline in found if deadline is not None]

    def pass_deadlines(self, now: float) -> None:
        self._now = now
        self._probing.pass_deadlines(now)
        if self._resume_at is not None and now >= self._resume_at:
            self._resume_at = None
            self._start_again()
        if self._leaving.pass_deadlines(self.instance, now):
            self._end_because(_ASKED)
        if self._deadline is not None and now >= self._deadline:
            self._deadline = None
            if not self._probing.has_answered:
                how = f"did not become ready in {format_seconds(self.process.readiness.timeout_s)}"
                self._give_up_waiting(how, [self._probing.why_not_ready()])

    def take_ended(self, pid: int, now: float) -> bool:
        """Reap the instance if that process is it, and decide what follows; tell whether it was."""
        if self.instance is None or self.instance.pid != pid:
            return False
        self._now = now
        instance, self.instance = self.instance, None
        code = instance.child.reap()
        self.ran_s = now - instance.started_at
        try:
            self._tidy_up()
        except Exception:
            self.owner.fault(f"tidying up after the app{self.label}")
        uptime_s = now - instance.started_at - instance.ready_after_s if instance.is_ready else 0.0
        try:
            self._decide(code, uptime_s)
        except Exception:
            self.owner.fault(f"seeing to the end of the app{self.label}")
            self._go_on(code)
        return True

    def forget(self, pid: int) -> None:
        """Go on without the instance if that process was it, and nobody could see to its end."""
        if self.instance is not None and self.instance.pid == pid:
            self.instance = None
            self._tidy_up()
            self._go_on(BUG)

    def _tidy_up(self) -> None:
        """Take the last words of an instance that has ended, and stop watching it."""
        self._deadline = None
        self._leaving.end()
        while self._take_notifications():
            pass
        self.had_answered = self._probing.has_answered
        self._probing.end()
        self._sockets.unlink_agent(is_beside=self._probing.is_beside)

    def terminate(self, now: float, *, is_replaced: bool = False) -> float:
        """Tell the instance to end, after its drain if it has one; it will not be started again.

        `is_replaced`: another instance has the same sockets. Returns how many seconds the drain takes: 0 for an
        instance that is not ready.
        """
        self._now = now
        self.is_ending = True
        self._resume_at = None
        self._deadline = None
        self._probing.end()
        return 0.0 if self.instance is None else self._leave(self.instance, is_replaced=is_replaced)

    def kill(self) -> None:
        """End the instance and its whole group now."""
        self.is_ending = True
        self._resume_at = None
        if self.instance is not None:
            self.instance.child.signal(signal.SIGKILL)

    def restart(self, now: float) -> None:
        """End the instance in order, and start another; that is no crash."""
        self._now = now
        self._why_killed = _ASKED
        self._probing.end_pulse()
        if self.instance is not None:
            self._leaving.limit(self._leave(self.instance, is_replaced=True), now)
        elif not self.is_ending:
            self._resume_at = self._now

    def close(self) -> None:
        """Leave nothing behind: called when the release ends, for whatever reason."""
        if self.instance is not None:
            self.instance.child.signal(signal.SIGKILL)
            self.instance.child.reap()
            self.instance = None
        self._starter = None
        self._probing.end()
        self._deadline = self._resume_at = None
        self._leaving.end()
        self._sockets.close()
        self._sockets.unlink_agent(is_beside=self._probing.is_beside)

    def step_aside(self) -> None:
        """Give the agent's name in `run` to the instance of a newer version; this one answers by another."""
        self._sockets.step_aside()
        self._probing.name_agent(self.agent)

    def step_back(self) -> None:
        """Take that name back: the newer version is gone."""
        self._sockets.step_back()
        self._probing.name_agent(self.agent)

    def take_over(self) -> None:
        """Be what the release runs from now on: nobody is beside it any more."""
        self._probing.is_beside = False

    def state(self) -> dict[str, Any]:
        """Return what `adopt` needs, in the supervisor that this one is about to become; descriptors by number."""
        child = None if self.instance is None else self.instance.child
        return {
            "name": self.name,
            "pid": child.pid if child is not None else 0,
            "lifeline": child.lifeline if child is not None else -1,
            "started_at": self.instance.started_at if self.instance is not None else 0.0,
            "ready_after_s": self.instance.ready_after_s if self.instance is not None else 0.0,
            **self._sockets.state(),
            "restarts": [self.restarts.total, self.restarts.in_a_row, self.restarts.last_exits],
        }

    def adopt(self, state: Mapping[str, Any], now: float) -> None:
        """Go on with the instance of a supervisor that was executed anew, as this process."""
        self._now = now
        self._sockets.adopt(state)
        self.has_been_ready = True
        self.restarts.total, self.restarts.in_a_row, self.restarts.last_exits = state["restarts"]
        if not state["pid"]:
            self._resume_at = now
            return
        child = Child(state["pid"], state["lifeline"])
        self.instance = Instance(child, self.version, state["started_at"])
        self.instance.become_ready(state["started_at"] + state["ready_after_s"])
        self._last_line.begin()
        self._probing.go_on(now)

    @property
    def is_ready(self) -> bool:
        return self.instance is not None and self.instance.is_ready

    def told_errors(self) -> list[str]:
        """Return the distinct errors among what the instance has written, or its last lines; none on a terminal."""
        return self._last_line.errors()

    def _leave(self, instance: Instance, *, is_replaced: bool) -> float:
        return self._leaving.begin(instance, self._sockets.agents(), self._now, is_replaced=is_replaced)

    # What happens -------------------------------------------------------------------------------------------------

    def _go_on(self, code: int) -> None:
        """Have another instance started all the same, or say that there is none."""
        if self.instance is not None or self._resume_at is not None:
            return
        if self.process.heart.is_on and self.has_been_ready and not self.is_ending:
            self._resume_at = self._now + REST_S
        else:
            self.owner.was_lost(self, code, "")

    def _start_instance(self) -> None:
        if self._starter is None:
            return
        self._why_killed = ""
        self._last_line.begin()
        variables = {"NOTIFY_SOCKET": self._sockets.address, **self._probing.variables()}
        self.instance = self._starter.start(variables, self._now)
        self._deadline = self._now + self.process.readiness.timeout_s
        self._probing.begin(self._now, self.instance.pid)

    def _start_again(self) -> None:
        try:
            self._start_instance()
        except OSError as error:
            self._crash(f"could not be started: {error.strerror}", 1, 0.0)
        except Exception:
            self._crash(f"could not be started: {self.owner.fault(f'starting the app{self.label}')}", 1, 0.0)

    def _take_a_notification(self, now: float) -> None:
        self._now = now
        self._take_notifications()

    def _take_notifications(self) -> bool:
        """Take one waiting message, and tell whether there was one."""
        lines = self._sockets.receive()
        for line in lines:
            self._probing.take_notification(line, self._now)
            if line.startswith(notify.WHY):
                self.last_words = line.removeprefix(notify.WHY)
        return bool(lines)

    def _become_ready(self, answered_at: float, stayed_s: float) -> None:
        if self.instance is None or self.instance.is_ready or self.is_ending:
            return
        self.instance.become_ready(answered_at, stayed_s)
        self._deadline = None
        self._probing.go_on(max(self._now, answered_at))
        self.has_been_ready = True
        try:
            self.owner.became_ready(self)
        except Exception:
            self.owner.fault(f"seeing to the app{self.label}, which is ready")

    def _see_workers_die(self, rounds: int) -> None:
        how = f"cannot become ready: its workers died {rounds} times in a row, and none was ready"
        self._give_up_waiting(how, self.told_errors())

    def _give_up_waiting(self, how: str, why: Sequence[str]) -> None:
        self._deadline = None
        if self.has_been_ready:
            self._end_because(": ".join([how, *why[:1]]))
        elif not self.is_ending:
            self.owner.was_not_ready(self, how, why)

    def _end_because(self, why: str) -> None:
        self._why_killed = why
        if self.instance is not None:
            self.owner.say(f"kills the app{self.label} (pid {self.instance.pid}): it {why}")
            self.instance.child.signal(signal.SIGKILL)

    def _decide(self, code: int, uptime_s: float) -> None:
        if self._why_killed == _ASKED and not self.is_ending:
            self._start_again()
        elif self.is_ending or not self.has_been_ready or (code == 0 and not self._why_killed):
            self.owner.was_lost(self, code, "")
        else:
            how = f"was killed by signal {code - 128}" if code > 128 else f"exited with {code}"
            self._crash(self._why_killed or how, code, uptime_s)

    def _crash(self, how: str, code: int, uptime_s: float) -> None:
        chance = os.urandom(1)[0] / 255
        pause = self.restarts.pause_after(": ".join([how, *self._last_line.read()]), uptime_s, chance)
        if pause is not None:
            counted = f"{self.restarts.in_a_row} of {self.process.heart.restarts}"
            self.owner.say(f"the app{self.label} {how}; starts again in {pause:.1f} s (restart {counted})")
            self._resume_at = self._now + pause
        elif self.process.heart.is_on:
            self.owner.was_lost(self, code or 1, f"the app crashed {self.restarts.in_a_row + 1} times in a row")
        else:
            self.owner.was_lost(self, code, "")
