"""Who holds a migration lock, since when, and at which revision? From what the server knows, and from the journal.

No SQLAlchemy here: the lock around a command has the bare driver alone.
"""

from __future__ import annotations

import os
import socket
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_LONGEST_NAME = 63
"""PostgreSQL cuts application_name there."""
_TIME = "'YYYY-MM-DD HH24:MI:SS'"
ON_POSTGRESQL = (
    "select a.application_name, a.pid, coalesce(host(a.client_addr), 'a local socket'),"
    f" to_char(a.backend_start at time zone 'UTC', {_TIME}), coalesce(a.state, 'unknown'),"
    f" to_char(a.state_change at time zone 'UTC', {_TIME})"
    " from pg_locks l join pg_stat_activity a on a.pid = l.pid"
    " where l.locktype = 'advisory' and l.granted and l.objsubid = 1"
    " and l.database = (select oid from pg_database where datname = current_database())"
)
"""The session that has an advisory lock; its key is to be added."""
ON_MYSQL = "select user, host, command, time from information_schema.processlist where id = "
NAME_ON_MYSQL = (
    "select attr_value from performance_schema.session_account_connect_attrs"
    " where attr_name = 'program_name' and processlist_id = "
)
"""Servers without performance_schema, MariaDB's default, know no names."""


class Holder:
    """The session, or the process, that has the lock."""

    def __init__(self, name: str, session: str, *, is_idle: bool = False) -> None:
        self.name = name  # of the runner, as it calls itself; "" if that is not known
        self.session = session  # what is known of it besides
        self.is_idle = is_idle  # it waits for its runner, which may have gone without a word

    def told(self, entry: Any = None) -> str:
        """Return it in words; `entry`, or None, is what the journal says to be at work."""
        name, at = self.name, ""
        if entry is not None:
            by = f"{entry.release} {entry.version} {entry.host}:{entry.pid}"
            name = name or by
            if by[:_LONGEST_NAME] == name[:_LONGEST_NAME]:
                undo = "the undo of " if entry.direction == "down" else ""
                at = f", at {undo}{entry.revision} since {entry.began_at} UTC"
        if not name:
            return self.session
        return f"{name} ({self.session}){at}"


GONE = "a session that has just ended"


def name_of_runner(release: str, version: str) -> str:
    """Return how this process is named to others."""
    return f"{release} {version} {socket.gethostname()}:{os.getpid()}"


def utc() -> str:
    """Return the time, as it is told."""
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime())} UTC"


def on_postgresql(row: Sequence[Any] | None) -> Holder:
    """Return the holder whose session `ON_POSTGRESQL` has found."""
    if row is None:
        return Holder("", GONE)
    name, pid, address, connected, state, changed = row
    is_idle = str(state).startswith("idle")
    since = f" since {changed} UTC" if is_idle else ""
    session = f"server pid {pid}, from {address}, connected {connected} UTC, {state}{since}"
    return Holder(str(name or "an unnamed session"), session, is_idle=is_idle)


def on_mysql(number: object, row: Sequence[Any] | None, name: object) -> Holder:
    """Return the holder with this number, of whom `ON_MYSQL` and `NAME_ON_MYSQL` have found what they could."""
    if number is None:
        return Holder("", GONE)
    if row is None:
        return Holder(str(name or ""), f"connection {number}")
    user, address, command, seconds = row
    session = f"connection {number} of {user} from {address}, {str(command).lower()} for {seconds} s"
    return Holder(str(name or ""), session, is_idle=str(command).lower() == "sleep")
