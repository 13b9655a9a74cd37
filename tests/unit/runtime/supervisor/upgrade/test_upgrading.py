"""An upgrade between versions that are not there: what it does and says as the tables have it, and after a fault."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from releaser.runtime.protocol import frames
from releaser.runtime.release.failures import Failure
from releaser.runtime.supervisor.startup import Start
from releaser.runtime.supervisor.upgrade import steps, upgrading


class Version:
    """Stands for a generation without instances."""

    def __init__(self, version: str, did: list[str]) -> None:
        self.manifest = SimpleNamespace(name="todo", version=version, stop_timeout_s=5.0, hooks_of=lambda event: [])
        self.context = SimpleNamespace(layout=SimpleNamespace(current="var/current"), python="python")
        self.keepers: list[Any] = []
        self.listeners: list[Any] = []
        self.lives = False
        self.cannot_close = False
        self.did = did

    def make_keepers(self, *_: object) -> None:
        """Have none."""

    def begin(self, *_: object, **__: object) -> None:
        self.did.append(f"start {self.manifest.version}")

    def is_alive(self) -> bool:
        return self.lives

    def pids(self) -> list[int]:
        return []

    def close(self) -> None:
        self.did.append(f"close {self.manifest.version}")
        if self.cannot_close:
            raise OSError("no")


class Host:
    """Stands for the supervisor."""

    def __init__(self) -> None:
        self.did: list[str] = []
        self.said: list[str] = []
        self.faults: list[str] = []
        self.failure: Failure | None = None
        self.end_hooks: Any = None

    def say(self, text: str) -> None:
        self.said.append(text)

    def fault(self, what: str) -> str:
        self.faults.append(what)
        return f"a fault while {what}"

    def became_ready(self, keeper: object) -> None:
        """Hear nothing: there are no keepers."""

    was_not_ready_in_time = became_ready

    def was_lost(self, keeper: object, code: int, why: str) -> None:
        """Hear nothing either."""

    def take_over(self, generation: Any) -> None:
        self.did.append(f"run {generation.manifest.version}")

    def run_upgrade_hooks(self, hooks: object, environ: object, on_end: Any, heard_by: object) -> None:
        self.did.append("hooks")
        self.end_hooks = on_end

    def finish_upgrade(self, failure: Failure | None, is_switched: bool) -> None:
        self.did.append("switched" if is_switched else "not switched")
        self.failure = failure

    def give_up(self, failure: Failure) -> None:
        self.did.append("give up")
        self.failure = failure


class Client:
    """Stands for whoever asked."""

    def __init__(self) -> None:
        self.replies: list[tuple[bytes, bytes]] = []

    def tell(self, frame: bytes) -> None:
        """Miss what is said meanwhile."""

    def finish(self, reply: bytes) -> None:
        self.replies += frames.Decoder().feed(reply)


class Story:
    """One upgrade from 1 to 2 with its surroundings."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, is_beside: bool) -> None:
        self.host, self.client = Host(), Client()
        self.old, self.new = Version("1", self.host.did), Version("2", self.host.did)
        self.old.lives = is_beside
        sockets = [SimpleNamespace(socket=None)] if is_beside else []
        self.old.listeners = sockets
        monkeypatch.setattr(upgrading, "make_generation", lambda *_: self.new)
        monkeypatch.setattr(upgrading, "make_listeners", lambda *_: sockets)
        monkeypatch.setattr(upgrading.versions, "switch", lambda *_: self.host.did.append("write"))
        request = {"may_migrate": False, "state_format": 1}
        old: Any = self.old
        client: Any = self.client
        start = Start(args=[], only=(), base={}, lock=0, logger=None)
        self.upgrade = upgrading.Upgrade(self.host, self.host, old, request, client, start)

    def happen(self, event: str) -> None:
        self.upgrade._attempt(lambda: self.upgrade._happen(event))

    def meet_a_fault(self) -> None:
        self.upgrade._attempt(lambda: [][0])


@pytest.fixture(params=[True, False], ids=["beside", "in_turn"])
def story(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Story:
    return Story(monkeypatch, is_beside=request.param)


def test_beside_the_old_version_is_closed_after_the_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story(monkeypatch, is_beside=True)
    story.upgrade.begin(0.0)
    story.happen(steps.READY)
    story.happen(steps.GONE)
    story.host.end_hooks(None)
    assert story.host.did == ["start 2", "write", "run 2", "close 1", "hooks", "switched"]
    assert story.client.replies[-1] == (frames.EXIT, b"0")


def test_in_turn_an_old_version_that_has_crashed_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story(monkeypatch, is_beside=False)
    story.upgrade.begin(0.0)
    assert story.upgrade.doing == "waiting for the new version to become ready"
    story.happen(steps.READY)
    story.host.end_hooks(None)
    assert story.host.did == ["close 1", "start 2", "write", "run 2", "hooks", "switched"]


def test_a_fault_before_the_switch_ends_with_the_old_version(story: Story) -> None:
    story.upgrade.begin(0.0)
    story.meet_a_fault()
    assert "run 2" not in story.host.did
    assert "close 2" in story.host.did
    assert story.host.did[-1] == ("not switched" if story.old.lives else "start 1")
    story.old.lives = True
    story.happen(steps.READY)
    assert story.host.did[-1] == "not switched"
    assert story.host.failure is not None
    assert story.host.failure.message.startswith("upgrade from 1 to 2 was rolled back: ")
    assert story.client.replies[-1] == (frames.EXIT, b"70")


def test_a_fault_after_the_switch_ends_with_the_new_version(story: Story) -> None:
    story.upgrade.begin(0.0)
    story.happen(steps.READY)
    story.meet_a_fault()
    assert story.host.did[-1] == "switched"
    assert "start 1" not in story.host.did
    assert story.host.failure is not None
    assert story.host.failure.now == "2 runs, and 1 has ended"


def test_a_new_version_that_cannot_be_removed_does_not_keep_the_old_one_from_running(story: Story) -> None:
    story.upgrade.begin(0.0)
    story.new.cannot_close = True
    story.happen(steps.LOST)
    assert story.host.faults == ["removing 2"]
    assert story.host.did[-1] == ("not switched" if story.old.lives else "start 1")


def test_a_fault_while_nothing_runs_any_more_stops_the_release(monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story(monkeypatch, is_beside=False)
    story.upgrade.begin(0.0)
    story.happen(steps.LATE)
    story.meet_a_fault()
    assert story.host.did[-1] == "give up"
    assert story.host.failure is not None
    assert "1, started again, met a fault while upgrading to 2" in story.host.failure.now


def test_an_end_of_the_release_in_any_step_is_told_to_whoever_asked(story: Story) -> None:
    story.upgrade.begin(0.0)
    story.upgrade.abandon()
    assert story.upgrade.step == steps.ENDED
    assert "close 2" in story.host.did
    assert b"the upgrade to 2 was given up: the release stops" in story.client.replies[0][1]
