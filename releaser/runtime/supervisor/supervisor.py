"""The process that the caller started: runs the hooks and the instance, and answers on the control socket.

One thread, one wait. Signal handlers only write a byte; everything else happens in the loop, driven by the table in
`states`. Every wait has a deadline, in monotonic time. If this process dies, even by kill -9, the kernel ends what
it started (`process`).

Here its parts are put together, and nothing is decided: `life` is where the release is in that table, `starting`,
`hooks.events` and `ending` do the work of its states, `control.answers` has the requests of others, `upgrade` is the
change of the version, and `turning` gives each of them its turn.
"""

from __future__ import annotations

import _socket
import os
import select

from ..bundle import listeners
from ..protocol import sockets
from ..release import known_python
from ..release.files import unlink, write
from ..release.layout import CONTROL_SOCKET
from ..release.variables import environment
from . import states
from .control.answers import Requests
from .control.clients import Control
from .control.restarting import Restarting
from .ending import Ending
from .generation import Generation
from .hooks.events import EventHooks
from .hooks.hook_queue import HookQueue
from .hooks.jobs import Jobs
from .keeping.news import News
from .life import STATES, Life
from .outcome import Outcome
from .reaping import Reaping
from .running import Running
from .signals import Signals
from .starting import Starting
from .startup import Start
from .telling.systemd import Manager, Upward
from .telling.voice import Voice
from .turning import Clock, Loop, Part
from .upgrade.handover import Handover
from .upgrade.reexecution import Held
from .upgrade.switching import Switching

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from ..release.context import Context
    from .keeping.keeper import Keeper
    from .telling.output import Output

_PAUSE_MS = 100
_SIGNALS = "handling a signal"
_CLIENTS = "serving the control socket"
_OUTPUT = "writing what the release says"
_JOBS = "seeing to hooks and tasks"
_KEEPER = "seeing to an instance"
_UPGRADE = "seeing to an upgrade"
_MANAGER = "telling the service manager"
_LOG = "seeing to the logger"
_STATE = "passing a limit in time"


