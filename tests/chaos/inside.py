"""The points of a run on SQLite: env.py imports this, in the process of the release or of alembic.

SQLite tells of each statement before it is executed, the driver's own BEGIN and COMMIT included. What is to happen at
which of them is in the environment. Uses nothing but the standard library: it travels in a bundle.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sqlite3.dbapi2
import threading
from typing import Any

LOG = "CHAOS_LOG"
"""The file that gets a line for each point."""
FAULT = "CHAOS_FAULT"
"""`kill 17`, `term 17`, or `disk 17`."""
FILLER = "CHAOS_FILLER"
"""The file that fills the disk."""
STRUCK = " struck"

_connections = 0
_points = 0


def begin() -> None:
    """Listen to every SQLite connection that is opened from now on."""
    action, _, number = os.environ.get(FAULT, "").partition(" ")

    def connect(*words: Any, **settings: Any) -> sqlite3.Connection:
        global _connections
        _connections += 1
        own = _connections
        connection = inner(*words, **settings)
        connection.set_trace_callback(lambda statement: reach(own, statement))
        return connection

    def reach(connection: int, statement: str) -> None:
        global _points
        _points += 1
        is_meant = number == str(_points)
        with open(os.environ[LOG], "a") as log:  # noqa: PTH123
            log.write(json.dumps([connection, " ".join(statement.split())]) + "\n")
        if is_meant:
            strike(action)

    inner = sqlite3.connect
    sqlite3.dbapi2.connect = connect  # where SQLAlchemy takes it from


def strike(action: str) -> None:
    """Do what is to be done at the point."""
    with open(os.environ[LOG] + STRUCK, "w"):  # noqa: PTH123
        pass
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "disk":
        fill(os.environ[FILLER])
    else:
        # What is raised in here, SQLite swallows; the signal comes while the statement is at work, or just after.
        threading.Timer(0.001, os.kill, (os.getpid(), signal.SIGTERM)).start()


def fill(path: str) -> None:
    """Leave no room on the disk of `path`."""
    with open(path, "wb", buffering=0) as filler:  # noqa: PTH123
        for size in (1 << 20, 1 << 12, 1 << 8):
            try:
                while filler.write(bytes(size)):
                    pass
            except OSError:
                continue
