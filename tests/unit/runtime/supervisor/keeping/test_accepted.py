from __future__ import annotations

import os
import socket

import pytest
from support.waiting import eventually

from releaser.runtime.supervisor.keeping import accepted

ADDRESSES = (
    (socket.AF_INET, "127.0.0.1", "127.0.0.1"),
    (socket.AF_INET6, "::1", "::1"),
    (socket.AF_INET6, "::", "127.0.0.1"),  # one socket for both kinds, reached through IPv4
)


@pytest.mark.parametrize(("family", "bound", "called"), ADDRESSES)
def test_nobody_is_known_before_a_process_has_accepted_and_then_it_is_that_one(
    family: int, bound: str, called: str
) -> None:
    with socket.socket(family) as listener:
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((bound, 0))
        listener.listen()
        with socket.create_connection((called, listener.getsockname()[1])) as client:
            assert accepted.inode_of_peer(client) == ""  # type: ignore[arg-type]
            answered, _ = listener.accept()
            with answered:
                inode = eventually(lambda: accepted.inode_of_peer(client))  # type: ignore[arg-type]
                assert os.fstat(answered.fileno()).st_ino == int(inode)
                assert accepted.is_held_by(inode, os.getsid(0))
                assert not accepted.is_held_by(inode, 1 if os.getsid(0) != 1 else 2)


def test_the_processes_of_a_session_are_found() -> None:
    assert os.getpid() in accepted.processes_of(os.getsid(0))
