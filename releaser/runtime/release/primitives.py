"""The operating system's threads, locks, waits and clock, as they were before the app was imported.

gevent and eventlet put greenlets in their place in the modules that everybody imports; the agent needs the real
ones. This module is imported while no code of the app has run.
"""

from __future__ import annotations

from _thread import allocate_lock, get_ident, get_native_id, start_new_thread
from select import POLLIN, POLLOUT, poll
from time import monotonic, sleep

__all__ = [
    "POLLIN",
    "POLLOUT",
    "allocate_lock",
    "get_ident",
    "get_native_id",
    "monotonic",
    "poll",
    "sleep",
    "start_new_thread",
    "waiting",
]

waiting: set[int] = set()
"""Threads of the agent that wait for something outside of them and hold nothing: a fork need not wait for them."""
