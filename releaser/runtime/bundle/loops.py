"""On which event loop a coroutine runs that is called from outside: the app's own, or one made for the call.

asyncio has no public way to ask another thread for its loop. A loop is found through its tasks, which asyncio keeps
for `all_tasks`, or, while it has none, through the frames of the main thread: the loop's own, or asyncio.Runner's.
uvloop's loops run in C, so their frames show nothing, but `uvloop.run` uses that Runner; one without it and without a
task is looked for among the interpreter's objects.
"""

from __future__ import annotations

import sys

from ..release.primitives import get_ident, waiting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Awaitable, Iterator
    from typing import Any

_LOOK_AGAIN_S = 0.2
_made_here: set[AbstractEventLoop] = set()
_main_thread = 0


def remember_main_thread() -> None:
    """Take the calling thread for the app's main thread."""
    global _main_thread
    _main_thread = get_ident()


def main_thread() -> int:
    """Return the identity of the app's main thread, 0 in a process that has no agent."""
    return _main_thread


def wait_for(awaitable: Awaitable[Any]) -> Any:
    """Return what `awaitable` gives, awaited on the app's running loop, or on a new one when there is none.

    Not for the thread of a running loop. On KeyboardInterrupt the coroutine is cancelled.

    Raises:
        RuntimeError: the app's loop ended before the coroutine did.
        BaseException: what the coroutine raised. SystemExit in it ends neither the loop nor the app.
    """
    loop = running_loop()
    outcome = _wait_on(loop, awaitable) if loop is not None else _wait_alone(awaitable)
    value, error = outcome
    if error is not None:
        raise error
    return value


def running_loop() -> AbstractEventLoop | None:
    """Return the app's running event loop, the main thread's if there are several, or None."""
    if "asyncio.tasks" not in sys.modules:
        return None
    found = [loop for loop in _loops_of_tasks() if loop.is_running() and loop not in _made_here]
    for loop in found:
        if getattr(loop, "_thread_id", None) == _main_thread:
            return loop
    for loop in _loops_of_frames():
        if loop.is_running() and loop not in _made_here:
            return loop
    found = found or [loop for loop in _loops_of_uvloop() if loop.is_running() and loop not in _made_here]
    return found[0] if found else None


async def _caught(awaitable: Awaitable[Any]) -> tuple[Any, BaseException | None]:
    """Await, and return an exception as a value: a task that raises SystemExit would end the app's loop."""
    try:
        return await awaitable, None
    except BaseException as error:
        return None, error


def _wait_on(loop: AbstractEventLoop, awaitable: Awaitable[Any]) -> tuple[Any, BaseException | None]:
    import asyncio

    future = asyncio.run_coroutine_threadsafe(_caught(awaitable), loop)
    waiting.add(get_ident())
    try:
        while True:
            try:
                return future.result(_LOOK_AGAIN_S)
            except TimeoutError:
                if not loop.is_running() and not future.done():
                    raise RuntimeError("the app's event loop ended before the coroutine did") from None
    except KeyboardInterrupt:
        future.cancel()
        raise
    finally:
        waiting.discard(get_ident())


def _wait_alone(awaitable: Awaitable[Any]) -> tuple[Any, BaseException | None]:
    import asyncio

    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        _made_here.add(loop)
        try:
            return runner.run(_caught(awaitable))
        finally:
            _made_here.discard(loop)


def _loops_of_tasks() -> list[AbstractEventLoop]:
    tasks = sys.modules["asyncio.tasks"]
    loops: dict[AbstractEventLoop, None] = {}
    for name in ("_all_tasks", "_scheduled_tasks", "_eager_tasks"):  # the first up to 3.11, the others from 3.12
        for task in _snapshot(getattr(tasks, name, ())):
            loops[task.get_loop()] = None
    return list(loops)


def _snapshot(tasks: Any) -> list[Any]:
    """Copy a set that another thread may be changing, as `asyncio.all_tasks` does."""
    for _ in range(1000):
        try:
            return list(tasks)
        except RuntimeError:
            continue
    return []


def _loops_of_frames() -> Iterator[AbstractEventLoop]:
    from asyncio import AbstractEventLoop, Runner

    frame = sys._current_frames().get(_main_thread)
    while frame is not None:
        for value in list(frame.f_locals.values()):
            if isinstance(value, AbstractEventLoop):
                yield value
            elif isinstance(value, Runner) and getattr(value, "_loop", None) is not None:
                yield value.get_loop()
        frame = frame.f_back


def _loops_of_uvloop() -> list[AbstractEventLoop]:
    if "uvloop" not in sys.modules:
        return []
    import gc

    kind = sys.modules["uvloop"].Loop
    return [thing for thing in gc.get_objects() if issubclass(type(thing), kind)]
