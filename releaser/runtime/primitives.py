"""The operating system's threads, locks, waits and clock, as they were before the app was imported.

gevent and eventlet put greenlets in their place in the modules that everybody imports; the agent needs the real
ones. This module is imported while no code of the app has run.
"""

from __future__ import annotations

from _thread import allocate_lock, get_ident, start_new_thread
from select import POLLIN, POLLOUT, poll
from time import monotonic, sleep

__all__ = ["POLLIN", "POLLOUT", "allocate_lock", "get_ident", "monotonic", "poll", "sleep", "start_new_thread"]
