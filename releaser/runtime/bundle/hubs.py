"""In which thread a function runs that is called from outside: where it was asked for, or on the app's gevent hub.

In an app that gevent has patched, locks, queues and connections belong to the hub of the main thread, and a function
that touches them must be a greenlet there. gevent keeps the hub where no other thread can ask for it, so it is looked
for once among the interpreter's objects. As long as there is none, no greenlet has waited yet, and the function runs
in the thread that asks.
"""

from __future__ import annotations

import sys

from ..release import primitives
from ..release.primitives import allocate_lock, get_ident, monotonic
from . import loops

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_LOOK_AGAIN_S = 0.1
_YIELD_S = 1.0
"""A greenlet that is to be interrupted and does not yield for so long is interrupted as code without greenlets is."""
_TRIES = 10
"""How often that is done to one that goes on all the same."""
_found: list[Any] = []


def call(function: Callable[[], Any]) -> Any:
    """Return what `function()` gives; KeyboardInterrupt raised in this thread meanwhile is raised in the greenlet.

    Raises:
        BaseException: what the function raised. SystemExit in it ends neither the hub nor the app.
    """
    hub = app_hub()
    if hub is None:
        return function()
    work = _Work(hub, function)
    primitives.waiting.add(get_ident())
    try:
        hub.loop.run_callback_threadsafe(work.begin)
        while not work.is_done.acquire(True, _LOOK_AGAIN_S):
            pass
    except KeyboardInterrupt:
        work.interrupt()
        raise
    finally:
        primitives.waiting.discard(get_ident())
    if work.error is not None:
        raise work.error
    return work.value


def app_hub() -> Any:
    """Return the hub of the app's main thread if gevent has patched the app and this is another thread, or None."""
    monkey = sys.modules.get("gevent.monkey")
    if not getattr(monkey, "saved", None) or loops.main_thread() in (0, get_ident()):
        return None
    if _found and _is_hub_of_main_thread(_found[0]):
        return _found[0]
    import gc

    _found[:] = [thing for thing in gc.get_objects() if _is_hub_of_main_thread(thing)][:1]
    return _found[0] if _found else None


def _is_hub_of_main_thread(thing: Any) -> bool:
    kind = sys.modules["gevent.hub"].Hub if "gevent.hub" in sys.modules else ()
    # An isinstance() would run code of objects that stand for others.
    return issubclass(type(thing), kind) and thing.thread_ident == loops.main_thread() and thing.loop is not None


class _Work:
    """One function on its way through the hub; `begin` runs there, everything else in the thread that asks."""

    def __init__(self, hub: Any, function: Callable[[], Any]) -> None:
        import contextvars

        self._hub = hub
        self._function = function
        self._context = contextvars.copy_context()
        self._greenlet: Any = None
        self._is_given_up = False
        self.value: Any = None
        self.error: BaseException | None = None
        self.is_done = allocate_lock()
        self.is_done.acquire()

    def begin(self) -> None:
        if not self._is_given_up:
            self._greenlet = sys.modules["gevent"].spawn(self._run)

    def _end(self) -> None:
        """On the hub: have the greenlet raise KeyboardInterrupt where it waits, or never begin."""
        self._is_given_up = True
        if self._greenlet is None:
            self.is_done.release()
        else:
            self._greenlet.kill(KeyboardInterrupt, block=False)

    def _run(self) -> None:
        try:
            self.value = self._context.run(self._function)
        except BaseException as error:
            self.error = error
        finally:
            self.is_done.release()

    def interrupt(self) -> None:
        """Raise KeyboardInterrupt in the greenlet when it yields; if it does not, in the main thread as it runs it."""
        self._hub.loop.run_callback_threadsafe(self._end)
        for _ in range(_TRIES):
            deadline = monotonic() + _YIELD_S
            while monotonic() < deadline:
                if self.is_done.acquire(True, _LOOK_AGAIN_S):
                    return
            self._interrupt_main_thread()

    def _interrupt_main_thread(self) -> None:
        frame = sys._current_frames().get(loops.main_thread())
        while frame is not None:
            if frame.f_code is _Work._run.__code__ and frame.f_locals.get("self") is self:
                import ctypes

                thread, exception = ctypes.c_ulong(loops.main_thread()), ctypes.py_object(KeyboardInterrupt)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, exception)
                return
            frame = frame.f_back
