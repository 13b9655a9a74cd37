"""When does each end notice that the other one is out of reach? After about a minute, and not after the kernel's hours.

A firewall that forgets a connection, or a host that is gone, says nothing. The client's end is its socket, whatever the
driver calls its settings; PostgreSQL's end is set in the session, and the other servers have no such setting of a
session. What is probed is whether the other *kernel* is there: a statement that runs for hours, or a revision that
computes for hours between two of them, ends nothing. What somebody has set (in the URL, in `connect_args`, in the
environment of the driver) stays as it is.

No SQLAlchemy here: the lock around a command has the bare driver alone.
"""

from __future__ import annotations

import os
import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

IDLE_S, INTERVAL_S, PROBES = 30, 10, 3
LONGEST_SILENCE_S = IDLE_S + PROBES * INTERVAL_S
_OPTIONS = {
    # libpq's word: the option of the socket, what stands for "the system's own", and ours
    "keepalives_idle": (socket.TCP_KEEPIDLE, IDLE_S),
    "keepalives_interval": (socket.TCP_KEEPINTVL, INTERVAL_S),
    "keepalives_count": (socket.TCP_KEEPCNT, PROBES),
    "tcp_user_timeout": (socket.TCP_USER_TIMEOUT, LONGEST_SILENCE_S * 1000),
}
_SET_ON_POSTGRESQL = (
    "select set_config(s.name, w.value, false) from pg_settings s join (values"
    f" ('tcp_keepalives_idle', '{IDLE_S}'), ('tcp_keepalives_interval', '{INTERVAL_S}'),"
    f" ('tcp_keepalives_count', '{PROBES}'), ('tcp_user_timeout', '{LONGEST_SILENCE_S * 1000}')"
    ") w (name, value) on s.name = w.name"
    " where s.source <> 'client' and (s.setting::int = 0 or s.setting::int > w.value::int)"
)
"""For the server's end: longer ones become as long as ours, and a server that has not all of them sets the others.

'client' is what somebody has written into the URL (`options=-c tcp_keepalives_idle=...`). On a Unix socket it is
without effect, and no error.
"""


def keep_alive(connection: Any) -> None:
    """Let the socket of a driver's `connection` notice a silent other end, unless somebody has said how it should."""
    descriptor = descriptor_of(connection)
    if descriptor < 0:
        return
    try:
        with socket.socket(fileno=os.dup(descriptor)) as own:
            if own.family != socket.AF_UNIX:
                _set(own, _said_to_libpq(connection))
    except OSError:  # it is gone already, or the system has no such option: the next statement tells the first
        return


def set_on_postgresql(connection: Any) -> str:
    """Return the statement that does the same for the server's end of a driver's `connection`.

    With a pooler in transaction mode in between it does nothing: what is set there stays for others.
    """
    announced = announced_pid(connection)
    return _SET_ON_POSTGRESQL if announced is None else f"{_SET_ON_POSTGRESQL} and pg_backend_pid() = {announced}"


def announced_pid(connection: Any) -> int | None:
    """Return the process that PostgreSQL announced when the connection was made; None: this driver does not tell."""
    announced = getattr(getattr(connection, "info", None), "backend_pid", None)
    if announced is None and hasattr(connection, "get_server_pid"):
        announced = connection.get_server_pid()
    return announced


def descriptor_of(connection: Any) -> int:
    """Return the number of the socket of a driver's `connection`; -1 where that cannot be told."""
    for found in (connection, getattr(connection, "_usock", None), getattr(connection, "_sock", None)):
        if hasattr(found, "fileno"):
            return _number_of(found)
    # Those of asyncio: asyncpg, aiomysql.
    transport: Any = getattr(connection, "_transport", None) or getattr(connection, "_writer", None)
    found = transport.get_extra_info("socket") if hasattr(transport, "get_extra_info") else None
    return _number_of(found) if found is not None else -1


def _number_of(found: Any) -> int:
    try:
        return int(found.fileno())
    except Exception:  # whatever the driver calls it: the connection is closed
        return -1


def _set(own: socket.socket, said: Mapping[str, str]) -> None:
    if said.get("keepalives", "1") != "0":
        own.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    with socket.socket(own.family) as fresh:
        for name, (option, value) in _OPTIONS.items():
            is_systems = own.getsockopt(socket.IPPROTO_TCP, option) == fresh.getsockopt(socket.IPPROTO_TCP, option)
            if name not in said and is_systems:
                own.setsockopt(socket.IPPROTO_TCP, option, value)


def _said_to_libpq(connection: Any) -> Mapping[str, str]:
    """Return the words that a libpq was given by whomever, an URL or a service file; nothing for other drivers."""
    info: Any = getattr(connection, "info", None)
    if hasattr(info, "get_parameters"):  # psycopg
        return dict(info.get_parameters())
    return dict(getattr(info, "dsn_parameters", None) or {})  # psycopg2
