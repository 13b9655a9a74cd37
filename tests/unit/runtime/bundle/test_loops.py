from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextvars import ContextVar

import pytest
from support.waiting import eventually

from releaser.runtime.bundle import loops

variable: ContextVar[str] = ContextVar("variable")


async def where() -> asyncio.AbstractEventLoop:
    await asyncio.sleep(0)
    return asyncio.get_running_loop()


async def leave() -> None:
    raise SystemExit(3)


async def read() -> str:
    return variable.get("nothing")


@pytest.fixture(params=["with a task", "without a task"])
def loop(request: pytest.FixtureRequest) -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that runs in a thread, which is taken for the main one."""
    running = asyncio.new_event_loop()
    begun = threading.Event()

    async def pending() -> None:
        begun.set()
        await asyncio.Event().wait()

    def body() -> None:
        loops.remember_main_thread()
        if request.param == "with a task":
            running.task = running.create_task(pending())  # type: ignore[attr-defined]
        else:
            running.call_soon(begun.set)
        running.run_forever()
        for task in asyncio.all_tasks(running):
            task.cancel()
        running.run_until_complete(asyncio.sleep(0))
        running.close()

    thread = threading.Thread(target=body)
    thread.start()
    assert begun.wait(20)
    yield running
    running.call_soon_threadsafe(running.stop)
    thread.join(20)
    loops.remember_main_thread()


def test_without_a_loop_one_is_made_for_the_call() -> None:
    loops.remember_main_thread()
    assert loops.running_loop() is None
    assert isinstance(loops.wait_for(where()), asyncio.AbstractEventLoop)


def test_the_running_loop_of_the_main_thread_is_used(loop: asyncio.AbstractEventLoop) -> None:
    assert loops.running_loop() is loop
    assert loops.wait_for(where()) is loop


def test_a_coroutine_that_leaves_does_not_end_the_loop(loop: asyncio.AbstractEventLoop) -> None:
    with pytest.raises(SystemExit):
        loops.wait_for(leave())
    assert loops.wait_for(where()) is loop


def test_the_callers_context_reaches_the_coroutine(loop: asyncio.AbstractEventLoop) -> None:
    token = variable.set("the caller's")
    try:
        assert loops.wait_for(read()) == "the caller's"
    finally:
        variable.reset(token)


def test_the_loop_of_another_call_is_not_taken_for_the_apps() -> None:
    loops.remember_main_thread()

    async def look() -> asyncio.AbstractEventLoop | None:
        return loops.running_loop()

    assert loops.wait_for(look()) is None


def test_a_loop_that_ends_first_is_told() -> None:
    running = asyncio.new_event_loop()

    async def never() -> None:
        running.stop()
        await asyncio.Event().wait()

    def body() -> None:
        loops.remember_main_thread()
        running.run_forever()

    thread = threading.Thread(target=body)
    thread.start()
    eventually(running.is_running)
    with pytest.raises(RuntimeError, match="the app's event loop ended before the coroutine did"):
        loops.wait_for(never())
    thread.join(20)
    for task in asyncio.all_tasks(running):
        task.cancel()
    running.run_until_complete(asyncio.sleep(0))
    running.close()
    loops.remember_main_thread()
