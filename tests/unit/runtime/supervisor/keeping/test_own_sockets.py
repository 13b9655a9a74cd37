"""The names of an instance's sockets, alone and beside another version's."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from releaser.runtime.supervisor.keeping.own_sockets import OwnSockets


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    return folder


def names(run: Path) -> list[str]:
    return sorted(path.name for path in run.iterdir())


def test_notifications_come_as_lines_and_none_after_the_end(run: Path) -> None:
    own = OwnSockets(str(run), "worker.2", 0)
    assert (own.descriptor, own.receive()) == (-1, [])
    own.open()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as app:
        app.sendto(b"READY=1\nSTATUS=up", own.address)
    assert own.receive() == ["READY=1", "STATUS=up"]
    assert names(run) == ["notify-worker.2.sock"]
    own.close()
    assert (own.descriptor, own.receive(), names(run)) == (-1, [], [])


def test_each_generation_notifies_by_a_name_of_its_own_and_the_first_by_the_plain_one(run: Path) -> None:
    both = [OwnSockets(str(run), "main", generation) for generation in (0, 3)]
    for own in both:
        own.open()
    assert names(run) == ["notify.sock", "notify~3.sock"]
    for own in both:
        own.close()


def test_what_the_image_before_has_listened_on_is_gone_on_with(run: Path) -> None:
    before, after = OwnSockets(str(run), "main", 2), OwnSockets(str(run), "main", 0)
    before.open()
    state = before.state()
    after.adopt({**state, "notify": os.dup(state["notify"])})
    assert after.address == before.address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as app:
        app.sendto(b"READY=1", after.address)
    assert after.receive() == ["READY=1"]
    before.close()
    after.close()


def test_an_agent_that_steps_aside_leaves_its_name_and_takes_it_back(run: Path) -> None:
    own = OwnSockets(str(run), "main", 0)
    (run / "agent.sock").write_text("old")
    own.step_aside()
    assert (own.agent, names(run)) == ("agent-old.sock", ["agent-old.sock"])
    assert own.agents() == ("agent-old.sock", "agent.sock")
    own.step_back()
    assert (own.agent, names(run)) == ("agent.sock", ["agent.sock"])


def test_an_app_without_an_agent_steps_aside_all_the_same(run: Path) -> None:
    own = OwnSockets(str(run), "main", 0)
    own.step_aside()
    assert own.agent == "agent-old.sock"


def test_an_agent_that_cannot_be_renamed_keeps_its_name(run: Path) -> None:
    own = OwnSockets(str(run), "main", 0)
    (run / "agent.sock").write_text("old")
    (run / "agent-old.sock").mkdir()
    with pytest.raises(IsADirectoryError):
        own.step_aside()
    assert (own.agent, names(run)) == ("agent.sock", ["agent-old.sock", "agent.sock"])


@pytest.mark.parametrize(
    ("is_beside", "is_aside", "left"),
    [
        (False, False, ["agent-old.sock"]),
        (True, False, ["agent-old.sock", "agent@4711.sock"]),
        (False, True, ["agent.sock", "agent@4711.sock"]),
    ],
)
def test_workers_of_another_version_keep_their_sockets(
    run: Path, is_beside: bool, is_aside: bool, left: list[str]
) -> None:
    own = OwnSockets(str(run), "main", 0)
    if is_aside:
        own.step_aside()
    for name in ("agent.sock", "agent-old.sock", "agent@4711.sock"):
        (run / name).write_text("")
    own.unlink_agent(is_beside=is_beside)
    assert names(run) == left
