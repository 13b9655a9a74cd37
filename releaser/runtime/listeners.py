"""The listening sockets of a release: bound once by the supervisor, inherited by every instance.

The protocol downward is systemd's (sd_listen_fds(3)): descriptors from 3 on, LISTEN_FDS, LISTEN_FDNAMES, LISTEN_PID.
TCP_NODELAY is set on the listener, since Linux hands it to accepted connections and a server that makes its socket
object from a bare descriptor never sets it (uvicorn --fd: 44 ms a request against 3).
"""

from __future__ import annotations

import _socket
import errno
import os
import stat

from .failures import FAILED, Failure
from .readiness import split_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

BACKLOG = 2048


class Listener:
    """One bound socket."""

    __slots__ = ("address", "name", "socket")

    def __init__(self, name: str, address: str, bound: _socket.socket) -> None:
        self.name = name
        self.address = address
        self.socket = bound


def bind_all(addresses: Sequence[tuple[str, str]]) -> list[Listener]:
    """Return a bound socket for each (name, address); they do not accept before `listen`.

    Raises:
        Failure: some cannot be bound; all of them are named, and none stays bound.
    """
    bound: list[Listener] = []
    details: list[str] = []
    for name, address in addresses:
        try:
            bound.append(Listener(name, address, _bind(address)))
        except ValueError as error:
            details.append(f"sockets.{name}: {error}")
        except OSError as error:
            details.append(f"sockets.{name}: {address}: {_reason(error)}")
    if not details:
        return bound
    for listener in bound:
        listener.socket.close()
    raise Failure(
        "cannot bind what the release listens on",
        FAILED,
        details=tuple(details),
        now="nothing was started",
        hint="`ss -ltnp` shows who listens there",
    )


def listen(listeners: Sequence[Listener]) -> None:
    """Begin to accept connections; they wait in the backlog until an instance takes them."""
    for listener in listeners:
        listener.socket.listen(BACKLOG)


def variables(listeners: Sequence[Listener]) -> dict[str, str]:
    """Return the variables that tell an instance what it inherits; LISTEN_PID is set after the fork."""
    if not listeners:
        return {}
    return {
        "LISTEN_FDS": str(len(listeners)),
        "LISTEN_FDNAMES": ":".join(listener.name for listener in listeners),
    }


def close_all(listeners: Sequence[Listener]) -> None:
    """Close the sockets; a Unix socket's file is removed."""
    for listener in listeners:
        listener.socket.close()
        if listener.address.startswith("unix:"):
            try:
                os.unlink(listener.address.removeprefix("unix:"))
            except OSError:
                pass


def _bind(address: str) -> _socket.socket:
    if address.startswith("unix:"):
        return _bind_unix(address.removeprefix("unix:"))
    host, port = split_address(address)
    family, kind, protocol, _, where = _socket.getaddrinfo(host, port, 0, _socket.SOCK_STREAM, 0, _socket.AI_PASSIVE)[0]
    found = _socket.socket(family, kind, protocol)
    try:
        found.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        found.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        if family == _socket.AF_INET6:
            found.setsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY, 1)
        found.bind(where)
    except OSError:
        found.close()
        raise
    return found


def _bind_unix(path: str) -> _socket.socket:
    """Bind a path; the file that a dead release left there is replaced, one that somebody answers on is not."""
    found = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        if os.path.exists(path) and stat.S_ISSOCK(os.stat(path).st_mode):
            if _answers(path):
                raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
            os.unlink(path)
        found.bind(path)
    except OSError:
        found.close()
        raise
    return found


def _answers(path: str) -> bool:
    client = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        return client.connect_ex(path) == 0
    finally:
        client.close()


def _reason(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another process listens there already"
    if error.errno == errno.EACCES:
        return "no permission (ports below 1024 need CAP_NET_BIND_SERVICE)"
    return error.strerror or str(error)
