"""How long may a server be silent while a connection to it is made?

libpq has a limit of its own (PGCONNECT_TIMEOUT). PyMySQL limits the way to the server and then waits for its greeting
for ever, asyncpg waits for a minute.
"""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager

from sqlalchemy import Engine, event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType
    from typing import Any

    from sqlalchemy import Dialect

LONGEST_SILENCE_S = 10.0
_DRIVERS = ("aiomysql", "asyncmy", "asyncpg", "pymysql")


@contextmanager
def connecting_within(seconds: float) -> Iterator[None]:
    """Let every attempt to connect in the main thread end after `seconds`, by a TimeoutError or the driver's own."""

    def connect(dialect: Dialect, record: Any, words: list[Any], settings: dict[str, Any]) -> Any:
        if dialect.driver not in _DRIVERS or threading.current_thread() is not threading.main_thread():
            return None
        before = signal.signal(signal.SIGALRM, end)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            return dialect.connect(*words, **settings)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def end(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"no answer within {seconds:g} s")

    event.listen(Engine, "do_connect", connect)
    try:
        yield
    finally:
        event.remove(Engine, "do_connect", connect)
