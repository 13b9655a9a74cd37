"""Both sockets of a running release: whatever is sent, the release goes on as the same process, and so does its app."""

from __future__ import annotations

import contextlib
import json
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import strategies as st
from support.built import free_port
from support.fuzzing import fuzzed, kept_cases, one_example
from support.running import Release, Running, making_releases
from support.waiting import eventually

from releaser.runtime.protocol import frames, sockets
from releaser.runtime.release.layout import AGENT_SOCKET, CONTROL_SOCKET
from releaser.runtime.release.manifest import Socket

SOCKETS = (CONTROL_SOCKET, AGENT_SOCKET)
ANSWERS_WITHIN_S = 15.0
_LISTENS_S = 1.0
"""How long a client listens for an answer: to half a request there is none, until the other side lets go."""
_PIECE = 65536


class Target:
    """A release that serves, and is started anew for the next example once one has ended it."""

    def __init__(self, release: Release, port: int) -> None:
        self.release = release
        self.port = port
        self.running: Running = self._started()

    def go_on(self) -> None:
        if self.running.process.poll() is not None:
            self.running = self._started()

    def _started(self) -> Running:
        running = self.release.foreground()
        eventually(lambda: asked(self.folder, AGENT_SOCKET, "ping")[0] == 0, within=30)
        return running

    @property
    def folder(self) -> str:
        return str(self.release.var / "run")

    def check(self) -> None:
        """Check that the release and its app go on as the processes that they were."""
        told = f"{self.running.output()[-2000:]}\n{self.running.errors()[-4000:]}"
        assert self.running.process.poll() is None, told
        # Like the client, which comes again where so many wait that nobody more may.
        eventually(lambda: asked(self.folder, CONTROL_SOCKET, "ping") == (0, b"pong\n"), within=ANSWERS_WITHIN_S)
        assert asked(self.folder, CONTROL_SOCKET, "pid") == (0, f"{self.running.pid}\n".encode())
        eventually(lambda: asked(self.folder, AGENT_SOCKET, "ping")[0] == 0, within=ANSWERS_WITHIN_S)
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=ANSWERS_WITHIN_S) as answer:
            assert answer.status == 200
        assert "Traceback" not in told


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with making_releases(tmp_path_factory.mktemp("s")) as make:
        port = free_port()
        yield Target(make(sockets=[Socket(name="web", address=f"127.0.0.1:{port}")]), port)


def connected(folder: str, name: str, within_s: float = ANSWERS_WITHIN_S) -> contextlib.closing[Any]:
    """Return a connection that is closed in the end, however deep the folder lies."""
    return contextlib.closing(sockets.connect(folder, name, within_s))


def asked(folder: str, name: str, *words: str) -> tuple[int, bytes]:
    """Return the exit code and the output of one request."""
    try:
        with connected(folder, name) as connection:
            connection.sendall(frames.encode_request(*words))
            found = answer_of(connection)
    except OSError as error:
        return -1, str(error).encode()
    return code_in(found), b"".join(body for kind, body in found if kind == frames.OUTPUT)


def answer_of(connection: Any) -> list[tuple[bytes, bytes]]:
    """Return the frames that come until the other side closes."""
    decoder, found = frames.Decoder(), []
    while data := connection.recv(_PIECE):
        found += decoder.feed(data)
        if found and found[-1][0] == frames.EXIT:
            break
    return found


def code_in(found: list[tuple[bytes, bytes]]) -> int:
    """Return the exit code of an answer, -1 where there is none."""
    return next((int(body) for kind, body in found if kind == frames.EXIT), -1)


# What is sent.

_VERBS = ["ping", "alive", "pid", "status", "stop", "reloaded", "environ", "args", "restart", "upgrade"]
_OF_THE_AGENT = ["rpc", "rpc_at", "ask", "drain", "reload", "console"]
# fmt: off
_ODD = [
    "", "nan", "inf", "-1", "abc", "1e999", "--json", "text", "json", "app:pid", "app:none", "none:none", ":", "a.b",
    "A=1", "=", "{}", "[]", "[" * 20_000, '{"version": 1}', '{"hooks": 3}', "null", "9" * 5_000, "x" * 4_000, "\udcff",
]
_KEYS = ["version", "hooks", "environ", "python", "variables", "state"]
_BODIES = [b"", b"1", b"1\0", b"2\0ping", b"\xff\xfe", b"1\0ping\0\0", b"x" * 5000]
# fmt: on
_WORDS = st.sampled_from(_ODD) | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["version", "hooks", "environ", "python", "variables", "state"]), inner, max_size=4
        )
    ),
    max_leaves=5,
)


