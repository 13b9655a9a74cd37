"""Every request of the control socket, answered for a release that is not there: at once, or by the end of a wait."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace
from typing import Any

import pytest

from releaser.runtime.protocol import frames, requests
from releaser.runtime.supervisor import states
from releaser.runtime.supervisor.control.answers import ANSWERS, Requests
from releaser.runtime.supervisor.outcome import Outcome
from releaser.runtime.supervisor.running import Running
from releaser.runtime.supervisor.startup import Start

REQUESTS = {
    "ping": [],
    "alive": [],
    "pid": [],
    "status": ["--json"],
    "stop": ["0.5"],
    "reloaded": ["A=2", "NOTIFY_SOCKET=/run/theirs"],
    "environ": [],
    "args": [],
    "restart": ["worker"],
    "upgrade": ["{}"],
}


class Generation:
    """Stands for the version that runs."""

    def __init__(self) -> None:
        self.manifest: Any = SimpleNamespace(
            name="todo", version="1.0.0", environment="prod", migrations=[], stop_timeout_s=5.0
        )
        self.environ = {"A": "1"}
        self.keepers: list[Any] = []
        self.listeners: list[Any] = []
        self.ready = True

    def is_ready(self) -> bool:
        return self.ready

    @property
    def variables(self) -> dict[str, str]:
        return {**self.environ, "RELEASE_NAME": "todo"}


class Release:
    """What requests are answered from, and what they have set in motion."""

    def __init__(self) -> None:
        self.live = Generation()
        live: Any = self.live
        self.running = Running(live, 100.0)
        self.running.state = states.RUNNING
        self.did: list[tuple[str, ...]] = []
        self.told = SimpleNamespace(reload=lambda: self.did.append(("reload",)))
        hooks: Any = SimpleNamespace(reports=[], last_failure=lambda: "")
        manager: Any = SimpleNamespace(tell=lambda tell: tell(self.told))
        waits: Any = SimpleNamespace(begin=self.begin)
        start = Start(args=["--flag", "a b"], only=("web", "worker"), base={"HOME": "/root"}, lock=0, logger=None)
        self.requests = Requests(
            self.running,
            start,
            lambda: 142.0,
            hooks=hooks,
            outcome=Outcome(),
            manager=manager,
            restarting=waits,
            switching=waits,
            stop=lambda reason: self.did.append(("stop", reason)),
        )

    def begin(self, word: str, client: Any) -> bytes:
        self.did.append(("begin", word))
        client.keep_open = True
        return b""

    def ask(self, *words: str) -> tuple[list[tuple[bytes, bytes]], bool]:
        """Return the frames of the answer, and whether the client is to wait for another."""
        client: Any = SimpleNamespace(keep_open=False)
        answer = self.requests.answer(list(words), client)
        return frames.Decoder().feed(answer), client.keep_open


@pytest.fixture
def release() -> Release:
    return Release()


@pytest.mark.parametrize("word", requests.CONTROL)
def test_every_word_of_the_protocol_is_answered_at_once_or_has_its_client_wait(release: Release, word: str) -> None:
    answer, waits = release.ask(word, *REQUESTS[word])
    assert bool(answer) != waits
    if answer:
        assert answer[-1] == (frames.EXIT, b"0")


def test_a_word_that_the_table_lacks_is_a_fault_and_no_answer(
    release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(ANSWERS, "ping")  # type: ignore[arg-type]
    with pytest.raises(LookupError):
        release.ask("ping")


def test_a_release_whose_instances_are_not_ready_is_alive_and_does_not_answer_ping_with_yes(release: Release) -> None:
    release.live.ready = False
    release.running.state = states.BOOT
    assert release.ask("ping")[0] == [(frames.ERROR, b"todo is starting\n"), (frames.EXIT, b"4")]
    assert release.ask("alive")[0] == [(frames.OUTPUT, b"pong\n"), (frames.EXIT, b"0")]


def test_status_is_gathered_of_what_runs(release: Release) -> None:
    release.running.upgrade = SimpleNamespace(version="2.0.0", doing="waiting", others=[])  # type: ignore[assignment]
    told = json.loads(release.ask("status", "--json")[0][0][1])
    assert (told["state"], told["doing"], told["ready"]) == ("upgrading", "running", True)
    assert (told["pid"], told["uptime_s"]) == (os.getpid(), 42.0)
    assert told["upgrade"] == {"to": "2.0.0", "step": "waiting"}


def test_a_stop_with_its_own_time_changes_the_time_that_instances_have(release: Release) -> None:
    release.ask("stop", "0.5")
    assert release.running.stop_timeout_s == 0.5
    release.ask("stop")
    assert release.running.stop_timeout_s == 0.5
    assert release.did == [("stop", "`todo stop`")] * 2


def test_a_new_configuration_is_that_of_instances_started_from_now_on_without_the_managers_variables(
    release: Release,
) -> None:
    configured: list[dict[str, str]] = []
    release.live.keepers = [SimpleNamespace(configure=configured.append)]
    release.ask("reloaded", "A=2", "B=x=y", "NOTIFY_SOCKET=/run/theirs", "RELEASE_EVENT=pre_start")
    assert release.live.environ == {"A": "2", "B": "x=y"}
    assert configured == [{"A": "2", "B": "x=y", "RELEASE_NAME": "todo"}]
    assert release.did == [("reload",)]


def test_a_restart_of_the_release_is_told_its_environment_and_its_arguments_as_they_were(release: Release) -> None:
    assert release.ask("environ")[0][0] == (frames.OUTPUT, b"HOME=/root\0")
    assert release.ask("args")[0][0] == (frames.OUTPUT, b"--only\0web,worker\0--flag\0a b\0")


def test_what_takes_its_time_is_begun_by_whoever_does_it(release: Release) -> None:
    assert release.ask("restart", "worker") == ([], True)
    assert release.ask("upgrade", "{}") == ([], True)
    assert release.did == [("begin", "worker"), ("begin", "{}")]
