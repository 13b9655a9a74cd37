"""What does one turn of the supervisor's loop do? It waits for the next thing to happen, and sees to all that has.

Everything that is waited for belongs to somebody. A fault of ours in what one of them does ends none of the others:
it is told, and its owner rests (`faults`). So nothing but the end of the release ends the loop.
"""

from __future__ import annotations

import os
import select
import time

from ..bundle.process import ended_child
from ..release.failures import BUG
from .answering import Answering

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

    from .hooks.jobs import Job

    Watched = Iterable[tuple[int, int, Callable[[], None]]]
    """Descriptors, the events wanted, and what to do then."""

_FOREVER_MS = 3_600_000
_SIGNALS = "handling a signal"
_CLIENTS = "serving the control socket"
_OUTPUT = "writing what the release says"
_JOBS = "seeing to hooks and tasks"
_KEEPER = "seeing to an instance"
_MANAGER = "telling the service manager"
_LOG = "seeing to the logger"
_UPGRADE = "seeing to an upgrade"
_STATE = "passing a limit in time"
_CHILDREN = "reaping a process"


class Turning(Answering):
    """The loop; what is declared here is the supervisor's to set."""

    _wake_read: int
    _deadline: float | None

    def _take_signals(self) -> None:
        """Do what the signals say that have come."""

    def _finish_job(self, job: Job, code: int) -> None:
        """Go on after a job has ended with `code`."""

    def _pass_own_deadline(self) -> None:
        """Do what the state's limit in time says, when it has passed."""

    def _turn(self) -> None:
        """Wait for the next thing to happen, and see to everything that has."""
        watched = self._watched()
        poll = select.poll()
        for descriptor, (_, _, events, _) in watched.items():
            poll.register(descriptor, events)
        for descriptor, _ in poll.poll(self._wait_ms()):
            self._now = time.monotonic()
            owner, what, _, act = watched[descriptor]
            self._faults.attempt(owner, what, act)
        self._now = time.monotonic()
        self._reap()
        for owner, what, _, pass_deadline in self._owners_of_deadlines():
            if not self._faults.rests(owner):
                self._faults.attempt(owner, what, pass_deadline)

    def _watched(self) -> dict[int, tuple[Hashable, str, int, Callable[[], None]]]:
        """Return every descriptor of interest: whose it is, what that one does, the events wanted, what to do then."""
        watched: dict[int, tuple[Hashable, str, int, Callable[[], None]]] = {}

        def add(owner: Hashable, what: str, source: Callable[[], Watched]) -> None:
            for descriptor, events, act in source():
                if descriptor >= 0:
                    watched[descriptor] = (owner, what, events, act)

        for owner, what, source in self._owners_of_descriptors():
            if not self._faults.rests(owner):
                self._faults.attempt(owner, what, lambda: add(owner, what, source))  # noqa: B023
        return watched

    def _owners_of_descriptors(self) -> Iterator[tuple[Hashable, str, Callable[[], Watched]]]:
        yield _SIGNALS, _SIGNALS, lambda: [(self._wake_read, select.POLLIN, self._take_signals)]
        yield self._control, _CLIENTS, lambda: self._control.watched(self._now)
        for output in (self._out, self._err):
            if output.is_waiting:
                yield output, _OUTPUT, lambda: [(output.descriptor, select.POLLOUT, output.flush)]  # noqa: B023
        yield (
            self._jobs,
            _JOBS,
            lambda: [(descriptor, select.POLLIN, read) for descriptor, read in self._jobs.watched()],
        )
        for keeper in self._all_keepers():
            yield keeper, _KEEPER, lambda: keeper.watched(lambda: self._now)  # noqa: B023
        yield self._upward, _MANAGER, self._upward.watched

    def _owners_of_deadlines(
        self,
    ) -> Iterator[tuple[Hashable, str, Callable[[], Iterable[float | None]], Callable[[], object]]]:
        """Yield each one that has deadlines: whose they are, what that one does, which they are, what to do then."""
        yield self._jobs, _JOBS, self._jobs.deadlines, lambda: self._jobs.pass_deadlines(self._now)
        for keeper in self._all_keepers():
            yield keeper, _KEEPER, keeper.deadlines, lambda: keeper.pass_deadlines(self._now)  # noqa: B023
        upgrade = self._upgrade
        if upgrade is not None:
            yield upgrade, _UPGRADE, lambda: [upgrade.deadline], lambda: upgrade.pass_deadline(self._now)
        yield self._upward, _MANAGER, lambda: [self._upward.deadline], self._feed_manager
        yield (
            self._control,
            _CLIENTS,
            lambda: self._control.deadlines(self._now),
            lambda: self._control.close_overdue(self._now),
        )
        if self._logger is not None:
            yield "logger", _LOG, self._logger_deadline, self._relieve_logger
        yield _STATE, _STATE, lambda: [self._deadline], self._pass_own_deadline

    def _wait_ms(self) -> int:
        known = self._faults.deadlines()
        for owner, what, deadlines, _ in self._owners_of_deadlines():
            if not self._faults.rests(owner):
                self._faults.attempt(
                    owner,
                    what,
                    lambda: known.extend(each for each in deadlines() if each is not None),  # noqa: B023
                )
        if not known:
            return _FOREVER_MS
        return max(0, min(_FOREVER_MS, int((min(known) - time.monotonic()) * 1000) + 1))

    def _feed_manager(self) -> None:
        self._upward.pass_deadline(self._now, [keeper.agent for keeper in self._live.keepers if keeper.is_ready])

    def _logger_deadline(self) -> list[float]:
        return [] if self._logger is None else [self._logger.deadline]

    def _relieve_logger(self) -> None:
        if self._logger is not None and (dropped := self._logger.relieve(self._now)):
            self._host.say(f"{dropped} lines were dropped here: the log is not written")

    # Children -----------------------------------------------------------------------------------------------------

    def _reap(self) -> None:
        while pid := ended_child():
            if not self._faults.attempt(_CHILDREN, _CHILDREN, lambda: self._take_ended(pid)):
                self._lose(pid)

    def _take_ended(self, pid: int) -> None:
        if any(keeper.take_ended(pid, self._now) for keeper in self._all_keepers()):
            return
        if self._logger is not None and self._logger.take_ended(pid):
            return
        ended = self._jobs.take_ended(pid)
        if ended is None:
            os.waitpid(pid, 0)  # an orphan that became ours: we are process 1
            return
        job, code, was_waited_for = ended
        if was_waited_for:
            self._finish_job(job, code)

    def _lose(self, pid: int) -> None:
        """Have whoever a process belonged to, whose end could not be seen to, go on without it."""
        _reap(pid)
        owners = [keeper.forget for keeper in self._all_keepers()]
        if self._logger is not None:
            owners.append(self._logger.forget)
        for forget in owners:
            self._faults.attempt(_CHILDREN, _CHILDREN, lambda: forget(pid))  # noqa: B023
        job = self._jobs.forget(pid)
        if job is not None:
            self._finish_job(job, BUG)


def _reap(pid: int) -> None:
    """See to it that a process which could not be taken care of is not found again."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass  # it was reaped, and what follows from that was the fault
