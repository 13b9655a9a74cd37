"""Whose process has ended, and who goes on because of that? No child of the supervisor's is ever left a zombie."""

from __future__ import annotations

import os

from ..bundle.process import ended_child
from ..release.failures import BUG
from .hooks.hook import HookRun
from .hooks.jobs import Task

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .hooks.hook_queue import HookQueue
    from .hooks.jobs import Job, Jobs
    from .life import Life
    from .running import Running
    from .starting import Starting
    from .telling.logger import Logger
    from .telling.voice import Voice

_CHILDREN = "reaping a process"


class Reaping:
    """Instances, the logger, hooks and tasks; and orphans, where we are process 1."""

    def __init__(
        self,
        running: Running,
        life: Life,
        voice: Voice,
        clock: Callable[[], float],
        *,
        logger: Logger | None,
        jobs: Jobs,
        hooks: HookQueue,
        starting: Starting,
    ) -> None:
        self._running = running
        self._life = life
        self._voice = voice
        self._clock = clock
        self._logger = logger
        self._jobs = jobs
        self._hooks = hooks
        self._starting = starting

    def reap(self) -> None:
        """See to every process that has ended."""
        while pid := ended_child():
            if not self._attempt(lambda: self._take_ended(pid)):
                self._lose(pid)

    def _attempt(self, action: Callable[[], object]) -> bool:
        return self._voice.faults.attempt(_CHILDREN, _CHILDREN, action)

    def _take_ended(self, pid: int) -> None:
        if any(keeper.take_ended(pid, self._clock()) for keeper in self._running.keepers()):
            return
        if self._logger is not None and self._logger.take_ended(pid):
            return
        ended = self._jobs.take_ended(pid)
        if ended is None:
            os.waitpid(pid, 0)  # an orphan that became ours: we are process 1
            return
        job, code, was_waited_for = ended
        if was_waited_for:
            self._finish(job, code)

    def _lose(self, pid: int) -> None:
        """Have whoever a process belonged to, whose end could not be seen to, go on without it."""
        _reap(pid)
        owners = [keeper.forget for keeper in self._running.keepers()]
        if self._logger is not None:
            owners.append(self._logger.forget)
        for forget in owners:
            self._attempt(lambda: forget(pid))  # noqa: B023
        job = self._jobs.forget(pid)
        if job is not None:
            self._finish(job, BUG)

    def _finish(self, job: Job, code: int) -> None:
        """Go on after a job that was waited for has ended with `code`."""
        state = self._life.state
        try:
            if isinstance(job, HookRun):
                self._hooks.take_ended(job, code, self._clock())
            elif isinstance(job, Task):
                self._starting.take_ended(job, code)
        except Exception:
            told = self._voice.fault(f"seeing to the end of pid {job.pid}")
            if self._running.upgrade is not None:
                self._hooks.give_up(told)
            else:
                self._life.go_on_after_a_fault(state)


def _reap(pid: int) -> None:
    """See to it that a process which could not be taken care of is not found again."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass  # it was reaped, and what follows from that was the fault
