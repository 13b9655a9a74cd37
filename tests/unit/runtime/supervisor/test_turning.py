"""One turn of the loop: everyone has theirs, and a fault in one of them ends nobody else's."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator

import pytest

from releaser.runtime.release.faults import REST_S, Faults
from releaser.runtime.supervisor.turning import Clock, Loop, Part


class Turns:
    """A loop around the parts that a test puts there."""

    def __init__(self) -> None:
        self.did: list[str] = []
        self.parts: list[Part] = []
        self.now = time.monotonic()
        self.faults = Faults(lambda line: self.did.append("fault"), lambda: self.now)
        self.clock = Clock()
        self.loop = Loop(lambda: iter(self.parts), self.faults, self.clock, reap=lambda: self.did.append("reap"))
        self.reader, self.writer = os.pipe()

    def turn(self) -> list[str]:
        self.did.clear()
        self.loop.turn()
        return list(self.did)

    def due(self, name: str) -> Part:
        """Return a part whose time has come."""
        return Part(name, name, deadlines=lambda: [0.0, None], pass_deadlines=lambda: self.did.append(name))

    def failing(self, name: str) -> Part:
        def fail() -> list[float]:
            raise ZeroDivisionError

        return Part(name, name, deadlines=fail, pass_deadlines=lambda: self.did.append(name))


@pytest.fixture
def turns() -> Iterator[Turns]:
    turns = Turns()
    yield turns
    os.close(turns.reader)
    os.close(turns.writer)


def test_what_is_waited_for_comes_first_then_the_dead_then_what_is_due(turns: Turns) -> None:
    os.write(turns.writer, b"x")
    reading = Part("pipe", "reading", lambda: [(turns.reader, select.POLLIN, lambda: turns.did.append("read"))])
    turns.parts = [turns.due("one"), reading, turns.due("two")]
    assert turns.turn() == ["read", "reap", "one", "two"]


def test_the_time_is_that_of_what_has_happened(turns: Turns) -> None:
    before = turns.clock()
    turns.parts = [turns.due("one")]
    turns.turn()
    assert turns.clock() > before


def test_a_part_that_fails_rests_and_the_others_go_on(turns: Turns) -> None:
    turns.parts = [turns.failing("broken"), turns.due("whole")]
    assert turns.turn() == ["fault", "reap", "whole"]
    assert turns.turn() == ["reap", "whole"]
    turns.now += REST_S
    turns.parts = [turns.due("broken")]
    assert turns.turn() == ["reap", "broken"]


def test_a_fault_in_what_a_descriptor_wants_is_its_owners(turns: Turns) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    os.write(turns.writer, b"x")
    turns.parts = [Part("pipe", "reading", lambda: [(turns.reader, select.POLLIN, fail)]), turns.due("whole")]
    assert turns.turn() == ["fault", "reap", "whole"]
    assert turns.faults.rests("pipe")


def test_a_descriptor_that_is_closed_by_now_is_not_waited_for(turns: Turns) -> None:
    closed = Part("closed", "reading", lambda: [(-1, select.POLLIN, lambda: turns.did.append("read"))])
    turns.parts = [closed, turns.due("one")]
    assert turns.turn() == ["reap", "one"]


def test_a_part_that_comes_during_a_turn_has_its_own_in_the_next(turns: Turns) -> None:
    first = turns.due("first")
    turns.parts = [Part("grows", "growing", deadlines=lambda: [0.0], pass_deadlines=lambda: turns.parts.append(first))]
    turns.turn()
    assert "first" in turns.turn()
