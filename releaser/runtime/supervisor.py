"""The process that the caller started: runs the hooks and the instance, and answers on the control socket.

One thread, one wait. Signal handlers only write a byte; everything else happens in the loop, driven by the table in
`states`. Every wait has a deadline, in monotonic time. If this process dies, even by kill -9, the kernel ends what
it started (`process`).
"""

from __future__ import annotations

import _socket
import os
import select
import signal
import sys
import time

from . import (
    configuring,
    control,
    environment,
    frames,
    listeners,
    reexecution,
    sockets,
    states,
    status,
    systemd,
)
from .failures import DONE, FAILED, NOT_NOW, Failure
from .files import unlink, write
from .generation import Generation
from .hook_queue import HookQueue
from .hooks import HookRun, format_seconds
from .jobs import Job, Jobs, Task
from .keeper import Keeper
from .layout import CONTROL_SOCKET
from .outcome import Outcome
from .output import Output, own_description
from .process import ended_child
from .upgrading import Host, Upgrade

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from .context import Context
    from .logger import Logger
    from .manifest import Hook

FORWARDED = (signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
HANDLED = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, *FORWARDED)
_FOREVER_MS = 3_600_000


class Supervisor(Host):
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
        self._live = Generation(context, caller, contract)
        self._base = context.environ
        self._upgrade: Upgrade | None = None
        self._args = args
        self._only = only
        self._logger = logger
        self._restarting: list[tuple[control.Client, set[Keeper]]] = []
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
        self._jobs = Jobs(self._out)
        self._hooks = HookQueue(self._jobs, self._out, self.say)

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
                self._turn()
        except BaseException:
            self._end_everything()
            raise
        self._end_everything()
        for output in (self._out, self._err):
            output.finish()
            output.close()
        return self._outcome.exit_code

    def _turn(self) -> None:
        """Wait for the next thing to happen, and see to everything that has."""
        watched = self._watched()
        poll = select.poll()
        for descriptor, (events, _) in watched.items():
            poll.register(descriptor, events)
        for descriptor, _ in poll.poll(self._wait_ms()):
            self._now = time.monotonic()
            watched[descriptor][1]()
        self._now = time.monotonic()
        self._reap()
        self._pass_deadlines()

    def _watched(self) -> dict[int, tuple[int, Callable[[], None]]]:
        """Return every descriptor of interest, with the events wanted and what to do then."""
        watched: dict[int, tuple[int, Callable[[], None]]] = {
            self._wake_read: (select.POLLIN, self._take_signals),
        }
        if self._now >= self._control.paused_until:
            watched[self._control.listener.fileno()] = (select.POLLIN, lambda: self._control.accept(self._now))
        for descriptor, client in self._control.clients.items():
            watched[descriptor] = (client.events, lambda d=descriptor: self._control.serve(d))  # type: ignore[misc]
        for output in (self._out, self._err):
            if output.is_waiting:
                watched[output.descriptor] = (select.POLLOUT, output.flush)
        for descriptor, read in self._jobs.watched():
            watched[descriptor] = (select.POLLIN, read)
        for keeper in self._all_keepers():
            for descriptor, events, advance in keeper.watched(lambda: self._now):
                watched[descriptor] = (events, advance)
        for descriptor, events, advance in self._upward.watched():
            watched[descriptor] = (events, advance)
        return watched

    def _all_keepers(self) -> list[Keeper]:
        """Return the keepers of what the release runs, and those of the other version during an upgrade."""
        others = [] if self._upgrade is None else self._upgrade.others
        return [*self._live.keepers, *(keeper for keeper in others if keeper not in self._live.keepers)]

    def _wait_ms(self) -> int:
        deadlines = [
            self._deadline,
            self._upward.deadline,
            self._logger.deadline if self._logger is not None else None,
            self._control.next_deadline(),
            self._upgrade.deadline if self._upgrade is not None else None,
            self._control.paused_until if self._control.paused_until > self._now else None,
            *self._jobs.deadlines(),
            *(deadline for keeper in self._all_keepers() for deadline in keeper.deadlines()),
        ]
        known = [deadline for deadline in deadlines if deadline is not None]
        if not known:
            return _FOREVER_MS
        return max(0, min(_FOREVER_MS, int((min(known) - time.monotonic()) * 1000) + 1))

    def _pass_deadlines(self) -> None:
        self._jobs.pass_deadlines(self._now)
        for keeper in self._all_keepers():
            keeper.pass_deadlines(self._now)
        if self._upgrade is not None:
            self._upgrade.pass_deadline(self._now)
        self._upward.pass_deadline(self._now, [keeper.agent for keeper in self._live.keepers if keeper.is_ready])
        self._control.close_overdue(self._now)
        if self._logger is not None and (dropped := self._logger.relieve(self._now)):
            self.say(f"{dropped} lines were dropped here: the log is not written")
        if self._deadline is not None and self._now >= self._deadline:
            self._deadline = None
            self._handle(states.TIMEOUT)

    # States -------------------------------------------------------------------------------------------------------

    def _handle(self, event: str) -> None:
        following = states.next_state(self._state, event)
        if following != self._state:
            self._enter(following)

    def _enter(self, state: str) -> None:
        self._jobs.cancel(self._now)
        self._deadline = None
        self._hooks.cancel()
        if self._upgrade is not None and state != states.RUNNING:
            upgrade, self._upgrade = self._upgrade, None
            upgrade.abandon()
        self._came_from, self._state = self._state, state
        self._upward.enter(state, self._live.manifest, task_s=configuring.TASK_S, stop_s=self._stop_timeout_s)
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
        from .bundle import needs_unpacking

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
        self._upward.announce(f"running {self._live.manifest.version}")
        self.say("is running")
        if self._on_running is not None:
            self._on_running()
            self._on_running = None

    def _drain(self) -> None:
        for keeper in self._live.keepers:
            keeper.terminate()
        self._deadline = self._now + self._stop_timeout_s
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

    def _alive(self) -> bool:
        return any(keeper.instance is not None for keeper in self._live.keepers)

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

    def _reap(self) -> None:
        while pid := ended_child():
            if any(keeper.take_ended(pid, self._now) for keeper in self._all_keepers()):
                continue
            if self._logger is not None and self._logger.take_ended(pid):
                continue
            ended = self._jobs.take_ended(pid)
            if ended is None:
                os.waitpid(pid, 0)  # an orphan that became ours: we are process 1
                continue
            job, code, was_waited_for = ended
            if was_waited_for:
                self._finish_job(job, code)

    # Sockets and answers ------------------------------------------------------------------------------------------

    def _open_sockets(self) -> None:
        layout = self._live.context.layout
        for name in os.listdir(layout.run):
            if name.endswith(".sock"):
                unlink(os.path.join(layout.run, name))
        self._control = control.Control(sockets.bind(layout.run, CONTROL_SOCKET), self._answer)
        write(layout.pid_file, f"{os.getpid()}\n")
        self._write_python()

    def _write_python(self) -> None:
        """Spare the next call of the launcher its search."""
        text = f"{self._live.manifest.python.version} {sys.executable}\n"
        write(os.path.join(self._live.context.layout.run, "python"), text)

    def _answer(self, words: list[str], client: control.Client) -> bytes:
        """Return the frames that answer a request on the control socket."""
        match words[0]:
            case "ping":
                if self._is_serving():
                    return frames.reply("pong\n", DONE)
                return frames.reply(f"{self._live.manifest.name} is {self._word()}\n", NOT_NOW, frames.ERROR)
            case "alive":
                return frames.reply("pong\n", DONE)
            case "pid":
                return frames.reply(f"{os.getpid()}\n", DONE)
            case "status":
                text = status.as_json if "--json" in words else status.as_text
                return frames.reply(text(self._report()), DONE)
            case "stop":
                if len(words) > 1:
                    self._stop_timeout_s = float(words[1])
                client.keep_open = True
                self._stop(f"`{self._live.manifest.name} stop`")
                return b""
            case "reloaded":
                self._take_configuration(words[1:])
                self._upward.reload()
                return frames.reply("", DONE)
            case "environ":
                pairs = self._base.items()
                return frames.reply("".join(f"{name}={value}\0" for name, value in pairs), DONE)
            case "args":
                only = ["--only", ",".join(self._only)] if self._only else []
                return frames.reply("".join(f"{word}\0" for word in [*only, *self._args]), DONE)
            case "restart":
                return self._restart(words[1], client)
            case "upgrade":
                return self._begin_upgrade(words[1], client)
            case unknown:
                return frames.reply(
                    f"error: this release does not know the request '{unknown}'\n", FAILED, frames.ERROR
                )

    def _take_configuration(self, words: list[str]) -> None:
        """Go on with the configuration `words`, `NAME=value`: for instances and hooks that are started from now on."""
        ours = (*environment.OF_THE_MANAGER, "RELEASE_EVENT")
        new = (word.partition("=") for word in words)
        self._live.environ = {name: value for name, _, value in new if name not in ours}
        for keeper in self._live.keepers:
            keeper.configure(self._live.variables)

    def _restart(self, name: str, client: control.Client) -> bytes:
        """Restart the instances of one process; the client hears of it when all of them are ready."""
        wanted = {keeper for keeper in self._live.keepers if name in (keeper.name, keeper.process.name)}
        if not wanted or self._state != states.RUNNING or self._upgrade is not None:
            return frames.reply(f"error: no process '{name}' runs now; the release goes on\n", NOT_NOW, frames.ERROR)
        self.say(f"restarts {name}")
        client.keep_open = True
        self._restarting.append((client, wanted))
        for keeper in wanted:
            keeper.restart(self._now)
        return b""

    # Upgrades -----------------------------------------------------------------------------------------------------

    def _begin_upgrade(self, text: str, client: control.Client) -> bytes:
        """Begin to change the version; the client hears of each step, and of the end."""
        import json

        if self._state != states.RUNNING or self._upgrade is not None:
            doing = "another upgrade is under way" if self._upgrade is not None else f"it is {self._word()}"
            return frames.reply(
                f"error: {self._live.manifest.name} cannot be upgraded: {doing}\n", NOT_NOW, frames.ERROR
            )
        try:
            request = json.loads(text)
            upgrade = Upgrade(
                self,
                self._live,
                request,
                client,
                args=self._args,
                only=self._only,
                log=self._log_path(),
                lock=self._lock,
                base=self._base,
            )
        except Failure as failure:
            failure.now = f"{self._live.manifest.version} goes on"
            return frames.reply("\n".join(failure.lines()) + "\n", failure.exit_code, frames.ERROR)
        except (ValueError, LookupError, TypeError) as error:
            return frames.reply(f"error: the request cannot be understood: {error}\n", FAILED, frames.ERROR)
        client.keep_open = True
        self._hooks.reports += request["hooks"]
        self._upgrade = upgrade
        self._upward.begin_reload(f"upgrading to {upgrade.version}")
        upgrade.begin(self._now)
        return b""

    def take_over(self, generation: Generation) -> None:
        self._live = generation
        self._stop_timeout_s = generation.manifest.stop_timeout_s

    def run_upgrade_hooks(
        self,
        hooks: Sequence[Hook],
        environ: Mapping[str, str],
        on_end: Callable[[Failure | None], None],
        heard_by: Callable[[bytes], None],
    ) -> None:
        live = self._live
        variables = {**live.variables, **environ}
        self._hooks.run(hooks, live.context, variables, live.runtime, lambda: self._now, on_end, heard_by)

    def finish_upgrade(self, failure: Failure | None, is_switched: bool) -> None:
        state_format = 0 if self._upgrade is None else self._upgrade.state_format
        self._upgrade = None
        self._upward.announce(f"running {self._live.manifest.version}")
        if failure is not None:
            for line in failure.lines():
                self._err.write(line.encode("utf-8", "surrogateescape") + b"\n")
        if is_switched:
            self.say(f"{self._live.manifest.version} is running")
            self._become_the_new_supervisor(state_format)

    def _become_the_new_supervisor(self, state_format: int) -> None:
        """Execute this process anew, from the runtime of the version that runs now, if that knows our format."""
        live = self._live
        if state_format != reexecution.FORMAT:
            self.say("warning: the supervisor stays that of the version before: the new one does not know its state")
            return
        self._jobs.end_all()
        held = reexecution.Held(live, self._control, self._logger, self._lock)
        state = {
            "command": live.contract["RELEASE_COMMAND"],
            "args": self._args,
            "only": list(self._only),
            "hooks": self._hooks.reports,
            "started_at": self._started_at,
        }

        def last_words() -> None:
            for output in (self._out, self._err):
                output.finish()

        try:
            reexecution.execute(live.context, self._base, held, state, HANDLED, last_words)
        except OSError as error:
            self.say(f"warning: the supervisor stays that of the version before: {error.strerror}")

    def _adopt(self, state: Mapping[str, Any]) -> None:
        """Go on where the supervisor of the version before has stopped."""
        self._control = control.Control(_socket.socket(fileno=state["control"]), self._answer)
        self._control.adopt(state["clients"])
        self._live.environ, self._live.number = dict(state["environ"]), state["generation"]
        self._live.make_keepers(self, self._only, self._log_path())
        reexecution.adopt(self._live, state, self._args, self._lock, self._now)
        self._hooks.reports += state["hooks"]
        self._started_at = state["started_at"]
        self._state = states.RUNNING
        self._upward.enter(states.RUNNING, self._live.manifest, task_s=0.0, stop_s=0.0)
        self._write_python()
        os.write(self._wake_write, b"\0")  # children that have ended meanwhile are reaped at once

    def give_up(self, failure: Failure) -> None:
        self._upgrade = None
        self._outcome.fail(failure)
        self._handle(states.LOST)

    def _log_path(self) -> str:
        return "" if self._logger is None else self._logger.path

    # Answers ------------------------------------------------------------------------------------------------------

    def _report(self) -> dict[str, Any]:
        return {
            **status.identity(self._live.manifest),
            "state": self._word(),
            "doing": self._state,
            "ready": self._is_serving(),
            "pid": os.getpid(),
            "uptime_s": round(self._now - self._started_at, 3),
            "instances": [keeper.to_dict(self._now) for keeper in self._all_keepers()],
            "upgrade": None if self._upgrade is None else {"to": self._upgrade.version, "step": self._upgrade.step},
            "sockets": {listener.name: listener.address for listener in self._live.listeners},
            "hooks": self._hooks.reports,
            "last_failure": self._outcome.failure.message if self._outcome.failure else self._hooks.last_failure(),
        }

    def _is_serving(self) -> bool:
        return self._live.is_ready() and self._state in (*states.SERVING_STATES, states.PRE_STOP)

    def _are_ready(self) -> bool:
        return bool(self._live.keepers) and all(keeper.is_ready for keeper in self._live.keepers)

    def _word(self) -> str:
        if self._upgrade is not None:
            return "upgrading"
        return states.describe(self._state, self._live.is_ready())

    # Output and the end -------------------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        self._err.write(f"[release] {text}\n".encode("utf-8", "surrogateescape"))

    def _end_everything(self) -> None:
        """Leave nothing behind: no process, no socket, no pid file. The lock ends with this process."""
        self._jobs.end_all()
        if self._upgrade is not None:
            self._upgrade.abandon()
        self._live.close()
        listeners.close_all(self._live.listeners)
        if hasattr(self, "_control"):
            self._control.finish()
        layout = self._live.context.layout
        unlink(os.path.join(layout.run, CONTROL_SOCKET))
        unlink(layout.pid_file)
        if self._outcome.failure is not None:
            for line in self._outcome.failure.lines():
                self._err.write(line.encode("utf-8", "surrogateescape") + b"\n")
        elif self._outcome.stop_reason:
            self.say("has stopped")


def _do_nothing(number: int, frame: object) -> None:
    """Stand in as handler, so that the signal's byte is written to the wake-up descriptor."""
