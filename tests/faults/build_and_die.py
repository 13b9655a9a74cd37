"""Builds the project in the working directory and kills itself just before the step of the given number.

`python build_and_die.py NUMBER exchange|rename`: run as a program by `test_build_killed`.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from pathlib import Path

from releaser.build.executor import build
from releaser.build.publish import Disk
from releaser.build.stage import Graph
from releaser.cli.report import SilentReport
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
        disk=Disk() if way == "exchange" else Disk(exchange=lambda one, other: False),
    )


def no_graph(scripts: Path, **where: object) -> Graph:
    raise AssertionError("the project has no migrations")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
