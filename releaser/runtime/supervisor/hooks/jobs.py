"""The processes that the supervisor runs besides the app: hooks and its own tasks, one at a time.

A job has a time limit and a pipe for its output. One that is no longer waited for is told to end and stays here
until it has: nothing that was started is ever forgotten.
"""

from __future__ import annotations

import os
import select
import signal

from ...bundle.process import Child, spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..telling.output import Output

KILL_AFTER_S = 5.0
"""From SIGTERM, at the time limit, to SIGKILL."""
_READ_BYTES = 65536
_MOST_LEFTOVERS = 64


class Job:
    """One process that was started; each kind says what becomes of its output."""

    __slots__ = ("_child", "_take", "deadline", "fault", "is_timed_out", "output_fd", "pid", "started_at")

    def __init__(
        self,
        argv: Sequence[str],
        environ: Mapping[str, str],
        *,
        cwd: str,
        limit_s: float,
        now: float,
        merge_stderr: bool,
        take: Callable[[bytes], None],
    ) -> None:
        """Start the process, its standard output (and error) in a pipe of ours, its input empty.

        `take` is given its output piece by piece, and an empty one at the end.

        Raises:
            OSError: it cannot be executed.
        """
        reader, writer = os.pipe()
        nothing = os.open(os.devnull, os.O_RDONLY)
        stderr = writer if merge_stderr else 2
        try:
            self._child: Child = spawn(argv, environ, cwd=cwd, stdin=nothing, stdout=writer, stderr=stderr)
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
            os.close(nothing)
        os.set_blocking(reader, False)
        self._take = take
        self.pid = self._child.pid
        self.output_fd = reader  # -1 once its end was seen
        self.started_at = now
        self.deadline = now + limit_s
        self.is_timed_out = False
        self.fault: Exception | None = None  # of ours, in taking its output: the rest of that is dropped

    def read(self) -> None:
        """Take what the process wrote, without waiting."""
        try:
            data = os.read(self.output_fd, _READ_BYTES)
        except BlockingIOError:
            return
        self._hear(data)
        if not data:
            os.close(self.output_fd)
            self.output_fd = -1

    def _hear(self, data: bytes) -> None:
        """Take a piece of output; the job goes on whatever becomes of that."""
        if self.fault is None:
            try:
                self._take(data)
            except Exception as error:
                self.fault = error

    def pass_deadline(self, now: float) -> None:
        """End the process's group: SIGTERM at its limit, SIGKILL some seconds later."""
        self._child.signal(signal.SIGKILL if self.is_timed_out else signal.SIGTERM)
        self.is_timed_out = True
        self.deadline = now + KILL_AFTER_S

    def kill(self) -> None:
        """End the process's group at once."""
        self._child.signal(signal.SIGKILL)

    def reap(self) -> int:
        """Return the exit code of the ended process, after reading what it left in the pipe.

        Children that it left behind may keep the pipe open; they are not waited for.
        """
        code = self._child.reap()
        for _ in range(_MOST_LEFTOVERS):
            if self.output_fd < 0 or not _is_readable(self.output_fd):
                break
            self.read()
        if self.output_fd >= 0:
            self._hear(b"")
            os.close(self.output_fd)
            self.output_fd = -1
        return code


class Task(Job):
    """Work of the supervisor's own; what it writes is its answer."""

    __slots__ = ("answer", "what")

    def __init__(
        self, what: str, argv: Sequence[str], environ: Mapping[str, str], *, cwd: str, limit_s: float, now: float
    ) -> None:
        self.what = what
        self.answer = b""
        super().__init__(argv, environ, cwd=cwd, limit_s=limit_s, now=now, merge_stderr=False, take=self.take)

    def take(self, data: bytes) -> None:
        """Keep what it has answered so far."""
        self.answer += data


class Jobs:
    """The job that is waited for, if any, and those that were cancelled and have not ended yet."""

    __slots__ = ("_cancelled", "_on_fault", "_output", "current")

    def __init__(self, output: Output, on_fault: Callable[[Exception, str], object]) -> None:
        """Hold no job; while `output` is full no job is read, so that a flood waits where it comes from.

        `on_fault` is told of an exception of ours, and what was being done.
        """
        self.current: Job | None = None
        self._on_fault = on_fault
        self._cancelled: list[Job] = []
        self._output = output

    def watched(self) -> list[tuple[int, int, Callable[[], None]]]:
        """Return the pipes to poll, with the event wanted and what to do then."""
        if self._output.is_full:
            return []
        return [(job.output_fd, select.POLLIN, job.read) for job in self._all() if job.output_fd >= 0]

    def deadlines(self) -> list[float]:
        return [job.deadline for job in self._all()]

    def pass_deadlines(self, now: float) -> None:
        for job in self._all():
            if now >= job.deadline:
                job.pass_deadline(now)

    def cancel(self, now: float) -> None:
        """Tell the current job to end, and stop waiting for it."""
        if self.current is not None:
            self.current.pass_deadline(now)
            self._cancelled.append(self.current)
            self.current = None

    def take_ended(self, pid: int) -> tuple[Job, int, bool] | None:
        """Return the job that process was with its exit code, and whether it was waited for; None if it was none."""
        for job in self._all():
            if job.pid == pid:
                code = job.reap()
                was_current = job is self.current
                if was_current:
                    self.current = None
                else:
                    self._cancelled.remove(job)
                if job.fault is not None:
                    self._on_fault(job.fault, f"reading what pid {job.pid} wrote")
                return job, code, was_current
        return None

    def forget(self, pid: int) -> Job | None:
        """Let go of the job that process was, whose end nobody could see to; return it if it was waited for."""
        found = [job for job in self._all() if job.pid == pid]
        was_current = self.current in found
        self._cancelled = [job for job in self._cancelled if job not in found]
        if was_current:
            self.current = None
        for job in found:
            if job.output_fd >= 0:
                os.close(job.output_fd)
                job.output_fd = -1
        return found[0] if was_current else None

    def end_all(self) -> None:
        """Kill and reap every job."""
        for job in self._all():
            job.kill()
            job.reap()
        self.current = None
        self._cancelled = []

    def _all(self) -> list[Job]:
        return [*self._cancelled] if self.current is None else [self.current, *self._cancelled]


def _is_readable(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
