"""When are workers that die told from those that do their work? Rounds of what was seen."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from support.waiting import eventually

from releaser.runtime.supervisor.keeping import processes
from releaser.runtime.supervisor.keeping.workers import ROUNDS, Workers


class Watched:
    """Workers of a server that nobody has to start, and what was told of them."""

    def __init__(self) -> None:
        self.told: list[int] = []
        self.workers = Workers(self.told.append)
        self.numbers = itertools.count(100)
        self.alive: dict[tuple[int, int], bool] = {}

    def start(self, count: int = 1, *, is_worker: bool = True) -> list[tuple[int, int]]:
        keys = [(next(self.numbers), 1) for _ in range(count)]
        self.alive.update(dict.fromkeys(keys, is_worker))
        self.look()
        return keys

    def end(self, keys: list[tuple[int, int]]) -> None:
        for key in keys:
            del self.alive[key]
        self.look()

    def look(self) -> None:
        self.workers.take(dict(self.alive))


def test_workers_that_die_one_after_the_other_are_counted_until_it_is_enough() -> None:
    watched = Watched()
    for _ in range(ROUNDS - 1):
        watched.end(watched.start(2))
    assert watched.told == []
    watched.end(watched.start(2))
    assert watched.told == [ROUNDS]


def test_a_pool_that_has_done_its_work_is_one_round_however_many_it_has() -> None:
    watched = Watched()
    for key in watched.start(20):
        watched.end([key])
    assert watched.told == []


def test_what_is_no_worker_may_come_and_go() -> None:
    watched = Watched()
    for _ in range(3 * ROUNDS):
        watched.end(watched.start(is_worker=False))
    assert watched.told == []


def test_one_that_lives_on_while_others_die_is_waited_for() -> None:
    watched = Watched()
    steady = watched.start()
    for _ in range(3 * ROUNDS):
        watched.end(watched.start())
    assert watched.told == []
    watched.end(steady)
    assert watched.told == [ROUNDS]


@pytest.fixture
def child() -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process.pid


def test_the_children_of_a_process_are_found_with_what_they_execute(child: int) -> None:
    assert child in processes.children_of(os.getpid())
    seen = processes.look_at(child)
    assert seen is not None
    assert (seen.parent, seen.session) == (os.getpid(), os.getsid(0))
    program, words = eventually(lambda: (found := processes.program_of(child)) and b"input()" in found[1] and found)
    assert program == os.path.realpath(sys.executable)
    assert words.endswith(b"\0-c\0input()\0")


def test_of_one_that_is_gone_nothing_is_found() -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    assert processes.look_at(process.pid) is None
    assert processes.children_of(process.pid) == []
    assert processes.program_of(process.pid) == ("", b"")
