"""The table of states, carried out: work begins, time passes, and a fault of ours takes the table's way."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from releaser.runtime.release.failures import BUG, Failure
from releaser.runtime.release.faults import Faults
from releaser.runtime.supervisor import states
from releaser.runtime.supervisor.life import Life
from releaser.runtime.supervisor.outcome import Outcome
from releaser.runtime.supervisor.running import Running


class Release:
    """A release whose states have no work but what a test gives them."""

    def __init__(self, state: str) -> None:
        self.now = 10.0
        self.began: list[str] = []
        self.said: list[str] = []
        self.cancelled: list[str] = []
        self.lives = True
        self.breaks: set[str] = set()
        live: Any = SimpleNamespace(
            manifest=SimpleNamespace(name="todo", version="1.0.0", drain_s=2.0, stop_timeout_s=5.0),
            is_alive=lambda: self.lives,
        )
        self.running = Running(live, self.now)
        self.running.state = state
        self.outcome = Outcome()
        faults = Faults(lambda line: None, lambda: self.now)
        voice: Any = SimpleNamespace(say=self.said.append, faults=faults)
        manager: Any = SimpleNamespace(tell=lambda tell: None)
        jobs: Any = SimpleNamespace(cancel=lambda now: self.cancelled.append("job"))
        hooks: Any = SimpleNamespace(cancel=lambda: self.cancelled.append("hooks"))
        self.life = Life(
            self.running,
            self.outcome,
            voice,
            lambda: self.now,
            manager=manager,
            jobs=jobs,
            hooks=hooks,
            begin=self.begin,
        )

    def begin(self, state: str) -> None:
        self.began.append(state)
        if state in self.breaks:
            raise ZeroDivisionError


def test_an_event_that_means_nothing_in_a_state_changes_nothing() -> None:
    release = Release(states.RUNNING)
    release.life.limit(3.0)
    release.life.handle(states.READY)
    assert (release.began, release.life.deadline) == ([], 13.0)


def test_a_state_that_is_left_takes_its_hooks_and_its_time_with_it() -> None:
    release = Release(states.POST_START)
    release.life.limit(3.0)
    release.life.handle(states.STOP)
    assert release.began == [states.PRE_STOP]
    assert release.cancelled == ["job", "hooks"]
    assert (release.life.deadline, release.life.came_from) == (None, states.POST_START)


def test_a_state_that_has_taken_its_time_is_told_once() -> None:
    release = Release(states.DRAIN)
    release.life.limit(3.0)
    release.life.pass_deadline()
    assert release.began == []
    release.now = 13.0
    release.life.pass_deadline()
    release.life.pass_deadline()
    assert release.began == [states.KILL]


def test_an_upgrade_is_given_up_when_the_release_leaves_the_state_that_it_is_made_in() -> None:
    release = Release(states.RUNNING)
    release.running.upgrade = SimpleNamespace(abandon=lambda: release.cancelled.append("upgrade"))  # type: ignore[assignment]
    release.life.stop("SIGTERM")
    assert release.cancelled == ["job", "hooks", "upgrade"]
    assert release.running.upgrade is None


def test_the_first_reason_to_stop_is_the_one_that_is_told() -> None:
    release = Release(states.RUNNING)
    release.life.stop("SIGTERM")
    release.life.stop("`todo stop`")
    assert release.said == ["stops (SIGTERM)"]
    assert release.outcome.stop_reason == "SIGTERM"


def test_ctrl_c_a_second_time_waits_for_nothing() -> None:
    release = Release(states.RUNNING)
    release.life.interrupt()
    assert (release.began, release.life.is_insisted_on) == ([states.PRE_STOP], False)
    release.life.interrupt()
    assert (release.began[-1], release.life.is_insisted_on) == (states.KILL, True)


def test_work_that_fails_and_instances_that_are_lost_keep_their_reason() -> None:
    release = Release(states.BOOT)
    release.life.fail(Failure("it cannot be started"))
    assert release.began == [states.KILL]
    other = Release(states.RUNNING)
    other.life.lose(Failure("neither runs"))
    assert other.began == [states.PRE_STOP]
    assert [found.outcome.failure and found.outcome.failure.message for found in (release, other)] == [
        "it cannot be started",
        "neither runs",
    ]


@pytest.mark.parametrize(
    ("before", "event", "broken", "ends_in"),
    [
        (states.PRE_CONFIGURE, states.DONE, states.CONFIGURE, states.ENDED),
        (states.PRE_START, states.DONE, states.BOOT, states.KILL),
        (states.BOOT, states.READY, states.POST_START, states.RUNNING),
        (states.POST_START, states.DONE, states.RUNNING, states.RUNNING),
        (states.RUNNING, states.STOP, states.PRE_STOP, states.DRAIN),
        (states.KILL, states.EXITED, states.POST_STOP, states.ENDED),
    ],
)
def test_a_fault_of_ours_in_the_work_of_a_state_takes_the_way_that_the_table_has_for_it(
    before: str, event: str, broken: str, ends_in: str
) -> None:
    release = Release(before)
    release.breaks.add(broken)
    release.life.handle(event)
    assert release.running.state == ends_in
    failed = states.AFTER_A_FAULT[broken] == states.FAILED
    assert (release.outcome.exit_code == BUG) == failed


@pytest.mark.parametrize(("lives", "ends_in"), [(True, states.DRAIN), (False, states.POST_STOP)])
def test_a_fault_in_telling_the_app_to_end_gives_it_its_time_all_the_same(lives: bool, ends_in: str) -> None:
    release = Release(states.PRE_STOP)
    release.lives = lives
    release.breaks.add(states.DRAIN)
    release.life.handle(states.DONE)
    assert release.running.state == ends_in
    assert release.life.deadline == (15.0 if lives else None)
