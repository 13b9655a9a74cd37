"""Builds the project in the working directory and kills itself just before the step of the given number.

`python build_and_die.py NUMBER exchange|rename|POINT`: run as a program by `test_build_killed`. A point is a moment in
the midst of publishing: `linked`, `written`, `exchanged` or `renamed`.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from releaser.build.executor import build
from releaser.build.stage.under_way import Graph
from releaser.build.tools.disk import Disk, exchange_names
from releaser.cli.output.report import SilentReport
from releaser.config import read_config
from releaser.plan.gather import gather_facts
from releaser.plan.make import make_plan
from releaser.plan.steps import Step


def main(number: int, way: str) -> None:
    steps = itertools.count()

    def on_step(step: Step) -> None:
        if next(steps) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    config = Path("rel/config.toml")
    profile = read_config(config).profile()
    plan = make_plan(profile, gather_facts(profile, config))
    build(
        plan,
        report=SilentReport(sys.stdout, False),
        read_graph=no_graph,
        on_step=on_step,
        disk=disk_of(way),
    )


def disk_of(way: str) -> Disk:
    """Return what publishing asks of the file system; at a point in time it kills this process."""
    match way:
        case "exchange":
            return Disk()
        case "rename":
            return Disk(exchange=lambda one, other: False)
        case "linked":  # the second time: what stays is in the staged tree
            return Disk(write_through=dying_at(2))
        case "written":
            return Disk(exchange=lambda one, other: die())
        case "exchanged":
            return Disk(exchange=lambda one, other: exchange_names(one, other) and die())
        case "renamed":
            return Disk(exchange=lambda one, other: False, write_through=dying_at(3))
    raise SystemExit(f"no such way: {way}")


def die() -> bool:
    os.kill(os.getpid(), signal.SIGKILL)
    return True


def dying_at(time: int) -> Callable[[str], None]:
    """Return what kills this process when it is called for that time."""
    times = itertools.count(1)

    def write_through(folder: str) -> None:
        if next(times) == time:
            die()

    return write_through


def no_graph(scripts: Path, **where: object) -> Graph:
    raise AssertionError("the project has no migrations")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
