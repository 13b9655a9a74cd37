"""Becoming the supervisor of the newer version: what travels, and what is said where that is not possible."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from releaser.runtime.supervisor.startup import Start
from releaser.runtime.supervisor.upgrade import handover, reexecution

STAYS = "warning: the supervisor stays that of the version before: "


class Release:
    """A release that has been upgraded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.said: list[str] = []
        self.did: list[str] = []
        self.state: dict[str, Any] = {}
        self.error: Exception | None = None
        live = SimpleNamespace(context="context of 2", contract={"RELEASE_COMMAND": "start"})
        running: Any = SimpleNamespace(live=live, started_at=100.0)
        voice: Any = SimpleNamespace(say=self.said.append, fault=lambda what: f"a fault while {what}", finish=None)
        hooks: Any = SimpleNamespace(reports=[{"name": "10-migrate"}])
        jobs: Any = SimpleNamespace(end_all=lambda: self.did.append("end jobs"))
        start = Start(args=["--flag"], only=("web",), base={"A": "1"}, lock=9, logger=None)
        monkeypatch.setattr(reexecution, "execute", self.execute)
        held: Any = "what is held"
        nobody: Any = None
        self.handover = handover.Handover(
            running, start, voice, lambda: 0.0, hooks=hooks, jobs=jobs, manager=nobody, hold=lambda: held
        )

    def execute(self, context: Any, environ: Any, held: Any, state: Any, signals: Any, before: Any) -> None:
        self.did.append(f"execute {context} with {held} and {environ}")
        self.state = state
        if self.error is not None:
            raise self.error


@pytest.fixture
def release(monkeypatch: pytest.MonkeyPatch) -> Release:
    return Release(monkeypatch)


def test_jobs_are_ended_first_and_what_is_known_goes_along(release: Release) -> None:
    release.handover.begin(reexecution.FORMAT)
    assert release.did == ["end jobs", "execute context of 2 with what is held and {'A': '1'}"]
    assert release.state == {
        "command": "start",
        "args": ["--flag"],
        "only": ["web"],
        "hooks": [{"name": "10-migrate"}],
        "started_at": 100.0,
    }
    assert release.said == []


def test_a_version_that_does_not_know_the_format_is_not_executed(release: Release) -> None:
    release.handover.begin(reexecution.FORMAT + 1)
    assert release.did == []
    assert release.said == [f"{STAYS}the new one does not know its state"]


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (ZeroDivisionError(), "a fault while becoming the supervisor of the new version"),
    ],
)
def test_one_that_cannot_be_executed_leaves_this_one_in_its_place(release: Release, error: Exception, why: str) -> None:
    release.error = error
    release.handover.begin(reexecution.FORMAT)
    assert release.said == [STAYS + why]
