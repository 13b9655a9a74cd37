"""Pauses between restarts, and when it is given up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from releaser.runtime.release.manifest import Heart
from releaser.runtime.supervisor.keeping.restarts import JITTER, Restarts

HEART = Heart(is_on=True, restarts=4, backoff_s=1.0, backoff_max_s=5.0, reset_after_s=60.0)


def test_pauses_double_up_to_the_longest_and_then_it_is_given_up() -> None:
    restarts = Restarts(HEART)
    assert [restarts.pause_after("died", 0.0, 0.0) for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, None]
    assert restarts.total == 4


def test_chance_makes_a_pause_longer_by_a_quarter_at_most() -> None:
    assert Restarts(HEART).pause_after("died", 0.0, 1.0) == 1.0 + JITTER


def test_an_instance_that_was_up_long_enough_begins_a_new_row() -> None:
    restarts = Restarts(HEART)
    for _ in range(4):
        restarts.pause_after("died", 59.9, 0.0)
    assert restarts.pause_after("died", 60.0, 0.0) == 1.0
    assert (restarts.in_a_row, restarts.total) == (1, 5)


def test_without_a_heart_nothing_is_started_again() -> None:
    assert Restarts(Heart()).pause_after("died", 1000.0, 0.0) is None


def test_the_last_three_exits_are_kept() -> None:
    restarts = Restarts(HEART)
    for number in range(5):
        restarts.pause_after(f"exited with {number}", 0.0, 0.0)
    assert restarts.last_exits == ["exited with 2", "exited with 3", "exited with 4"]


@given(st.integers(1, 200), st.floats(0.001, 10.0), st.floats(0.001, 100.0), st.floats(0, 1))
def test_no_pause_is_longer_than_the_longest_and_a_quarter(
    count: int, first: float, longest: float, chance: float
) -> None:
    restarts = Restarts(Heart(is_on=True, restarts=count, backoff_s=first, backoff_max_s=longest))
    for _ in range(count):
        pause = restarts.pause_after("died", 0.0, chance)
        assert pause is not None
        assert 0 < pause <= longest * (1 + JITTER)
