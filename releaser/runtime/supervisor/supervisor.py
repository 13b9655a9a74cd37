"""The process that the caller started: runs the hooks and the instance, and answers on the control socket.

One thread, one wait. Signal handlers only write a byte; everything else happens in the loop, driven by the table in
`states`. Every wait has a deadline, in monotonic time. If this process dies, even by kill -9, the kernel ends what
it started (`process`).
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time

from ..bundle import listeners
from ..protocol import frames, sockets
from ..release import environment, known_python
from ..release.failures import BUG, DONE, Failure
from ..release.faults import Faults
from ..release.files import unlink, write
from ..release.layout import CONTROL_SOCKET
from . import configuring, states
from .answering import FORWARDED, HANDLED
from .control import clients
from .generation import Generation
from .hooks.hook import HookRun, format_seconds
from .hooks.hook_queue import HookQueue
from .hooks.jobs import Job, Jobs, Task
from .keeping.keeper import Keeper
from .outcome import Outcome
from .telling import systemd
from .telling.output import Output, own_description
from .turning import Turning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from ..release.context import Context
    from .telling.logger import Logger

_PAUSE_MS = 100
_STATES = "states"
"""Who owns the changes of state: they never rest."""


class Supervisor(Turning):
    """The loop and what it owns. `run` is the only public method; it returns the exit code of the release."""

    def __init__(
        self,
        context: Context,
        args: list[str],
        *,
        command: str,
        lock: int,
        only: tuple[str, ...] = (),
        logger: Logger | None = None,
        on_running: Callable[[], None] | None = None,
    ) -> None:
        """Prepare a supervisor that already holds `lock`.

        `args` go to the app, `command` is what bin/NAME was asked for, `only` names the processes to run (none: all of
        them), `on_running` is called once the release is
        up and its post_start hooks are done.
        """
        caller = {
            name: value
            for name, value in context.environ.items()
            if name not in (*environment.OF_THE_MANAGER, "RELEASE_EVENT")
        }
        contract = environment.contract(context, command, context.python)
        contract["RELEASE_PID"] = str(os.getpid())
        self._host = self
        self._live = Generation(context, caller, contract)
        self._base = context.environ
        self._upgrade = None
        self._args = args
        self._only = only
        self._logger = logger
        self._restarting: list[tuple[clients.Client, set[Keeper]]] = []
        self._lock = lock
        self._on_running = on_running
        self._now = time.monotonic()
        self._started_at = self._now
        self._state = ""
        self._came_from = ""
        self._deadline: float | None = None
        self._upward = systemd.Upward(context.environ, context.layout, self._now)
        self._stop_timeout_s = self._live.manifest.stop_timeout_s
        self._interrupts = 0
        self._outcome = Outcome()
        self._out = Output(own_description(1))
        self._err = Output(own_description(2))
        self._faults = Faults(self._err.write, time.monotonic)
        self._jobs = Jobs(self._out, self._faults.tell_of)
        self._hooks = HookQueue(self._jobs, self._out, self.say, self.fault)

    # The loop -----------------------------------------------------------------------------------------------------

    def run(self, resumed: Mapping[str, Any] | None = None) -> int:
        """Live through the whole life of the release and return its exit code; `resumed`: the rest of it."""
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        for number in HANDLED:
            signal.signal(number, _do_nothing)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
        try:
            if resumed is not None:
                self._adopt(resumed)
            else:
                self._open_sockets()
                manifest = self._live.manifest
                self.say(f"{manifest.name} {manifest.version} ({manifest.environment}) starts")
                self._enter(states.PRE_CONFIGURE)
            while self._state != states.ENDED:
                self._turn_whatever_happens()
        finally:
            self._end_everything()
            for output in (self._out, self._err):
                output.finish()
                output.close()
            # Python gives signals their default action back before it is gone: the exit code would be that of a signal.
            signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
        return self._outcome.exit_code

    def _turn_whatever_happens(self) -> None:
        """Turn once; a fault of the loop itself is told, and ends what does not serve yet alone."""
        try:
            self._turn()
        except Exception:
            if self._state not in states.SERVING_STATES:
                raise
            self._faults.tell("turning the loop")
            select.poll().poll(_PAUSE_MS)

    # States -------------------------------------------------------------------------------------------------------

    def _pass_own_deadline(self) -> None:
        if self._deadline is not None and self._now >= self._deadline:
            self._deadline = None
            self._handle(states.TIMEOUT)

    def _handle(self, event: str) -> None:
        following = states.next_state(self._state, event)
        if following != self._state:
            self._enter(following)

    def _enter(self, state: str) -> None:
        self._deadline = None
        self._faults.attempt(_STATES, "cancelling a hook", lambda: self._jobs.cancel(self._now))
        self._hooks.cancel()
        if self._upgrade is not None and state != states.RUNNING:
            upgrade, self._upgrade = self._upgrade, None
            self._faults.attempt(_STATES, "giving up an upgrade", upgrade.abandon)
        self._came_from, self._state = self._state, state
        self._tell_manager(self._tell_what_begins)
        if not self._faults.attempt(_STATES, f"beginning with {state}", lambda: self._begin(state)):
            self._go_on_after_a_fault(state)

    def _tell_what_begins(self) -> None:
        self._upward.enter(
            self._state,
            self._live.manifest,
            task_s=configuring.TASK_S,
            stop_s=self._live.manifest.drain_s + self._stop_timeout_s,
        )

    def _begin(self, state: str) -> None:
        if state in states.HOOK_STATES and state != states.POST_STOP:
            self._run_hooks(state)
            return
        if state == states.ENDED:
            return
        {
            states.CONFIGURE: self._configure,
            states.UNPACK: self._unpack,
            states.BOOT: self._boot,
            states.RUNNING: self._announce,
            states.DRAIN: self._drain,
            states.KILL: self._kill,
            states.POST_STOP: self._after_the_end,
        }[state]()

    def _go_on_after_a_fault(self, state: str) -> None:
        """Take the way that the table has for a fault of ours in the work of `state`."""
        if self._state != state:
            return  # another state was entered before, which goes on by itself
        event = states.AFTER_A_FAULT[state]
        if event == states.FAILED:
            name = f"{self._live.manifest.name} {self._live.manifest.version}"
            what = f"{name} cannot be started: a fault in releaser itself, in {state}, with the traceback above"
            self._outcome.fail(Failure(what, BUG, now="nothing is running"))
        if state == states.DRAIN and self._live.is_alive():
            self._deadline = self._now + self._stop_timeout_s
        elif event:
            self._handle(event)

    def _configure(self) -> None:
        self._configuring = configuring.Configuring(
            self._live.context,
            self._live.environ,
            start_task=self._start_task,
            say=self.say,
            on_end=self._take_environment,
        )
        self._configuring.begin()

    def _take_environment(self, environ: dict[str, str], failure: Failure | None) -> None:
        """Go on with the complete environment: everything that it can make fail is tried before anything runs."""
        self._live.environ = environ
        if failure is not None:
            self._fail(failure)
            return
        try:
            self._live.make_keepers(self, self._only, self._log_path())
            addresses = [
                (item.name, environment.setting(f"sockets.{item.name}", item.address, self._live.environ))
                for item in self._live.manifest.sockets
            ]
            passed = systemd.passed_sockets(self._live.context.environ, os.getpid())
            self._live.listeners = listeners.bind_all(addresses, passed)
        except Failure as failed:
            self._fail(failed)
            return
        self._handle(states.DONE)

    def _unpack(self) -> None:
        """Unpack the bundle in a process of its own: zipfile would double the memory of this one for ever."""
        from ..bundle.activation import needs_unpacking

        if not needs_unpacking(self._live.context):
            self._handle(states.DONE)
            return
        self.say("unpacks its bundle (once for each build)")
        self._start_task("unpacking the bundle", [*self._live.runtime, "_unpack"], configuring.TASK_S)

    def _boot(self) -> None:
        listeners.listen(self._live.listeners)
        try:
            self._live.begin(self._args, self._lock, self._now)
        except OSError as error:
            self._fail(Failure(f"cannot start {sys.executable}: {error.strerror}", now="nothing is running"))

    def _announce(self) -> None:
        self._tell_manager(lambda: self._upward.announce(f"running {self._live.manifest.version}"))
        self.say("is running")
        if self._on_running is not None:
            self._on_running()
            self._on_running = None

    def _drain(self) -> None:
        drain_s = 0.0
        for keeper in self._live.keepers:
            try:
                drain_s = max(drain_s, keeper.terminate(self._now))
            except Exception:
                self.fault(f"telling the app{keeper.label} to end")
        self._deadline = self._now + drain_s + self._stop_timeout_s
        if not self._live.is_alive():  # it had crashed, and waited to be started again
            self._handle(states.EXITED)

    def _kill(self) -> None:
        self._outcome.was_killed = True
        for keeper in self._live.keepers:
            if keeper.instance is not None:
                self.say(f"kills the app{keeper.label} (pid {keeper.instance.pid}): {self._why_killed()}")
            keeper.kill()
        if not self._live.is_alive():
            self._handle(states.EXITED)

    def _why_killed(self) -> str:
        if self._interrupts > 1:
            return "asked twice"
        if self._came_from == states.BOOT:
            return "the start failed"
        return f"it did not end in {format_seconds(self._stop_timeout_s)} after SIGTERM"

    def _after_the_end(self) -> None:
        listeners.close_all(self._live.listeners)
        self._live.listeners = []
        self._run_hooks(states.POST_STOP)

    # Hooks and tasks ----------------------------------------------------------------------------------------------

    def _run_hooks(self, event: str) -> None:
        environ = self._live.variables
        if event == states.POST_STOP:
            environ["RELEASE_EXIT_CODE"] = str(self._outcome.exit_code)
        hooks = self._live.manifest.hooks_of(event)
        self._hooks.run(hooks, self._live.context, environ, self._live.runtime, lambda: self._now, self._end_hooks)

    def _end_hooks(self, failure: Failure | None) -> None:
        if failure is None:
            self._handle(states.DONE)
            return
        failure.now = "the release is stopped" if self._live.is_alive() else "nothing was started"
        self._fail(failure)

    def _start_task(self, what: str, argv: list[str], limit_s: float) -> None:
        environ = self._live.variables
        try:
            self._jobs.current = Task(
                what, argv, environ, cwd=self._live.context.layout.root, limit_s=limit_s, now=self._now
            )
        except OSError as error:
            self._fail(Failure(f"{what} failed: {error.strerror}", now="nothing was started"))

    def _finish_job(self, job: Job, code: int) -> None:
        state = self._state
        try:
            self._take_end_of(job, code)
        except Exception:
            told = self.fault(f"seeing to the end of pid {job.pid}")
            if self._upgrade is not None:
                self._hooks.give_up(told)
            else:
                self._go_on_after_a_fault(state)

    def _take_end_of(self, job: Job, code: int) -> None:
        if isinstance(job, HookRun):
            self._hooks.take_ended(job, code, self._now)
        elif isinstance(job, Task) and self._state == states.CONFIGURE:
            self._configuring.take_ended(job, code, self._live.contract)
        elif isinstance(job, Task) and code:
            # The task has said on standard error what went wrong.
            self._fail(Failure(f"{job.what} failed (exit code {code})", now="nothing was started"))
        else:
            self._handle(states.DONE)

    def _fail(self, failure: Failure) -> None:
        self._outcome.fail(failure)
        self._handle(states.FAILED)

    # What keepers tell --------------------------------------------------------------------------------------------

    def became_ready(self, keeper: Keeper) -> None:
        instance = keeper.instance
        if instance is None:
            return
        restarted = f", restart {keeper.restarts.total}" if keeper.restarts.total else ""
        name = keeper.label.strip() or "is"
        verb = "is ready" if keeper.label else "ready"
        self.say(f"{name} {verb} after {instance.ready_after_s:.2f} s (pid {instance.pid}{restarted})")
        if all(each.has_been_ready for each in self._live.keepers):
            self._handle(states.READY)
        for client, awaited in self._restarting:
            awaited.discard(keeper)
            if not awaited:
                client.finish(frames.reply("", DONE))
        self._restarting = [(client, awaited) for client, awaited in self._restarting if awaited]

    def was_not_ready_in_time(self, keeper: Keeper) -> None:
        limit = format_seconds(keeper.process.readiness.timeout_s)
        failure = Failure(
            f"{self._live.manifest.name} {self._live.manifest.version}{keeper.label} did not become ready in {limit}",
            details=(keeper.why_not_ready(),),
            now="the release is stopped",
            hint="readiness.timeout in rel/config.toml is the limit",
        )
        self._outcome.fail(failure)
        self._handle(states.TIMEOUT)

    def was_lost(self, keeper: Keeper, code: int, why: str) -> None:
        name = f"{self._live.manifest.name} {self._live.manifest.version}{keeper.label}"
        exits = tuple(keeper.restarts.last_exits) if why else ()
        if self._state == states.POST_START and not code:
            self.say(f"the app{keeper.label} has done its work and ended; so do its post_start hooks")
        self._outcome.instance_ended(name, self._state, code, why or keeper.last_words, exits)
        self._handle(states.LOST if self._live.is_alive() else states.EXITED)

    # Signals and children -----------------------------------------------------------------------------------------

    def _take_signals(self) -> None:
        try:
            numbers = os.read(self._wake_read, 4096)
        except BlockingIOError:
            return
        for number in numbers:
            self._faults.attempt(_STATES, f"handling signal {number}", lambda: self._take_signal(number))  # noqa: B023

    def _take_signal(self, number: int) -> None:
        if number == signal.SIGINT:
            self._interrupts += 1
            self._stop("SIGINT")
            if self._interrupts > 1:
                self._handle(states.INSIST)
        elif number == signal.SIGTERM:
            self._stop("SIGTERM")
        elif number == signal.SIGHUP and os.isatty(0):
            self._stop("SIGHUP: the terminal is gone")
        elif number in FORWARDED:
            for keeper in self._live.keepers:
                if keeper.instance is not None:
                    keeper.instance.signal(number)

    def _stop(self, reason: str) -> None:
        if not self._outcome.stop_reason and self._state not in (states.POST_STOP, states.ENDED):
            self._outcome.stop_reason = reason
            self.say(f"stops ({reason})")
        self._handle(states.STOP)

    # Sockets ------------------------------------------------------------------------------------------------------

    def _open_sockets(self) -> None:
        layout = self._live.context.layout
        for name in os.listdir(layout.run):
            if name.endswith(".sock"):
                unlink(os.path.join(layout.run, name))
        self._control = clients.Control(sockets.bind(layout.run, CONTROL_SOCKET), self._answer, self.fault)
        write(layout.pid_file, f"{os.getpid()}\n")
        known_python.keep(self._live.context)

    # Output and the end -------------------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        self._err.write(f"[release] {text}\n".encode("utf-8", "surrogateescape"))

    def fault(self, what: str) -> str:
        return self._faults.tell(what)

    def _end_everything(self) -> None:
        """Leave nothing behind: no process, no socket, no pid file. The lock ends with this process."""
        endings = [self._jobs.end_all, *(keeper.close for keeper in self._all_keepers())]
        if self._upgrade is not None:
            endings.insert(1, self._upgrade.abandon)
        endings.append(lambda: listeners.close_all(self._live.listeners))
        if hasattr(self, "_control"):
            endings.append(self._control.finish)
        layout = self._live.context.layout
        endings += [lambda: unlink(os.path.join(layout.run, CONTROL_SOCKET)), lambda: unlink(layout.pid_file)]
        for end in endings:
            self._faults.attempt(_STATES, "ending what the release has started", end)
        if self._outcome.failure is not None:
            for line in self._outcome.failure.lines():
                self._err.write(line.encode("utf-8", "surrogateescape") + b"\n")
        elif self._outcome.stop_reason:
            self.say("has stopped")


def _do_nothing(number: int, frame: object) -> None:
    """Stand in as handler, so that the signal's byte is written to the wake-up descriptor."""
