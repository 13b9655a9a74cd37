"""What every connection of a migration is given, whoever makes it: a limit for the greeting, and ends that notice.

libpq has a limit of its own for connecting (PGCONNECT_TIMEOUT). PyMySQL limits the way to the server and then waits for
its greeting for ever, asyncpg waits for a minute.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import weakref
from contextlib import contextmanager, suppress

from sqlalchemy import Engine, event

from .keepalive import descriptor_of, keep_alive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType
    from typing import Any

    from sqlalchemy import Dialect

LONGEST_SILENCE_S = 10.0
_NAMING_DRIVERS = ("aiomysql", "pymysql")
_DRIVERS = ("aiomysql", "asyncmy", "asyncpg", "pymysql")


class Sessions:
    """The connections that this process has made."""

    def __init__(self) -> None:
        self._made: list[weakref.ref[Any]] = []

    def add(self, connection: Any) -> None:
        """Note a driver's connection."""
        with suppress(TypeError):  # it cannot be referred to weakly
            self._made.append(weakref.ref(connection))

    def cut(self) -> None:
        """Let whatever waits for an answer on one of them hear that there is none; called by another thread."""
        for made in tuple(self._made):
            descriptor = descriptor_of(made())
            if descriptor >= 0:
                with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as own:
                    own.shutdown(socket.SHUT_RDWR)


@contextmanager
def connecting_within(seconds: float, name: str = "") -> Iterator[Sessions]:
    """Let every attempt to connect in the main thread end after `seconds`, by a TimeoutError or the driver's own.

    Each connection is kept alive, and is one of the sessions that are given. To MySQL and MariaDB it has this `name`,
    if its driver can say one.
    """
    sessions = Sessions()

    def connect(dialect: Dialect, record: Any, words: list[Any], settings: dict[str, Any]) -> Any:
        if dialect.driver not in _DRIVERS or threading.current_thread() is not threading.main_thread():
            return None
        # Who returns a connection is the last one to be asked, and this one is the first: env.py may put a token in.
        for other in dialect.dispatch.do_connect:
            found = other(dialect, record, words, settings) if other is not connect else None
            if found is not None:
                return found
        if name and dialect.driver in _NAMING_DRIVERS:
            settings.setdefault("program_name", name)
        before = signal.signal(signal.SIGALRM, end)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            return dialect.connect(*words, **settings)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def end(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"no answer within {seconds:g} s")

    def made(connection: Any, record: Any) -> None:
        driver = getattr(connection, "driver_connection", connection)  # of asyncio: what SQLAlchemy has put around it
        keep_alive(driver)
        sessions.add(driver)

    event.listen(Engine, "do_connect", connect)
    event.listen(Engine, "connect", made)
    try:
        yield sessions
    finally:
        event.remove(Engine, "do_connect", connect)
        event.remove(Engine, "connect", made)
