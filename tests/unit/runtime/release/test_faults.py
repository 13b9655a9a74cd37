"""A fault of ours is told once for each kind, and what has failed rests for a moment."""

from __future__ import annotations

import sys

import pytest

from releaser.runtime.release import faults
from releaser.runtime.release.faults import Faults


class World:
    """A log and a clock in the test's hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.log: list[str] = []
        self.faults = Faults(lambda line: self.log.append(line.decode()), lambda: self.now)

    def fail(self, owner: str = "x", what: str = "trying", error: Exception | None = None) -> bool:
        def action() -> None:
            raise error or ZeroDivisionError("no")

        return self.faults.attempt(owner, what, action)


@pytest.fixture
def world() -> World:
    return World()


def test_what_works_is_not_told_and_does_not_rest(world: World) -> None:
    assert world.faults.attempt("x", "trying", lambda: None)
    assert (world.log, world.faults.rests("x"), world.faults.deadlines()) == ([], False, [])


def test_a_fault_is_told_with_its_traceback(world: World) -> None:
    assert not world.fail()
    (told,) = world.log
    first, second, *_, last = told.splitlines()
    assert first == (
        "[release] error: a fault in releaser itself while trying: ZeroDivisionError: no; the release goes on"
    )
    assert second == "Traceback (most recent call last):"
    assert last == "ZeroDivisionError: no"
    assert told.endswith("\n")


def test_the_traceback_is_told_without_importing_anything(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "traceback", None)
    before = sys.stderr
    world.fail()
    assert "test_faults.py" in world.log[0]
    assert sys.stderr is before


def test_whoever_failed_rests_and_nobody_else(world: World) -> None:
    world.fail("x")
    assert world.faults.rests("x")
    assert not world.faults.rests("y")
    assert world.faults.deadlines() == [world.now + faults.REST_S]
    world.now += faults.REST_S
    assert world.faults.deadlines() == []
    assert not world.faults.rests("x")


def test_the_same_fault_is_counted_until_it_is_told_again(world: World) -> None:
    for _ in range(4):
        world.fail()
    assert len(world.log) == 1
    world.now += faults.REPEAT_S
    world.fail()
    assert "(3 times more since it was told)" in world.log[1]


def test_another_fault_is_told_at_once(world: World) -> None:
    world.fail()
    world.fail(what="something else")
    world.fail(error=ValueError("bad"))
    assert len(world.log) == 3


def test_many_kinds_of_faults_are_remembered_within_bounds(world: World) -> None:
    for number in range(1000):
        world.fail(error=ValueError(str(number)))
    assert len(world.faults._told) <= 64


@pytest.mark.parametrize("text", ["x" * 100_000, "\ud800\0", "one\ntwo"])
def test_whatever_the_exception_says_the_log_gets_a_bounded_text(world: World, text: str) -> None:
    world.fail(error=ValueError(text))
    assert len(world.log[0]) < 20_000
    assert len(world.log[0].splitlines()[0]) < 400


def test_what_is_to_end_the_process_is_left_alone(world: World) -> None:
    with pytest.raises(SystemExit):
        world.faults.attempt("x", "trying", lambda: sys.exit(3))


def test_in_the_app_the_same_fault_is_told_once_and_counted_too(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    now = 100.0
    monkeypatch.setattr(faults, "monotonic", lambda: now)
    monkeypatch.setattr(faults, "_told_on_stderr", {})
    for _ in range(1000):
        told = faults.tell_on_stderr(ZeroDivisionError("no"), "answering a caller")
        assert told == "a fault in releaser itself while answering a caller: ZeroDivisionError: no"
    first = capfd.readouterr().err
    assert first.startswith(f"[release] error: {told}; the app goes on\n")
    assert first.count("[release] error") == 1
    faults.tell_on_stderr(ValueError("no"), "answering a caller")
    assert capfd.readouterr().err.count("[release] error") == 1
    now += faults.REPEAT_S
    faults.tell_on_stderr(ZeroDivisionError("no"), "answering a caller")
    assert "(999 times more since it was told)" in capfd.readouterr().err


def test_in_the_app_a_fault_of_any_length_is_told_within_bounds(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(faults, "_told_on_stderr", {})
    faults.tell_on_stderr(ValueError("x" * 1_000_000), "answering a caller")
    assert len(capfd.readouterr().err) <= 16385
