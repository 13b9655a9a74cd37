"""What the running app starts when it migrates, and who hears of it."""

from __future__ import annotations

import asyncio
import io
import sys
import threading

import pytest

from releaser.runtime import progress
from releaser.runtime.migrations.from_the_app import command

ENVIRON = {
    "RELEASE_ROOT": "/srv/shop",
    "RELEASE_VERSION": "1.4.0",
    "RELEASE_VAR": "/var/shop",
    "RELEASE_PYTHON": "/srv/shop/python-3.11.7/bin/python3.11",
    "DATABASE_URL": "sqlite://",
}


def test_the_command_is_the_one_that_the_launcher_ends_in() -> None:
    argv, _ = command(["accounts"], "3f2a", ENVIRON)
    assert argv == [
        "/srv/shop/python-3.11.7/bin/python3.11",
        "-I",
        "-S",
        "/srv/shop/releases/1.4.0/runtime",
        "/srv/shop",
        "1.4.0",
        "migrate",
        "accounts",
        "--at-least",
        "3f2a",
    ]
    assert command((), "+2", ENVIRON)[0][-2:] == ["--to", "+2"]


def test_the_child_gets_the_environment_without_what_announces_and_serves_the_app() -> None:
    _, environ = command((), "head", {**ENVIRON, "LISTEN_FDS": "2", "LISTEN_PID": "7", "NOTIFY_SOCKET": "@x"})
    assert environ == ENVIRON


def test_what_is_missing_to_be_a_process_of_a_release_is_named() -> None:
    with pytest.raises(RuntimeError, match="not a process of a release: RELEASE_VERSION, RELEASE_PYTHON not set"):
        command((), "head", {"RELEASE_ROOT": "/srv/shop", "RELEASE_VAR": "/var/shop", "RELEASE_PYTHON": ""})


def test_progress_goes_to_the_sink_and_afterwards_to_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    error = io.StringIO()
    monkeypatch.setattr(sys, "stderr", error)
    with progress.SentTo(heard.append):
        progress.write("to the caller\n")
    progress.write("to nobody in particular\n")
    assert (heard, error.getvalue()) == (["to the caller\n"], "to nobody in particular\n")


def test_two_callers_hear_only_their_own_progress() -> None:
    heard: dict[str, list[str]] = {"a": [], "b": []}
    both_in = threading.Barrier(2)

    def call(name: str) -> None:
        with progress.SentTo(heard[name].append):
            both_in.wait(10)
            progress.write(name)

    threads = [threading.Thread(target=call, args=(name,)) for name in heard]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert heard == {"a": ["a"], "b": ["b"]}


def test_a_coroutine_on_another_threads_loop_writes_to_the_caller_that_sent_it_there() -> None:
    heard: list[str] = []
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def called() -> None:
        await asyncio.to_thread(progress.write, "from a worker thread")

    try:
        with progress.SentTo(heard.append):
            asyncio.run_coroutine_threadsafe(called(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
    assert heard == ["from a worker thread"]


def test_progress_survives_an_app_without_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    progress.write("unheard\n")
