"""How is another program run? As a value until here: this is the one place that starts processes for a build.

A program gets a process group of its own, so that Ctrl-C reaches only the build, which then ends the whole group. If
the build is killed so that it cannot do that, the kernel ends the program: see `tethered`.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from releaser.build.tools import tethered
from releaser.build.tools.report import Report

_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s'\"`<>)]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One call of another program."""

    argv: tuple[str, ...]
    folder: Path
    """Its working directory."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the caller's environment, which holds its indexes and credentials."""

    def __str__(self) -> str:
        return shlex.join((Path(self.argv[0]).name, *self.argv[1:]))


class ProgramFailed(Exception):
    """A program ended with something else than 0; `lines` is what it printed, without URLs."""

    def __init__(self, program: Program, code: int, lines: tuple[str, ...]) -> None:
        super().__init__(f"{Path(program.argv[0]).name} ended with {_ending(code)}")
        self.code = code
        self.lines = lines


INTERRUPTING = frozenset({signal.SIGINT, signal.SIGTERM})
"""Signals that end a build; the threads of one have them blocked, so that they come to its main thread."""
Run = Callable[[Program], tuple[str, ...]]
"""Runs a program and returns its lines; raises `ProgramFailed`."""


class Programs:
    """Programs that are run in threads, where nothing can interrupt the wait for them: they are killed from outside."""

    def __init__(self) -> None:
        self._is_over = False
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()

    def runner(self, report: Report) -> Run:
        """Return a function that runs programs until `kill`, and tells `report` about them."""

        def run(program: Program) -> tuple[str, ...]:
            report.command(str(program))
            with self._lock:
                if self._is_over:
                    raise ProgramFailed(program, -signal.SIGKILL, ())
                process = _start(program)
                self._running.add(process)
            try:
                return _lines_of(process, program, report, INTERRUPTING)
            finally:
                with self._lock:
                    self._running.discard(process)

        return run

    def kill(self) -> None:
        """Kill those that are running, and let no other start."""
        with self._lock:
            self._is_over = True
            for process in self._running:
                _end(process)


def runner(report: Report) -> Run:
    """Return a function that runs programs and tells `report` about them."""

    def run(program: Program) -> tuple[str, ...]:
        report.command(str(program))
        # Nothing may interrupt between the start and the place that ends the program: it would go on writing into the
        # staging folder while that is removed. The program itself takes them again.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTING)
        try:
            process = _start(program)
        except BaseException:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            raise
        return _lines_of(process, program, report, before)

    return run


def _lines_of(started: subprocess.Popen[str], program: Program, report: Report, mask: Iterable[int]) -> tuple[str, ...]:
    """Return what a program prints until it ends with 0; from now on `mask` are the signals that are blocked.

    Raises:
        ProgramFailed: it ended with something else.
    """
    lines: list[str] = []
    with started as process:
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            for line in process.stdout or ():
                lines.append(without_urls(line.rstrip("\n")))
                report.output(lines[-1])
            code = process.wait()
        except BaseException:
            _end(process)
            raise
    if code:
        raise ProgramFailed(program, code, tuple(lines))
    return tuple(lines)


def without_urls(line: str) -> str:
    """Return `line` with each URL replaced: an index's may hold a password, and the rest says what went wrong."""
    return _URL.sub("<url>", line)


def _start(program: Program) -> subprocess.Popen[str]:
    tether = (sys.executable, "-I", "-S", str(Path(tethered.__file__)), str(os.getpid()))
    return subprocess.Popen(
        (*tether, *program.argv),
        cwd=program.folder,
        env={**os.environ, **program.env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        process_group=0,
    )


def _end(process: subprocess.Popen[str]) -> None:
    """Kill the program's whole group; while it is our unreaped child, its number is still its own.

    What it leaves behind lies in the staging folder, which is removed, and in caches that are made to be killed.
    """
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
