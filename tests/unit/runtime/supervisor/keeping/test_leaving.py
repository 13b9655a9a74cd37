"""The end of one instance: its drain, its SIGTERM, and the SIGKILL of one that is to be followed by another."""

from __future__ import annotations

import signal
from types import SimpleNamespace
from typing import Any

import pytest

from releaser.runtime.supervisor.keeping import leaving
from releaser.runtime.supervisor.keeping.leaving import Leaving


class Instance:
    """Stands for a process that notes what it is sent."""

    def __init__(self, *, is_ready: bool = True) -> None:
        self.pid = 4711
        self.is_ready = is_ready
        self.sent: list[int] = []
        self.child = self

    def signal(self, number: int) -> None:
        self.sent.append(number)


class End:
    """One end, of a release whose drain takes two seconds and whose limit is five."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, drain_s: float = 2.0) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.faults: list[str] = []
        context: Any = SimpleNamespace(
            manifest=SimpleNamespace(drain_s=drain_s, stop_timeout_s=5.0), layout=SimpleNamespace(run="run")
        )
        monkeypatch.setattr(leaving.drain, "ask", lambda *words: self.asked.append(words))
        self.leaving = Leaving(context, lambda: self.faults.append("fault"))

    def begin(self, instance: Any, *, is_replaced: bool = False) -> float:
        return self.leaving.begin(instance, ("agent.sock",), 10.0, is_replaced=is_replaced)

    def pass_deadlines(self, instance: Any, now: float) -> bool:
        return self.leaving.pass_deadlines(instance, now)


def test_one_that_is_ready_drains_first_and_is_told_to_end_once(monkeypatch: pytest.MonkeyPatch) -> None:
    end, instance = End(monkeypatch), Instance()
    assert end.begin(instance, is_replaced=True) == 2.0
    assert end.asked == [("run", ("agent.sock",), 4711, "replaced")]
    assert end.leaving.deadlines() == [12.0, None]
    assert not end.pass_deadlines(instance, 11.9)
    assert instance.sent == [signal.SIGCONT]
    assert not end.pass_deadlines(instance, 12.0)
    assert not end.pass_deadlines(instance, 99.0)
    assert instance.sent == [signal.SIGCONT, signal.SIGTERM]


@pytest.mark.parametrize(("is_ready", "drain_s"), [(False, 2.0), (True, 0.0)])
def test_one_that_is_not_ready_or_has_no_drain_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch, is_ready: bool, drain_s: float
) -> None:
    end, instance = End(monkeypatch, drain_s), Instance(is_ready=is_ready)
    assert end.begin(instance) == 0.0
    assert (instance.sent, end.asked, end.leaving.deadlines()) == ([signal.SIGCONT, signal.SIGTERM], [], [None, None])


def test_one_that_goes_on_where_another_is_to_follow_is_to_be_killed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    end, instance = End(monkeypatch), Instance()
    end.leaving.limit(end.begin(instance), 10.0)
    assert end.leaving.deadlines() == [12.0, 17.0]
    assert not end.pass_deadlines(instance, 16.9)
    assert end.pass_deadlines(instance, 17.0)
    assert not end.pass_deadlines(instance, 99.0)


def test_one_that_has_ended_is_owed_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    end, instance = End(monkeypatch), Instance()
    end.leaving.limit(end.begin(instance), 10.0)
    end.leaving.end()
    assert end.leaving.deadlines() == [None, None]
    assert not end.pass_deadlines(None, 99.0)
    assert instance.sent == [signal.SIGCONT]


def test_a_fault_of_ours_in_asking_it_to_drain_does_not_keep_it_from_being_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    end, instance = End(monkeypatch), Instance()
    monkeypatch.setattr(leaving.drain, "ask", lambda *_: 1 / 0)
    assert end.begin(instance) == 2.0
    assert end.faults == ["fault"]
    end.pass_deadlines(instance, 12.0)
    assert instance.sent[-1] == signal.SIGTERM