class Supervisor:
    """The parts of one supervisor. `run` is the only public method; it returns the exit code of the release."""

    def __init__(
        self, context: Context, start: Start, *, command: str, on_running: Callable[[], None] | None = None
    ) -> None:
        """Put together a supervisor that already holds the lock of `start`.

        `command` is what bin/NAME was asked for, `on_running` is called once the release is up and its post_start
        hooks are done.
        """
        self._start = start
        self._on_running = on_running
        self._clock = clock = Clock()
        self._voice = voice = Voice()
        self._outcome = outcome = Outcome()
        self._running = running = Running(_first_generation(context, command), clock())
        self._manager = manager = Manager(Upward(context.environ, context.layout, clock()), voice.faults)
        self._jobs = jobs = Jobs(voice.out, voice.faults.tell_of)
        hooks = HookQueue(jobs, voice.out, voice.say, voice.fault)
        self._life = life = Life(
            running, outcome, voice, clock, manager=manager, jobs=jobs, hooks=hooks, begin=self._begin
        )
        restarting = Restarting(running, voice, clock)
        self._news = news = News(running, outcome, life, voice, restarting)
        self._handover = Handover(
            running, start, voice, clock, hooks=hooks, jobs=jobs, manager=manager, hold=self._hold
        )
        switching = Switching(
            running,
            start,
            life,
            voice,
            clock,
            owner=news,
            hooks=hooks,
            manager=manager,
            restarting=restarting,
            handover=self._handover,
        )
        self._requests = Requests(
            running,
            start,
            clock,
            hooks=hooks,
            outcome=outcome,
            manager=manager,
            restarting=restarting,
            switching=switching,
            stop=life.stop,
        )
        self._control: Control | None = None
        self._starting = Starting(running, start, life, jobs, voice, clock, owner=news)
        self._ending = Ending(running, outcome, life, voice, clock)
        self._event_hooks = EventHooks(running, outcome, life, hooks, clock)
        self._signals = Signals(life, running, voice.faults)
        reaping = Reaping(
            running, life, voice, clock, logger=start.logger, jobs=jobs, hooks=hooks, starting=self._starting
        )
        self._loop = Loop(self._parts, voice.faults, clock, reap=reaping.reap)

    def run(self, resumed: Mapping[str, Any] | None = None) -> int:
        """Live through the whole life of the release and return its exit code; `resumed`: the rest of it."""
        self._signals.open()
        try:
            if resumed is not None:
                self._go_on(resumed)
            else:
                self._open_sockets()
                manifest = self._running.live.manifest
                self._voice.say(f"{manifest.name} {manifest.version} ({manifest.environment}) starts")
                self._life.enter(states.PRE_CONFIGURE)
            while self._running.state != states.ENDED:
                self._turn_whatever_happens()
        finally:
            self._end_everything()
            self._voice.close()
            self._signals.close()
        return self._outcome.exit_code

    def _turn_whatever_happens(self) -> None:
        """Turn once; a fault of the loop itself is told, and ends what does not serve yet alone."""
        try:
            self._loop.turn()
        except Exception:
            if self._running.state not in states.SERVING_STATES:
                raise
            self._voice.fault("turning the loop")
            select.poll().poll(_PAUSE_MS)

    # Its work, by state -------------------------------------------------------------------------------------------

    def _begin(self, state: str) -> None:
        """Begin the work of `state`."""
        work = {
            states.CONFIGURE: self._starting.configure,
            states.UNPACK: self._starting.unpack,
            states.BOOT: self._starting.boot,
            states.RUNNING: self._announce,
            states.DRAIN: self._ending.drain,
            states.KILL: self._ending.kill,
        }
        if state == states.POST_STOP:
            self._ending.close_sockets()
        if state in states.HOOK_STATES:
            self._event_hooks.run(state)
        elif state != states.ENDED:
            work[state]()

    def _announce(self) -> None:
        version = self._running.live.manifest.version
        self._manager.tell(lambda upward: upward.announce(f"running {version}"))
        self._voice.say("is running")
        if self._on_running is not None:
            self._on_running()
            self._on_running = None

    # What the loop sees to ----------------------------------------------------------------------------------------

    def _parts(self) -> Iterator[Part]:
        """Yield everyone who waits for something now, in the order of their turns."""
        control, clock = self._control, self._clock
        yield Part(_SIGNALS, _SIGNALS, lambda: [(self._signals.descriptor, select.POLLIN, self._signals.take)])
        if control is not None:
            yield Part(control, _CLIENTS, lambda: control.watched(clock()))
        yield from (_part_of_output(output) for output in (self._voice.out, self._voice.err) if output.is_waiting)
        yield from self._parts_that_run()
        if control is not None:
            yield Part(
                control,
                _CLIENTS,
                deadlines=lambda: control.deadlines(clock()),
                pass_deadlines=lambda: control.close_overdue(clock()),
            )
        logger = self._start.logger
        if logger is not None:
            yield Part(_LOG, _LOG, deadlines=lambda: [logger.deadline], pass_deadlines=self._relieve_logger)
        yield Part(_STATE, _STATE, deadlines=lambda: [self._life.deadline], pass_deadlines=self._life.pass_deadline)

    def _parts_that_run(self) -> Iterator[Part]:
        """Yield those of hooks, instances and an upgrade, and of the manager, who is told whether they are well."""
        jobs, clock, upward = self._jobs, self._clock, self._manager.upward
        yield Part(jobs, _JOBS, jobs.watched, jobs.deadlines, lambda: jobs.pass_deadlines(clock()))
        yield from (_part_of_keeper(keeper, clock) for keeper in self._running.keepers())
        upgrade = self._running.upgrade
        if upgrade is not None:
            yield Part(
                upgrade,
                _UPGRADE,
                deadlines=lambda: [upgrade.deadline],
                pass_deadlines=lambda: upgrade.pass_deadline(clock()),
            )
        yield Part(upward, _MANAGER, upward.watched, lambda: [upward.deadline], self._feed_manager)

    def _feed_manager(self) -> None:
        agents = [keeper.agent for keeper in self._running.live.keepers if keeper.is_ready]
        self._manager.upward.pass_deadline(self._clock(), agents)

    def _relieve_logger(self) -> None:
        logger = self._start.logger
        if logger is not None and (dropped := logger.relieve(self._clock())):
            self._voice.say(f"{dropped} lines were dropped here: the log is not written")

    # Its sockets, and the end -------------------------------------------------------------------------------------

    def _open_sockets(self) -> None:
        context = self._running.live.context
        layout = context.layout
        for name in os.listdir(layout.run):
            if name.endswith(".sock"):
                unlink(os.path.join(layout.run, name))
        self._serve(sockets.bind(layout.run, CONTROL_SOCKET))
        write(layout.pid_file, f"{os.getpid()}\n")
        known_python.keep(context)

    def _serve(self, listener: _socket.socket) -> Control:
        self._control = Control(listener, self._requests.answer, self._voice.fault)
        return self._control

    def _hold(self) -> Held:
        """Tell what is to survive when this process becomes the supervisor of another version."""
        if self._control is None:
            raise LookupError("there is no control socket")
        return Held(self._running.live, self._control, self._start.logger, self._start.lock)

    def _go_on(self, state: Mapping[str, Any]) -> None:
        """Go on where the supervisor of the version before has stopped."""
        self._serve(_socket.socket(fileno=state["control"])).adopt(state["clients"])
        self._handover.go_on(state, self._news)
        self._signals.wake()  # children that have ended meanwhile are reaped at once

    def _end_everything(self) -> None:
        """Leave nothing behind: no process, no socket, no pid file. The lock ends with this process."""
        running = self._running
        endings: list[Callable[[], object]] = [self._jobs.end_all]
        if running.upgrade is not None:
            endings.append(running.upgrade.abandon)
        endings += [keeper.close for keeper in running.keepers()]
        endings.append(lambda: listeners.close_all(running.live.listeners))
        if self._control is not None:
            endings.append(self._control.finish)
        layout = running.live.context.layout
        endings += [lambda: unlink(os.path.join(layout.run, CONTROL_SOCKET)), lambda: unlink(layout.pid_file)]
        for end in endings:
            self._voice.faults.attempt(STATES, "ending what the release has started", end)
        if self._outcome.failure is not None:
            self._voice.tell(self._outcome.failure)
        elif self._outcome.stop_reason:
            self._voice.say("has stopped")


def _part_of_output(output: Output) -> Part:
    return Part(output, _OUTPUT, lambda: [(output.descriptor, select.POLLOUT, output.flush)])


def _part_of_keeper(keeper: Keeper, clock: Clock) -> Part:
    return Part(
        keeper,
        _KEEPER,
        lambda: keeper.watched(clock),
        keeper.deadlines,
        lambda: keeper.pass_deadlines(clock()),
    )


def _first_generation(context: Context, command: str) -> Generation:
    """Return the version that is started, with the environment of the caller and the contract beside it."""
    caller = {
        name: value
        for name, value in context.environ.items()
        if name not in (*environment.OF_THE_MANAGER, "RELEASE_EVENT")
    }
    contract = environment.contract(context, command, context.python)
    contract["RELEASE_PID"] = str(os.getpid())
    return Generation(context, caller, contract)
