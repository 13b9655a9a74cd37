"""A request for an upgrade: refused where it cannot be begun, and hosted to its end where it can."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from releaser.runtime.protocol import frames
from releaser.runtime.release.failures import NOT_NOW, Failure
from releaser.runtime.supervisor.startup import Start
from releaser.runtime.supervisor.upgrade import switching

REQUEST = {
    "format": 1,
    "version": "2",
    "old_version": "1",
    "python": "/python",
    "may_migrate": False,
    "state_format": 7,
    "environ": {},
    "hooks": [{"event": "pre_upgrade", "name": "20-note", "outcome": "done", "exit_code": 0, "seconds": 0.1}],
}


class Upgrade:
    """Stands for the machine."""

    def __init__(self, *words: Any) -> None:
        self.version = "2"
        self.state_format = 7
        self.began_at: list[float] = []
        if words[3]["version"] == "broken":
            raise Failure("its manifest cannot be read", NOT_NOW)

    def begin(self, now: float) -> None:
        self.began_at.append(now)


class Release:
    """A release of version 1 that may be upgraded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.said: list[str] = []
        self.did: list[str] = []
        self.free = True
        self.is_restarting = False
        self.running: Any = SimpleNamespace(
            live=SimpleNamespace(manifest=SimpleNamespace(name="todo", version="1")),
            upgrade=None,
            is_free=lambda: self.free,
            why_not_free=lambda: "stopping",
            take_over=lambda generation: self.did.append(f"run {generation}"),
        )
        monkeypatch.setattr(switching, "Upgrade", Upgrade)
        upward = SimpleNamespace(
            begin_reload=lambda text: self.did.append(text), announce=lambda text: self.did.append(text)
        )
        voice: Any = SimpleNamespace(say=self.said.append, tell=lambda failure: self.said.extend(failure.lines()))
        parts: Any = {
            "owner": None,
            "hooks": SimpleNamespace(reports=[]),
            "manager": SimpleNamespace(tell=lambda tell: tell(upward)),
            "restarting": SimpleNamespace(is_under_way=False),
            "handover": SimpleNamespace(begin=lambda state_format: self.did.append(f"hand over {state_format}")),
        }
        self.hooks, self.restarting = parts["hooks"], parts["restarting"]
        life: Any = SimpleNamespace(lose=lambda failure: self.did.append(f"lose: {failure.message}"))
        start = Start(args=[], only=(), base={}, lock=0, logger=None)
        self.switching = switching.Switching(self.running, start, life, voice, lambda: 7.0, **parts)

    def ask(self, request: dict[str, Any]) -> tuple[list[tuple[bytes, bytes]], bool]:
        client: Any = SimpleNamespace(keep_open=False)
        answer = self.switching.begin(json.dumps(request), client)
        return frames.Decoder().feed(answer), client.keep_open


@pytest.fixture
def release(monkeypatch: pytest.MonkeyPatch) -> Release:
    return Release(monkeypatch)


def test_an_upgrade_begins_with_the_hooks_that_have_run_for_it(release: Release) -> None:
    assert release.ask(REQUEST) == ([], True)
    assert release.running.upgrade.began_at == [7.0]
    assert release.hooks.reports == REQUEST["hooks"]
    assert release.did == ["upgrading to 2"]


@pytest.mark.parametrize(
    ("is_free", "is_restarted", "why"),
    [(False, False, "it is stopping"), (True, True, "one of its processes is restarted")],
)
def test_one_that_cannot_be_begun_now_is_refused(release: Release, is_free: bool, is_restarted: bool, why: str) -> None:
    release.free, release.restarting.is_under_way = is_free, is_restarted
    text = f"error: todo cannot be upgraded: {why}\n".encode()
    assert release.ask(REQUEST) == ([(frames.ERROR, text), (frames.EXIT, b"4")], False)
    assert (release.running.upgrade, release.hooks.reports) == (None, [])


def test_a_request_that_is_not_understood_is_refused_before_anything_is_looked_at(release: Release) -> None:
    (_, text), last = release.ask({"version": "2"})[0]
    assert text.decode().endswith("  now: 1 goes on\n")
    assert last == (frames.EXIT, b"2")


def test_a_version_that_cannot_be_made_leaves_the_old_one(release: Release) -> None:
    (_, text), last = release.ask({**REQUEST, "version": "broken"})[0]
    assert text == b"error: its manifest cannot be read\n  now: 1 goes on\n"
    assert last == (frames.EXIT, b"4")
    assert release.running.upgrade is None


def test_after_the_switch_the_supervisor_hands_over_in_the_format_that_was_asked_for(release: Release) -> None:
    release.ask(REQUEST)
    release.did.clear()
    release.switching.finish_upgrade(None, is_switched=True)
    assert release.did == ["running 1", "hand over 7"]
    assert (release.running.upgrade, release.said) == (None, ["1 is running"])


def test_without_it_the_failure_is_told_and_nothing_handed_over(release: Release) -> None:
    release.ask(REQUEST)
    release.did.clear()
    release.switching.finish_upgrade(Failure("it did not become ready", now="1 never stopped serving"), False)
    assert release.did == ["running 1"]
    assert release.said == ["error: it did not become ready", "  now: 1 never stopped serving"]


def test_where_neither_version_runs_the_release_is_lost(release: Release) -> None:
    release.ask(REQUEST)
    release.did.clear()
    release.switching.give_up(Failure("neither runs"))
    assert (release.did, release.running.upgrade) == (["lose: neither runs"], None)
