"""The end of what runs: in the time of the slowest, then by force, and with the reason for it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from releaser.runtime.supervisor import states
from releaser.runtime.supervisor.ending import Ending
from releaser.runtime.supervisor.outcome import Outcome


class Keeper:
    """Stands for one instance."""

    def __init__(self, label: str = "", drain_s: float = 0.0) -> None:
        self.label = label
        self.drain_s = drain_s
        self.instance = SimpleNamespace(pid=4711)
        self.is_killed = False
        self.is_broken = False

    def terminate(self, now: float) -> float:
        if self.is_broken:
            raise ZeroDivisionError
        return self.drain_s

    def kill(self) -> None:
        self.is_killed = True


class Release:
    """A release that ends."""

    def __init__(self, *keepers: Keeper, came_from: str = states.RUNNING, is_insisted_on: bool = False) -> None:
        self.keepers = list(keepers)
        self.said: list[str] = []
        self.faults: list[str] = []
        self.events: list[str] = []
        self.limits: list[float] = []
        self.lives = True
        self.outcome = Outcome()
        running: Any = SimpleNamespace(
            live=SimpleNamespace(keepers=self.keepers, is_alive=lambda: self.lives), stop_timeout_s=30.0
        )
        life: Any = SimpleNamespace(
            handle=self.events.append,
            limit=self.limits.append,
            came_from=came_from,
            is_insisted_on=is_insisted_on,
        )
        voice: Any = SimpleNamespace(say=self.said.append, fault=self.faults.append)
        self.ending = Ending(running, self.outcome, life, voice, lambda: 0.0)


def test_all_have_the_time_of_the_one_that_drains_the_longest() -> None:
    release = Release(Keeper(drain_s=1.0), Keeper(" worker", drain_s=4.0), Keeper(" mail"))
    release.ending.drain()
    assert (release.limits, release.events) == ([34.0], [])


def test_a_fault_in_telling_one_does_not_keep_the_others_from_being_told() -> None:
    release = Release(broken := Keeper(" worker"), Keeper(drain_s=2.0))
    broken.is_broken = True
    release.ending.drain()
    assert release.faults == ["telling the app worker to end"]
    assert release.limits == [32.0]


def test_what_has_ended_already_is_not_waited_for() -> None:
    release = Release(Keeper())
    release.lives = False
    release.ending.drain()
    release.ending.kill()
    assert release.events == [states.EXITED] * 2


@pytest.mark.parametrize(
    ("came_from", "is_insisted_on", "why"),
    [
        (states.DRAIN, False, "it did not end in 30 s after SIGTERM"),
        (states.BOOT, False, "the start failed"),
        (states.BOOT, True, "asked twice"),
    ],
)
def test_whoever_is_killed_is_named_with_the_reason(came_from: str, is_insisted_on: bool, why: str) -> None:
    release = Release(Keeper(), Keeper(" worker"), came_from=came_from, is_insisted_on=is_insisted_on)
    release.ending.kill()
    assert release.said == [f"kills the app (pid 4711): {why}", f"kills the app worker (pid 4711): {why}"]
    assert all(keeper.is_killed for keeper in release.keepers)
    assert release.outcome.was_killed
