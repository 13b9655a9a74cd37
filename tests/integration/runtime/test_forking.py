"""An app that forks while it is asked: nothing hangs, nothing warns, nothing is left behind."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.driving import Running, instance, is_serving, run, running
from support.handmade import Handmade, write_release
from support.waiting import eventually

from releaser.runtime.protocol import frames

APP = """
import asyncio, importlib, logging, os, signal, sys, threading, time, warnings

def main():
    warnings.filterwarnings("always", "This process .* is multi-threaded", DeprecationWarning)
    print("up", flush=True)
    while True:
        job = signal.sigwaitinfo([signal.SIGUSR1])
        forked.append(fork_many(40))

async def amain():
    print("up", flush=True)
    await asyncio.Event().wait()

signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
forked = []

def fork_many(count):
    hung = 0
    for number in range(count):
        child = os.fork()
        if child == 0:
            work(number)
            if os.fork() == 0:
                os._exit(0)
            importlib.reload(sys.modules["textwrap"])
            os._exit(0)
        deadline = time.monotonic() + 20
        while os.waitpid(child, os.WNOHANG) == (0, 0):
            if time.monotonic() > deadline:
                hung += 1
                os.kill(child, signal.SIGKILL)
            time.sleep(0.0005)
    return hung

def work(number=0):
    import textwrap
    logging.getLogger(f"some.{os.getpid()}.{time.monotonic_ns()}").debug("x")
    importlib.reload(textwrap)
    print(end="", flush=True)

def results(): return forked

def waits(path):
    open(path, "w").close()
    while not os.path.exists(path + ".go"):
        time.sleep(0.01)
    return "went on"

async def forks_on_the_loop(): return fork_many(3)
def threads(): return len(os.listdir("/proc/self/task"))
def main_forks(): signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
"""


@pytest.fixture
def app(tmp_path: Path) -> Iterator[tuple[Handmade, Running]]:
    release = write_release(tmp_path / "r", modules={"app.py": APP})
    with instance(release) as (process, _):
        eventually(lambda: process.stdout == "up\n")
        yield release, process


def names_in(release: Handmade) -> set[str]:
    """Return the names of the files in the folder of sockets."""
    return {path.name for path in Path(release.layout.run).iterdir()}


def rpc(release: Handmade, *words: str) -> Any:
    done = run(release.command("rpc", "--json", *words))
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


@contextmanager
def called_without_pause(release: Handmade, target: str) -> Iterator[list[bytes]]:
    """Have the app called from three threads at once all the time; the list is what did not end well."""
    is_over = threading.Event()
    failures: list[bytes] = []
    request = frames.encode_request("rpc", "text", target)

    def call() -> None:
        while not is_over.is_set():
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(30)
                client.connect(f"{release.layout.run}/agent.sock")
                client.sendall(request)
                answer = b""
                while piece := client.recv(4096):
                    answer += piece
            if answer != frames.encode(frames.EXIT, b"0"):
                failures.append(answer)

    callers = [threading.Thread(target=call) for _ in range(3)]
    for caller in callers:
        caller.start()
    try:
        yield failures
    finally:
        is_over.set()
        for caller in callers:
            caller.join()


def test_no_fork_hangs_or_warns_while_the_app_is_called(app: tuple[Handmade, Running]) -> None:
    release, process = app
    with called_without_pause(release, "app:work") as failures:
        rpc(release, "app:main_forks")
        assert eventually(lambda: rpc(release, "app:results"), within=60) == [0]
        assert rpc(release, "app:fork_many", "10") == 0
    assert failures == []
    assert process.stderr == ""
    assert eventually(lambda: rpc(release, "app:threads") == 3)


def test_a_fork_does_not_wait_for_ever_for_a_call(app: tuple[Handmade, Running], tmp_path: Path) -> None:
    release, process = app
    begun = tmp_path / "begun"
    with running(release.command("rpc", "app:waits", str(begun))) as caller:
        eventually(begun.exists)
        rpc(release, "app:main_forks")
        assert eventually(lambda: rpc(release, "app:results"), within=60) == [0]
        (tmp_path / "begun.go").touch()
        assert (caller.wait(), caller.stdout) == (0, "went on\n")
    assert process.stderr == ""


def test_an_open_console_brings_no_warning(app: tuple[Handmade, Running]) -> None:
    release, process = app
    with running(release.command("remote_console")) as console:
        console.write("6 * 7\n")
        eventually(lambda: "42\n" in console.stdout)
        rpc(release, "app:main_forks")
        assert eventually(lambda: rpc(release, "app:results"), within=60) == [0]
        console.write("6 * 8\n")
        assert eventually(lambda: "48\n" in console.stdout)
    assert process.stderr == ""


def test_a_coroutine_that_forks_does_not_wait_for_its_own_caller(tmp_path: Path) -> None:
    from releaser.runtime.release.manifest import Entry

    entry = Entry(kind="callable", target="app:amain", argv0="app", args=[])
    release = write_release(tmp_path / "r", modules={"app.py": APP}, entry=entry)
    with instance(release) as (process, _):
        eventually(lambda: process.stdout == "up\n")
        assert rpc(release, "app:forks_on_the_loop") == 0
        assert is_serving(release)
        assert names_in(release) == {"agent.sock"}
