"""What does the supervisor do before the app runs? It completes the environment, unpacks the bundle, and boots."""

from __future__ import annotations

import os
import sys

from ..bundle import listeners
from ..release.failures import Failure
from ..release.variables import environment
from . import configuring, states
from .hooks.jobs import Task
from .telling import systemd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .hooks.jobs import Jobs
    from .keeping.keeper import Owner
    from .life import Life
    from .running import Running
    from .startup import Start
    from .telling.voice import Voice


class Starting:
    """The work of the states `configure`, `unpack` and `boot`, with its tasks."""

    def __init__(
        self,
        running: Running,
        start: Start,
        life: Life,
        jobs: Jobs,
        voice: Voice,
        clock: Callable[[], float],
        *,
        owner: Owner,
    ) -> None:
        """Prepare; `owner` is to hear of the keepers that are made."""
        self._running = running
        self._start = start
        self._life = life
        self._jobs = jobs
        self._voice = voice
        self._clock = clock
        self._owner = owner
        self._configuring: configuring.Configuring | None = None

    def configure(self) -> None:
        """Complete the environment of what is started."""
        self._configuring = configuring.Configuring(
            self._running.live.context,
            self._running.live.environ,
            self._running.live.contract,
            start_task=self._start_task,
            say=self._voice.say,
            on_end=self._take_environment,
        )
        self._configuring.begin()

    def unpack(self) -> None:
        """Unpack the bundle in a process of its own: zipfile would double the memory of this one for ever."""
        from ..bundle.activation import needs_unpacking

        live = self._running.live
        if not needs_unpacking(live.context):
            self._life.handle(states.DONE)
            return
        self._voice.say("unpacks its bundle (once for each build)")
        self._start_task("unpacking the bundle", [*live.runtime, "_unpack"], configuring.TASK_S)

    def boot(self) -> None:
        """Start every instance."""
        live = self._running.live
        listeners.listen(live.listeners)
        try:
            live.begin(self._start.args, self._start.lock, self._clock())
        except OSError as error:
            self._life.fail(Failure(f"cannot start {sys.executable}: {error.strerror}", now="nothing is running"))

    def take_ended(self, task: Task, code: int) -> None:
        """Go on after a task has ended with `code`."""
        if self._life.state == states.CONFIGURE and self._configuring is not None:
            self._configuring.take_ended(task, code, self._running.live.contract)
        elif code:
            # The task has said on standard error what went wrong.
            self._life.fail(Failure(f"{task.what} failed (exit code {code})", now="nothing was started"))
        else:
            self._life.handle(states.DONE)

    def _take_environment(self, environ: dict[str, str], failure: Failure | None) -> None:
        """Go on with the complete environment: everything that it can make fail is tried before anything runs."""
        live = self._running.live
        live.environ = environ
        if failure is not None:
            self._life.fail(failure)
            return
        try:
            live.make_keepers(self._owner, self._start.only, self._start.log)
            addresses = [
                (item.name, environment.setting(f"sockets.{item.name}", item.address, live.variables))
                for item in live.manifest.sockets
            ]
            passed = systemd.passed_sockets(live.context.environ, os.getpid())
            live.listeners = listeners.bind_all(addresses, passed)
        except Failure as failed:
            self._life.fail(failed)
            return
        self._life.handle(states.DONE)

    def _start_task(self, what: str, argv: list[str], limit_s: float) -> None:
        live = self._running.live
        root = live.context.layout.root
        try:
            self._jobs.current = Task(what, argv, live.variables, cwd=root, limit_s=limit_s, now=self._clock())
        except OSError as error:
            self._life.fail(Failure(f"{what} failed: {error.strerror}", now="nothing was started"))