def ends_it(words: list[str]) -> bool:
    """Tell whether a request is a right one, by which the release would end, as it should, or its app drain."""
    if words[:1] == ["stop"]:
        with contextlib.suppress(ValueError):
            return len(words) == 1 or (len(words) == 2 and float(words[1]) >= 0)
    return words[:1] == ["drain"]


@st.composite
def requests(draw: Any) -> bytes:
    """Draw a request of a known verb, with words that it may not have."""
    verb = draw(st.sampled_from([*_VERBS, *_OF_THE_AGENT]) | st.text(max_size=5).filter(lambda text: "\0" not in text))
    words = [verb, *draw(st.lists(_WORDS, max_size=4))]
    if verb == "upgrade" and draw(st.booleans()):
        words = [verb, json.dumps(draw(_JSON))]
    return frames.encode_request(*(["stop", "abc"] if ends_it(words) else words))


@st.composite
def raw_frames(draw: Any) -> bytes:
    """Draw a frame of any type, of a length that may not be that of its body."""
    kind = draw(st.sampled_from([b"?", b"?", b"o", b"e", b"x", b"i", b"c", b"t", b"\0", b"\xff", b"G"]))
    body = draw(st.sampled_from(_BODIES) | st.binary(max_size=9))
    length = draw(st.sampled_from([len(body), len(body), 0, len(body) + 1, 4 << 20, (16 << 20) + 1, (1 << 32) - 1]))
    return kind + length.to_bytes(4, "big") + body


SENT = st.lists(requests() | requests() | raw_frames() | st.binary(max_size=20), min_size=1, max_size=4).map(b"".join)
CLIENTS = st.lists(
    st.tuples(st.sampled_from(SOCKETS), SENT, st.integers(1, 5), st.sampled_from(["wait", "leave", "half", "end"])),
    min_size=1,
    max_size=4,
)


def send(target: Target, clients: list[tuple[str, bytes, int, str]]) -> None:
    """Send what each client has to say, all of them connected at once, and check what each is answered."""
    with contextlib.ExitStack() as stack:
        connections = []
        for name, data, pieces, manner in clients:
            connection = stack.enter_context(connected(target.folder, name))
            connections.append((connection, manner))
            data = data[: len(data) // 2] if manner == "half" else data
            size = len(data) // pieces + 1
            with contextlib.suppress(ConnectionError):  # it has been let go, as it may be
                for at in range(0, len(data), size):
                    connection.sendall(data[at : at + size])
        for connection, manner in connections:
            if manner == "end":
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_WR)
            if manner in ("wait", "end"):
                connection.settimeout(_LISTENS_S)
                with contextlib.suppress(ConnectionError, TimeoutError):
                    found = answer_of(connection)
                    assert code_in(found) != 70, found
    target.check()


@fuzzed(CLIENTS, examples=60)
def test_whatever_clients_send_the_release_goes_on(target: Target, clients: list[tuple[str, bytes, int, str]]) -> None:
    target.go_on()
    with one_example():
        send(target, clients)


@fuzzed(st.sampled_from(SOCKETS), requests(), examples=80)
def test_whatever_is_requested_the_release_goes_on(target: Target, name: str, request: bytes) -> None:
    target.go_on()
    with one_example():
        send(target, [(name, request, 1, "end")])


@pytest.mark.parametrize("name", SOCKETS)
@pytest.mark.parametrize("case", kept_cases("sockets"), ids=lambda path: path.name)
def test_a_case_that_was_found_once_leaves_the_release_going(target: Target, case: Path, name: str) -> None:
    target.go_on()
    with one_example():
        send(target, [(name, case.read_bytes(), 1, "end")])


@pytest.mark.parametrize("name", SOCKETS)
def test_half_frames_of_many_clients_are_not_all_kept(target: Target, name: str) -> None:
    target.go_on()
    before = held_by(target)
    half = b"?" + (4 << 20).to_bytes(4, "big") + b"1\0upgrade\0" + b"x" * ((4 << 20) - 2000)
    with contextlib.ExitStack() as stack:
        for _ in range(60):
            connection = stack.enter_context(connected(target.folder, name))
            with contextlib.suppress(ConnectionError, TimeoutError):
                connection.settimeout(1.0)
                connection.sendall(half)
        target.check()
        assert held_by(target) - before < 48 << 20


def held_by(target: Target) -> int:
    """Return the bytes that the supervisor and the app hold together."""
    supervisor = psutil.Process(target.running.pid)
    return sum(int(each.memory_info().rss) for each in (supervisor, *supervisor.children(recursive=True)))


@pytest.mark.parametrize("name", SOCKETS)
def test_hundreds_of_clients_that_say_nothing_keep_nobody_else_out(target: Target, name: str) -> None:
    target.go_on()
    with contextlib.ExitStack() as stack:
        for _ in range(600):
            with contextlib.suppress(OSError):
                stack.enter_context(connected(target.folder, name, 0.5))
        target.check()
