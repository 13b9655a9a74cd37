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
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from releaser.build import tethered
from releaser.build.report import Report

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


Run = Callable[[Program], tuple[str, ...]]
"""Runs a program and returns its lines; raises `ProgramFailed`."""


def runner(report: Report) -> Run:
    """Return a function that runs programs and tells `report` about them."""

    def run(program: Program) -> tuple[str, ...]:
        report.command(str(program))
        lines: list[str] = []
        # Nothing may interrupt between the start and the place that ends the program: it would go on writing into the
        # staging folder while that is removed. The program itself takes them again.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        try:
            process = _start(program)
        except BaseException:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            raise
        with process:
            try:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
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

    return run


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
