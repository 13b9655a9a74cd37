"""Restarts of one process: refused, begun, and answered once all its instances are ready."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from releaser.runtime.protocol import frames
from releaser.runtime.supervisor.control.restarting import Restarting


class Keeper:
    """Stands for one instance."""

    def __init__(self, process: str, name: str) -> None:
        self.process = SimpleNamespace(name=process)
        self.name = name
        self.restarted_at: list[float] = []

    def restart(self, now: float) -> None:
        self.restarted_at.append(now)


class Client:
    """Stands for whoever asked."""

    def __init__(self) -> None:
        self.keep_open = False
        self.replies: list[bytes] = []

    def finish(self, reply: bytes) -> None:
        self.replies.append(reply)


class Release:
    """A release of a main process and two workers."""

    def __init__(self) -> None:
        self.keepers = [Keeper("main", "main"), Keeper("worker", "worker.1"), Keeper("worker", "worker.2")]
        self.is_free = True
        self.said: list[str] = []
        running: Any = SimpleNamespace(
            live=SimpleNamespace(keepers=self.keepers),
            name="todo",
            is_free=lambda: self.is_free,
            why_not_free=lambda: "upgrading",
        )
        voice: Any = SimpleNamespace(say=self.said.append)
        self.restarting = Restarting(running, voice, lambda: 7.0)

    def ask(self, name: str) -> tuple[Client, bytes]:
        client = Client()
        asking: Any = client
        return client, self.restarting.begin(name, asking)

    def become_ready(self, keeper: Any) -> None:
        self.restarting.take_ready(keeper)


@pytest.fixture
def release() -> Release:
    return Release()


def test_whoever_asks_hears_of_it_when_the_last_instance_of_the_process_is_ready(release: Release) -> None:
    main, one, two = release.keepers
    client, answer = release.ask("worker")
    assert (answer, client.keep_open, release.restarting.is_under_way) == (b"", True, True)
    assert (main.restarted_at, one.restarted_at, two.restarted_at) == ([], [7.0], [7.0])
    release.become_ready(two)
    release.become_ready(main)
    assert client.replies == []
    release.become_ready(one)
    assert client.replies == [frames.reply("", 0)]
    assert not release.restarting.is_under_way
    assert release.said == ["restarts worker"]


def test_one_replica_may_be_meant(release: Release) -> None:
    client, _ = release.ask("worker.2")
    release.become_ready(release.keepers[2])
    assert client.replies == [frames.reply("", 0)]
    assert release.keepers[1].restarted_at == []


def test_two_who_ask_for_the_same_are_both_answered(release: Release) -> None:
    clients = [release.ask("main")[0] for _ in range(2)]
    release.become_ready(release.keepers[0])
    assert [client.replies for client in clients] == [[frames.reply("", 0)]] * 2


@pytest.mark.parametrize(
    ("is_free", "name", "text"),
    [
        (True, "mail", "error: no process 'mail' runs now; the release goes on\n"),
        (False, "main", "error: cannot restart 'main': todo is upgrading\n  now: nothing was restarted\n"),
    ],
)
def test_what_cannot_be_restarted_now_is_refused(release: Release, is_free: bool, name: str, text: str) -> None:
    release.is_free = is_free
    client, answer = release.ask(name)
    assert frames.Decoder().feed(answer) == [(frames.ERROR, text.encode()), (frames.EXIT, b"4")]
    assert (client.keep_open, release.restarting.is_under_way) == (False, False)
    assert [keeper.restarted_at for keeper in release.keepers] == [[], [], []]
