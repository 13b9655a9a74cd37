"""Whether a thread is gone from the system, and not only done with its Python code: what a fork has to know."""

from __future__ import annotations

import os

from ..release.primitives import get_ident, get_native_id

_TASKS = "/proc/self/task"
_begun: set[int] = set()


class NativeThread:
    """A thread made with `start_new_thread`; it says itself when it begins."""

    __slots__ = ("_native_id", "ident", "is_waited_for")

    def __init__(self) -> None:
        self.ident = 0
        self.is_waited_for = True
        """Whether a fork waits for its end, see `releaser.runtime.instance.forking`."""
        self._native_id = 0

    def begin(self) -> None:
        """Note who this is; the first thing that the thread does."""
        self.ident = get_ident()
        self._native_id = get_native_id()
        _begun.add(self._native_id)

    def is_alive(self) -> bool:
        """Tell whether the system knows the thread, or will: one that has not begun counts as alive."""
        return self._native_id == 0 or os.path.exists(f"{_TASKS}/{self._native_id}")


def count_others() -> int:
    """Return how many threads this process has that are not the agent's; the main thread is one of them."""
    alive = {int(name) for name in os.listdir(_TASKS)}
    _begun.intersection_update(alive)
    return len(alive - _begun)
