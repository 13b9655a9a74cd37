"""What is read of systemd's variables, and which passed socket becomes which of the release's."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from releaser.runtime.bundle import listeners
from releaser.runtime.release.failures import Failure
from releaser.runtime.supervisor.telling import systemd


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, 0.0),
        ({"WATCHDOG_USEC": "3000000"}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "7"}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "8"}, 0.0),
        ({"WATCHDOG_USEC": "0"}, 0.0),
        ({"WATCHDOG_USEC": "-1"}, 0.0),
        ({"WATCHDOG_USEC": "soon"}, 0.0),
    ],
)
def test_a_watchdog_counts_when_it_is_ours_and_a_number(environ: dict[str, str], seconds: float) -> None:
    assert systemd.watchdog_s(environ, 7) == seconds


@pytest.mark.parametrize(
    ("environ", "passed"),
    [
        ({}, []),
        ({"LISTEN_FDS": "2", "LISTEN_PID": "7", "LISTEN_FDNAMES": "web:admin"}, [("web", 3), ("admin", 4)]),
        ({"LISTEN_FDS": "2", "LISTEN_PID": "7", "LISTEN_FDNAMES": "web"}, [("web", 3), ("", 4)]),
        ({"LISTEN_FDS": "1", "LISTEN_PID": "7"}, [("", 3)]),
        ({"LISTEN_FDS": "1", "LISTEN_PID": "8"}, []),
        ({"LISTEN_FDS": "1"}, []),
        ({"LISTEN_FDS": "many", "LISTEN_PID": "7"}, []),
    ],
)
def test_sockets_count_when_they_were_passed_to_this_process(
    environ: dict[str, str], passed: list[tuple[str, int]]
) -> None:
    assert systemd.passed_sockets(environ, 7) == passed


@pytest.fixture
def descriptors() -> Iterator[list[int]]:
    """Two listening sockets, as descriptors that nobody else owns."""
    found = []
    for _ in range(2):
        with socket.create_server(("127.0.0.1", 0)) as server:
            found.append(server.detach())
    yield found
    for descriptor in found:
        try:
            os.close(descriptor)
        except OSError:
            continue


FREE = "127.0.0.1:0"


def test_a_passed_socket_takes_the_place_of_the_one_of_its_name(descriptors: list[int]) -> None:
    first, second = descriptors
    bound = listeners.bind_all([("web", FREE), ("admin", FREE)], [("admin", first), ("web", second)])
    assert [(listener.name, listener.socket.fileno()) for listener in bound] == [("web", second), ("admin", first)]
    assert all(listener.is_passed for listener in bound)
    assert bound[0].socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    listeners.close_all(bound)


def test_what_was_not_passed_is_bound(descriptors: list[int]) -> None:
    bound = listeners.bind_all([("web", FREE), ("admin", FREE)], [("admin", descriptors[0])])
    assert [(listener.name, listener.is_passed) for listener in bound] == [("web", False), ("admin", True)]
    listeners.close_all(bound)


@pytest.mark.parametrize("name", ["", "shop.socket"])
def test_sockets_without_a_name_of_the_releases_are_taken_in_order(descriptors: list[int], name: str) -> None:
    passed = [(name, descriptor) for descriptor in descriptors]
    bound = listeners.bind_all([("web", FREE), ("admin", FREE)], passed)
    assert [(listener.name, listener.socket.fileno()) for listener in bound] == [
        ("web", descriptors[0]),
        ("admin", descriptors[1]),
    ]
    listeners.close_all(bound)


def test_a_socket_too_many_is_refused_by_its_name(descriptors: list[int]) -> None:
    passed = [("web", descriptors[0]), ("metrics", descriptors[1])]
    with pytest.raises(Failure, match="LISTEN_FDS") as caught:
        listeners.bind_all([("web", FREE)], passed)
    assert caught.value.details == (f"descriptor {descriptors[1]} (metrics): the release has no socket for it",)


def test_a_release_without_sockets_hands_down_what_it_was_given(descriptors: list[int]) -> None:
    bound = listeners.bind_all([], [("web", descriptors[0]), ("", descriptors[1])])
    assert listeners.variables(bound)["LISTEN_FDNAMES"] == f"web:fd{descriptors[1]}"
    listeners.close_all(bound)


def test_a_descriptor_that_is_no_socket_is_told() -> None:
    descriptor = os.open(os.devnull, os.O_RDONLY)
    with pytest.raises(Failure) as caught:
        listeners.bind_all([("web", FREE)], [("web", descriptor)])
    os.close(descriptor)
    assert caught.value.details == (f"descriptor {descriptor} (web): Socket operation on non-socket",)


def test_the_file_of_a_passed_unix_socket_stays(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen()
        bound = listeners.bind_all([("web", FREE)], [("web", server.detach())])
    assert bound[0].address == f"unix:{tmp_path}/s"
    listeners.close_all(bound)
    assert (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("fd://{socket.web}", "fd://3"),
        ("{socket.admin}{socket.web}-", "43-"),
        ("plain {x}", "plain {x}"),
    ],
)
def test_the_name_of_a_socket_becomes_the_number_of_its_descriptor(text: str, result: str) -> None:
    assert listeners.with_numbers(text, {"LISTEN_FDNAMES": "web:admin"}) == result


def test_a_name_that_is_no_socket_is_refused() -> None:
    with pytest.raises(Failure, match=r"\{socket.web\} in the setting command"):
        listeners.with_numbers("{socket.web}", {})
