"""Whatever is sent to the sockets of a running release: it is answered, and the release goes on as the same process."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.running import SERVER, Make, Release, Running, making_releases
from support.waiting import eventually

from releaser.runtime.protocol import accounts, frames, requests
from releaser.runtime.release.manifest import Socket
from releaser.runtime.supervisor.control import clients

APP = (
    SERVER
    + """
def url():
    host, port = socket.socket(fileno=os.dup(3)).getsockname()
    return f"http://{host}:{port}/"
"""
)
GROWTH_BYTES = 24 * 1024 * 1024
"""Far from what 60 requests of 4 MiB would make, and more than what all of them may hold and its copies."""


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    with making_releases(tmp_path) as make_one:
        yield make_one


@pytest.fixture
def served(make: Make) -> tuple[Release, Running]:
    release = make(modules={"app.py": APP}, sockets=[Socket(name="web", address="127.0.0.1:0")])
    return release, release.foreground()


def connected(release: Release, name: str) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(20)
    client.connect(str(release.var / "run" / name))
    return client


def answer_to(release: Release, name: str, data: bytes, *, hang_up: bool = False) -> list[tuple[bytes, bytes]]:
    """Return the frames that answer `data`; `hang_up` says that nothing more will be sent."""
    found = b""
    with connected(release, name) as client:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.sendall(data)
        if hang_up:
            client.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            while piece := client.recv(65536):
                found += piece
    return frames.Decoder().feed(found)


def assert_goes_on(release: Release, running: Running) -> None:
    assert release.run("ping").returncode == 0, running.errors()
    assert release.run("pid").stdout == f"{running.pid}\n"
    assert release.run("rpc", "app:pid").returncode == 0
    report = release.status()
    with urllib.request.urlopen(release.run("rpc", "app:url").stdout.strip(), timeout=20) as answer:
        assert answer.read() == b"hello"
    assert report["state"] == "running"


def request(*words: str) -> bytes:
    return frames.encode_request(*words)


def upgrade(**fields: object) -> bytes:
    good = {
        "format": 1,
        "version": "1.0.0",
        "python": "/usr/bin/python3",
        "may_migrate": False,
        "state_format": 1,
        "environ": {},
        "hooks": [],
    }
    return request("upgrade", json.dumps({**good, **fields}))


HEADER_ALONE = b"?" + requests.LARGE_BYTES.to_bytes(4, "big")
EVERYWHERE = {
    "http": b"GET / HTTP/1.1\r\n\r\n",
    "zeros": b"\0" * 4096,
    "random": bytes(range(256)) * 20,
    "huge": b"?\xff\xff\xff\xff",
    "too large for its verb": b"?\x00\x10\x00\x00" + b"1\0ping\0",
    "too large for an unknown verb": b"?\x00\x10\x00\x00" + b"1\0dance\0",
    "an answer": frames.reply("x", 0),
    "input": frames.encode(frames.INPUT, b"x"),
    "no body": frames.encode(frames.REQUEST, b""),
    "no verb": frames.encode(frames.REQUEST, b"1"),
    "protocol 0": frames.encode(frames.REQUEST, b"0\0ping"),
    "protocol 2": frames.encode(frames.REQUEST, b"2\0ping"),
    "unknown verb": request("dance"),
    "empty verb": request(""),
    "no utf-8": frames.encode(frames.REQUEST, b"1\0\xff\xfe\xfd"),
    "surrogates": frames.encode(frames.REQUEST, b"1\0\xed\xa0\x80"),
    "ping with words": request("ping", "now"),
    "a long verb": request("x" * 4000),
    "many words": frames.encode(frames.REQUEST, b"1\0reload" + b"\0" * 100_000),
}
CONTROL = {
    "restart without a name": request("restart"),
    "restart of nothing": request("restart", ""),
    "restart of a path": request("restart", "../main"),
    "restart of two": request("restart", "main", "main"),
    "stop abc": request("stop", "abc"),
    "stop nan": request("stop", "nan"),
    "stop inf": request("stop", "inf"),
    "stop negative": request("stop", "-1"),
    "stop for ever": request("stop", "1e300"),
    "stop with words": request("stop", "1", "now"),
    "status as what": request("status", "--xml"),
    "environ with words": request("environ", "A"),
    "reloaded with nothing": request("reloaded"),
    "reloaded without =": request("reloaded", "A=1", "B"),
    "upgrade without a text": request("upgrade"),
    "upgrade with two": request("upgrade", "{}", "{}"),
    "upgrade to nothing": request("upgrade", ""),
    "upgrade, deep": request("upgrade", "[" * 20_000),
    "upgrade, deep objects": request("upgrade", '{"a":' * 20_000),
    "upgrade, a list": request("upgrade", "[]"),
    "upgrade, empty": request("upgrade", "{}"),
    "upgrade, a path": upgrade(version="../../tmp"),
    "upgrade, two dots": upgrade(version=".."),
    "upgrade, python a number": upgrade(python=5),
    "upgrade, python no path": upgrade(python="python"),
    "upgrade, environ a list": upgrade(environ=["A=1"]),
    "upgrade, environ of numbers": upgrade(environ={"A": 1}),
    "upgrade, NUL in environ": upgrade(environ={"A": "x\0y"}),
    "upgrade, = in environ": upgrade(environ={"A=B": "x"}),
    "upgrade, surrogate in environ": upgrade(environ={"A": "\ud800"}),
    "upgrade, hooks a text": upgrade(hooks="x"),
    "upgrade, hooks of numbers": upgrade(hooks=[1]),
    "upgrade, hooks without fields": upgrade(hooks=[{}]),
    "upgrade, format a text": upgrade(format="1"),
    "upgrade, huge number": request("upgrade", "9" * 10_000),
}
AGENT = {
    "rpc without a target": request("rpc", "text"),
    "rpc without anything": request("rpc"),
    "rpc in xml": request("rpc", "xml", "app:pid"),
    "rpc of nothing": request("rpc", "text", ""),
    "rpc, no json": request("rpc", "json", "app:pid", "{"),
    "rpc, deep json": request("rpc", "json", "app:pid", "[" * 100_000),
    "rpc_at without an event": request("rpc_at", "", "text", "app:pid"),
    "ask without a target": request("ask"),
    "ask of what is no utf-8": frames.encode(frames.REQUEST, b"1\0ask\0\xff\xfe:x"),
    "ask of surrogates": frames.encode(frames.REQUEST, b"1\0ask\0app\xed\xa0\x80:x"),
    "rpc of what is no utf-8": frames.encode(frames.REQUEST, b"1\0rpc\0text\0\xff:x"),
    "ask with words": request("ask", "app:pid", "1"),
    "drain of whom": request("drain", "x", "replaced"),
    "drain of a huge number": request("drain", "9" * 4000, "replaced"),
    "drain without a kind": request("drain", "1"),
    "drain of another kind": request("drain", "1", "now"),
    "reload with nothing": request("reload"),
    "reload without =": request("reload", "A"),
    "console with words": request("console", "now"),
    "a verb of the other socket": request("upgrade", "{}"),
}


def test_every_malformed_request_is_answered_and_the_release_goes_on(served: tuple[Release, Running]) -> None:
    release, running = served
    instance = release.status()["instances"][0]["pid"]
    for name, shapes in (("control.sock", {**EVERYWHERE, **CONTROL}), ("agent.sock", {**EVERYWHERE, **AGENT})):
        for shape, data in shapes.items():
            found = answer_to(release, name, data)
            assert [kind for kind, _ in found] == [frames.ERROR, frames.EXIT], (name, shape, found)
            assert found[0][1].startswith(b"error: "), (name, shape, found)
            assert found[1][1] == b"2", (name, shape, found)
            assert answer_to(release, name, request("ping"))[-1] == (frames.EXIT, b"0"), (name, shape)
    assert_goes_on(release, running)
    assert release.status()["instances"][0]["pid"] == instance
    assert "Traceback" not in running.errors()


WAIT_FOR_GO = '#!/bin/sh\nwhile ! [ -e "$RELEASE_VAR/go" ]; do sleep 0.05; done\n'


@pytest.mark.parametrize(("event", "word"), [("pre_stop", "stopping"), ("post_start", "starting")])
def test_while_it_starts_or_stops_it_says_so_and_what_is_malformed_is_that_all_the_same(
    make: Make, event: str, word: str
) -> None:
    release = make(
        modules={"app.py": APP},
        sockets=[Socket(name="web", address="127.0.0.1:0")],
        hooks=[(event, "10-wait", WAIT_FOR_GO)],
    )
    running = release.begin("foreground")
    if event == "pre_stop":
        running.says("[release] is running")
        running.signal(signal.SIGTERM)
    eventually(lambda: release.run("status", "--json").stdout.find(f'"doing": "{event}"') > 0, within=20)
    for name, data in CONTROL.items():
        if name.startswith("upgrade"):
            assert (frames.EXIT, b"2") in answer_to(release, "control.sock", data), name
    restarted = release.run("restart", "main")
    assert (restarted.returncode, restarted.stderr) == (
        4,
        f"error: cannot restart 'main': app is {word}\n  now: nothing was restarted\n",
    )
    told = answer_to(release, "control.sock", upgrade())
    assert told[0] == (frames.ERROR, f"error: app cannot be upgraded: it is {word}\n".encode())
    assert told[-1] == (frames.EXIT, b"4")
    (release.var / "go").touch()
    if event == "post_start":
        running.says("[release] is running")
        running.signal(signal.SIGTERM)
    assert running.wait() == 0


def test_what_ends_anywhere_in_a_request_is_let_go(served: tuple[Release, Running]) -> None:
    release, running = served
    for name, data in (
        ("control.sock", request("status", "--json")),
        ("agent.sock", request("rpc", "text", "app:pid")),
    ):
        for length in range(len(data)):
            assert answer_to(release, name, data[:length], hang_up=True) == []
    assert_goes_on(release, running)


def test_the_command_stop_tells_that_its_time_was_not_taken(served: tuple[Release, Running]) -> None:
    release, running = served
    done = release.run("stop", "--timeout", "99999999999")
    assert done.returncode == 2
    assert "expected `stop [SECONDS from 0 to 31536000]`" in done.stderr
    assert "now: the release goes on" in done.stderr
    assert_goes_on(release, running)


def rss_bytes(pid: int) -> int:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def send_all_it_takes(client: socket.socket, data: bytes) -> None:
    """Send until the other side takes no more or hangs up."""
    client.settimeout(2)
    with contextlib.suppress(OSError):
        client.sendall(data)


def half_of(beginning: bytes) -> bytes:
    return HEADER_ALONE + beginning + b"x" * (requests.LARGE_BYTES - len(beginning) - 1000)


@pytest.mark.parametrize(
    ("name", "half"),
    [
        ("control.sock", half_of(b"1\0upgrade\0")),
        ("control.sock", half_of(b"1\0reloaded\0A=")),
        ("control.sock", half_of(b"1\0ping\0")),
        ("control.sock", half_of(b"x" * 40)),
        ("agent.sock", half_of(b"1\0rpc\0text\0app:pid\0")),
        ("agent.sock", half_of(b"1\0reload\0A=")),
    ],
    ids=["upgrade", "reloaded", "ping", "unknown", "rpc", "reload"],
)
def test_sixty_half_requests_hold_little_and_another_gets_through(
    served: tuple[Release, Running], name: str, half: bytes
) -> None:
    release, running = served
    pid = running.pid if name == "control.sock" else release.status()["instances"][0]["pid"]
    assert answer_to(release, name, request("ping"))[-1] == (frames.EXIT, b"0")
    before = rss_bytes(pid)
    flood = []
    try:
        for _ in range(60):
            client = connected(release, name)
            send_all_it_takes(client, half)
            flood.append(client)
            assert answer_to(release, name, request("ping"))[-1] == (frames.EXIT, b"0")
        grown = rss_bytes(pid) - before
        assert grown < GROWTH_BYTES, f"{grown / 1024 / 1024:.0f} MiB"
        assert_goes_on(release, running)
    finally:
        for client in flood:
            client.close()


def test_a_request_of_its_full_size_is_taken_while_nobody_else_holds_much(served: tuple[Release, Running]) -> None:
    release, _ = served
    assert clients.MAX_HELD_BYTES > requests.LARGE_BYTES
    assert accounts.MAX_HELD_BYTES > requests.LARGE_BYTES
    value = "x" * 3_000_000
    assert answer_to(release, "control.sock", request("reloaded", f"A={value}"))[-1] == (frames.EXIT, b"0")
    done = answer_to(release, "agent.sock", request("rpc", "text", "builtins:len", value))
    assert done == [(frames.OUTPUT, b"3000000\n"), (frames.EXIT, b"0")]


def test_consoles_that_are_flooded_with_lines_hold_little(served: tuple[Release, Running]) -> None:
    release, running = served
    pid = release.status()["instances"][0]["pid"]
    before = rss_bytes(pid)
    busy = request("console") + frames.encode(frames.INPUT, b"import time; time.sleep(60)\n")
    flood = []
    try:
        for _ in range(10):
            client = connected(release, "agent.sock")
            flood.append(client)
            send_all_it_takes(client, busy + frames.encode(frames.INPUT, b"#" * 2_000_000) * 10)
        assert rss_bytes(pid) - before < GROWTH_BYTES
        assert_goes_on(release, running)
    finally:
        for client in flood:
            client.close()
    eventually(lambda: release.run("rpc", "app:pid").returncode == 0)


def test_answers_that_nobody_reads_hold_little(served: tuple[Release, Running]) -> None:
    release, running = served
    value = "x" * 3_000_000
    assert answer_to(release, "control.sock", request("reloaded", f"A={value}"))[-1] == (frames.EXIT, b"0")
    before = rss_bytes(running.pid)
    flood = []
    try:
        for _ in range(60):
            client = connected(release, "control.sock")
            client.sendall(request("status"))
            flood.append(client)
        assert rss_bytes(running.pid) - before < GROWTH_BYTES
        assert_goes_on(release, running)
    finally:
        for client in flood:
            client.close()
