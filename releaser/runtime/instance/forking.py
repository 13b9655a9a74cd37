"""What becomes of the agent when the app forks: it never makes a fork hang, and a worker gets an agent of its own.

A child starts with every lock as it was in the parent at that moment; a lock that a thread held, which the child
does not have, is never given back. So before a fork the agent's thread ends and the calls under way are waited for,
and after it the thread is started again. Callers that come meanwhile wait in the socket's queue::

    fork in the app                  agent
    before      ask                  the thread ends
                wait, up to 1 s      the calls under way end; one that takes longer is not waited for a second time
    parent      -                    the thread starts
    child       close what is the    none
                parent's

In a pre-forking server the workers answer, since it is there that the app is imported and serves: a worker keeps the
inherited listener, whose queue it shares with the other workers, and has a socket of its own, `agent@PID.sock`. The
master has no agent from the first worker on.

Python 3.12 warns when a process with several threads forks, and some versions count after the agent's thread was
started again. As long as the other threads are all the agent's, the warning is kept from the app; one about threads of
its own is not.
"""

from __future__ import annotations

import os
import sys

from ..release import primitives
from ..release.primitives import allocate_lock, get_ident, monotonic, sleep
from . import native_threads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Protocol

    from .native_threads import NativeThread

    class Guest(Protocol):
        """What the hooks need of the agent, which makes them."""

        def stop(self) -> None: ...
        def resume(self) -> None: ...
        def callers(self) -> Sequence[NativeThread]: ...
        def forget(self) -> None: ...
        def move_to_worker(self) -> None: ...


WAIT_S = 1.0
"""How long a fork waits for the calls under way."""
_LOOK_AGAIN_S = 0.0002
_SPAWN_WORKER = (("gunicorn.arbiter", "spawn_worker"),)
"""Who forks the workers of a pre-forking server: module and function that call `os.fork`."""
_WARNING = "This process [(]pid=[0-9]+[)] is multi-threaded"
_PATCHES = ("gevent.",)
"""Modules whose functions may stand between the two."""


class Forks:
    """The hooks of one agent around every fork of its process."""

    def __init__(self, agent: Guest) -> None:
        self._agent = agent
        self._lock = allocate_lock()
        self._forking: dict[int, bool] = {}
        self._is_before_logging = False
        self._is_absent = False
        os.register_at_fork(
            before=self._before, after_in_parent=self._after_in_parent, after_in_child=self._after_in_child
        )

    def come_first(self) -> None:
        """Run before the hook of `logging`, which takes a lock that a call under way may be waiting for.

        Hooks run in the reverse order of their registration, and the agent is there before any other module.
        """
        if not self._is_before_logging and "logging" in sys.modules:
            self._is_before_logging = True
            os.register_at_fork(before=self._before)

    def _before(self) -> None:
        me = get_ident()
        with self._lock:
            if me in self._forking:
                return
            self._forking[me] = _is_spawning_worker(sys._getframe(1))
        self._agent.stop()
        self._wait_for_calls(me)
        if sys.version_info >= (3, 12):
            _keep_warning_back()

    def _wait_for_calls(self, me: int) -> None:
        deadline = monotonic() + WAIT_S
        under_way = [caller for caller in self._agent.callers() if caller.is_waited_for]
        while True:
            under_way = [
                caller
                for caller in under_way
                if caller.is_alive()
                and caller.ident != me
                and caller.ident not in primitives.waiting
                and caller.ident not in self._forking
            ]
            if not under_way:
                return
            if monotonic() > deadline:
                for caller in under_way:
                    caller.is_waited_for = False
                return
            sleep(_LOOK_AGAIN_S)

    def _after_in_parent(self) -> None:
        with self._lock:
            if self._forking.pop(get_ident(), False):
                self._is_absent = True  # the workers answer from now on
            if not self._forking and not self._is_absent:
                self._agent.resume()

    def _after_in_child(self) -> None:
        is_worker = self._forking.get(get_ident(), False)
        self._lock = allocate_lock()
        self._forking = {}
        primitives.waiting.clear()
        if is_worker:
            self._is_absent = False
            self._agent.move_to_worker()
        else:
            self._is_absent = True
            self._agent.forget()


def _keep_warning_back() -> None:
    """Ignore, or no longer ignore, the warning about threads at the fork that is about to happen."""
    import warnings

    if native_threads.count_others() == 1:
        warnings.filterwarnings("ignore", _WARNING, DeprecationWarning)  # never there twice
        return
    for item in list(warnings.filters):
        if item[0] == "ignore" and getattr(item[1], "pattern", "") == _WARNING:
            warnings.filters.remove(item)  # type: ignore[attr-defined]


def _is_spawning_worker(frame: Any) -> bool:
    while frame is not None and frame.f_globals.get("__name__", "").startswith(_PATCHES):
        frame = frame.f_back
    return frame is not None and (frame.f_globals.get("__name__"), frame.f_code.co_name) in _SPAWN_WORKER
