"""What keepers tell, as events and lines of the release."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from releaser.runtime.release.manifest import Heart
from releaser.runtime.supervisor import states
from releaser.runtime.supervisor.keeping.news import News
from releaser.runtime.supervisor.keeping.restarts import Restarts
from releaser.runtime.supervisor.outcome import Outcome


class Keeper:
    """Stands for one instance that has just told something."""

    def __init__(self, label: str = "") -> None:
        self.label = label
        self.instance: Any = SimpleNamespace(pid=4711, told_ready=lambda: "1.23 s")
        self.restarts = Restarts(Heart(is_on=True))
        self.has_been_ready = True
        self.last_words = ""
        self.ran_s = 1.5
        self.had_answered = False

    def told_errors(self) -> list[str]:
        return ["ModuleNotFoundError: No module named 'todo'"]


class Release:
    """A release of some keepers, which hears of them."""

    def __init__(self, *keepers: Keeper, state: str = states.BOOT) -> None:
        self.keepers = list(keepers)
        self.said: list[str] = []
        self.events: list[str] = []
        self.ready: list[Any] = []
        self.lives = False
        self.outcome = Outcome()
        running: Any = SimpleNamespace(
            title="todo 1.0.0", live=SimpleNamespace(keepers=self.keepers, is_alive=lambda: self.lives)
        )
        life: Any = SimpleNamespace(state=state, handle=self.events.append)
        voice: Any = SimpleNamespace(say=self.said.append, fault=lambda what: f"a fault while {what}")
        restarting: Any = SimpleNamespace(take_ready=self.ready.append)
        self.news = News(running, self.outcome, life, voice, restarting)

    def become_ready(self, keeper: Any) -> None:
        self.news.became_ready(keeper)

    def be_late(self, keeper: Any) -> None:
        self.news.was_not_ready(keeper, "did not become ready in 60 s", ["http://127.0.0.1:8000/: no answer"])

    def be_lost(self, keeper: Any, code: int, why: str = "") -> None:
        self.news.was_lost(keeper, code, why)


def test_the_release_is_ready_once_every_instance_has_been() -> None:
    app, worker = Keeper(), Keeper(" worker")
    worker.has_been_ready = False
    release = Release(app, worker)
    release.become_ready(app)
    assert release.events == []
    worker.has_been_ready = True
    release.become_ready(worker)
    assert release.events == [states.READY]
    assert release.said == ["is ready after 1.23 s (pid 4711)", "worker is ready after 1.23 s (pid 4711)"]
    assert release.ready == [app, worker], "whoever waits for a restart hears of each"


def test_an_instance_that_was_started_again_says_how_often() -> None:
    app = Keeper()
    app.restarts.total = 2
    release = Release(app)
    release.become_ready(app)
    assert release.said == ["is ready after 1.23 s (pid 4711, restart 2)"]


def test_one_that_has_ended_meanwhile_is_not_ready() -> None:
    app = Keeper()
    app.instance = None
    release = Release(app)
    release.become_ready(app)
    assert (release.events, release.said, release.ready) == ([], [], [])


def test_one_that_is_late_stops_the_start_and_says_what_it_was_asked() -> None:
    release = Release(app := Keeper())
    release.be_late(app)
    assert release.events == [states.TIMEOUT]
    assert release.outcome.failure is not None
    assert release.outcome.failure.lines() == [
        "error: todo 1.0.0 did not become ready in 60 s",
        "  http://127.0.0.1:8000/: no answer",
        "  now: the release is stopped",
        "      hint: readiness.timeout in rel/config.toml is the limit",
    ]


@pytest.mark.parametrize(("others_live", "event"), [(True, states.LOST), (False, states.EXITED)])
def test_one_that_is_lost_is_the_last_or_leaves_others_behind(others_live: bool, event: str) -> None:
    release = Release(app := Keeper(), state=states.RUNNING)
    release.lives = others_live
    release.be_lost(app, 3)
    assert release.events == [event]
    assert release.outcome.exit_code == 3


def test_the_exits_before_are_told_where_a_heart_gave_up_and_last_words_where_it_left_some() -> None:
    app = Keeper(" worker")
    app.restarts.last_exits = ["exited with 1: no database"]
    gave_up, spoke = Release(app, state=states.RUNNING), Release(app, state=states.RUNNING)
    gave_up.be_lost(app, 1, "the app crashed 5 times in a row")
    app.last_words = "app:main cannot be imported"
    spoke.be_lost(app, 1)
    failures = [found.outcome.failure.lines() for found in (gave_up, spoke) if found.outcome.failure]
    assert failures == [
        [
            "error: todo 1.0.0 worker ended: the app crashed 5 times in a row",
            "  exited with 1: no database",
            "  now: nothing is running",
        ],
        ["error: todo 1.0.0 worker ended: app:main cannot be imported", "  now: nothing is running"],
    ]


def test_an_app_that_ends_well_while_its_post_start_hooks_run_has_done_its_work() -> None:
    release = Release(app := Keeper(), state=states.POST_START)
    release.be_lost(app, 0)
    assert release.said == ["the app has ended by itself with 0, 1.50 s after its start; so do its post_start hooks"]
    assert release.outcome.failure is None


def test_one_whose_workers_die_is_told_with_what_they_said_and_not_with_a_limit() -> None:
    release = Release(app := Keeper())
    release.news.was_not_ready(app, "cannot become ready: its workers died 5 times in a row", app.told_errors())  # type: ignore[arg-type]
    assert release.events == [states.TIMEOUT]
    assert release.outcome.failure is not None
    assert release.outcome.failure.lines() == [
        "error: todo 1.0.0 cannot become ready: its workers died 5 times in a row",
        "  ModuleNotFoundError: No module named 'todo'",
        "  now: the release is stopped",
    ]


@pytest.mark.parametrize(("had_answered", "exit_code"), [(False, 1), (True, 0)])
def test_one_that_ends_with_0_before_it_is_ready_has_failed_unless_it_had_answered(
    had_answered: bool, exit_code: int
) -> None:
    release = Release(app := Keeper())
    app.had_answered = had_answered
    release.be_lost(app, 0)
    assert release.said == ["the app has ended by itself with 0, 1.50 s after its start"]
    assert release.outcome.exit_code == exit_code


def test_one_that_ends_with_a_code_before_it_is_ready_is_told_with_what_it_has_written() -> None:
    release = Release(app := Keeper())
    release.be_lost(app, 3)
    assert release.outcome.failure is not None
    assert release.outcome.failure.details == ("ModuleNotFoundError: No module named 'todo'",)
