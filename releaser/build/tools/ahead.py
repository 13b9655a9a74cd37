"""What can be done while an earlier step is still at work? Jobs in threads, which later steps wait for.

    step      the project's wheel     dependencies     the graph of migrations     the bundle
    ahead     dependencies, runtime  ──────┘     their compressed members ─────────────┘

What a job reports is told when its step comes, so that what is printed has the order of the steps. If the build ends
before, the programs that jobs have started are killed, and the jobs waited for.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

from releaser.build.tools.commands import INTERRUPTING, Programs, Run
from releaser.build.tools.report import Report

_THREADS: Final = 4
"""Jobs wait for programs and compress outside of Python's lock; there are never more at once."""


class KeptReport:
    """Keeps what it is told, for another report."""

    def __init__(self) -> None:
        self._told: list[tuple[str, str]] = []

    def step(self, text: str) -> None:
        self._told.append(("step", text))

    def note(self, text: str) -> None:
        self._told.append(("note", text))

    def command(self, text: str) -> None:
        self._told.append(("command", text))

    def output(self, line: str) -> None:
        self._told.append(("output", line))

    def give_way(self) -> None:
        """Nothing that is begun before its turn asks anybody."""

    def tell(self, report: Report) -> None:
        """Tell `report` all of it."""
        for method, text in self._told:
            getattr(report, method)(text)
        self._told.clear()


class Ahead:
    """The jobs of one build."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._programs = Programs()
        self._jobs: dict[str, tuple[Future[Any], KeptReport]] = {}

    def start(self, name: str, job: Callable[[Report, Run], object]) -> None:
        """Begin `job`, which is given the report to tell and what to run programs with."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_THREADS, initializer=_leave_signals_to_the_main_thread)
        report = KeptReport()
        self._jobs[name] = (self._pool.submit(job, report, self._programs.runner(report)), report)

    def result(self, name: str, report: Report) -> Any:
        """Return what the job came to, after waiting for it; None if there is none. What it raised is raised."""
        if name not in self._jobs:
            return None
        future, kept = self._jobs.pop(name)
        try:
            return future.result()
        finally:
            kept.tell(report)

    def end(self) -> None:
        """Kill what is still running, and wait until no job is left."""
        self._programs.kill()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def _leave_signals_to_the_main_thread() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTING)
