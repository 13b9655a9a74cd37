"""The listening sockets of a release: bound once by the supervisor, inherited by every instance.

The protocol downward is systemd's (sd_listen_fds(3)): descriptors from 3 on, LISTEN_FDS, LISTEN_FDNAMES, LISTEN_PID.
TCP_NODELAY is set on the listener, since Linux hands it to accepted connections and a server that makes its socket
object from a bare descriptor never sets it (uvicorn --fd: 44 ms a request against 3).

Sockets that systemd passed in (`systemd.passed_sockets`) take the place of bound ones: those whose name is that of a
socket of the release, or, when no name is, all of them in order. A release without `sockets` hands down what it got.
"""

from __future__ import annotations

import _socket
import errno
import os
import stat

from ..release.addresses import split_address
from ..release.failures import DAMAGED, FAILED, Failure
from .process import FIRST_INHERITED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BACKLOG = 2048
_MARK = "{socket."


class Listener:
    """One bound socket."""

    __slots__ = ("address", "is_passed", "name", "socket")

    def __init__(self, name: str, address: str, bound: _socket.socket, *, is_passed: bool = False) -> None:
        self.name = name
        self.address = address
        self.socket = bound
        self.is_passed = is_passed  # systemd made it, and keeps it when we end


def bind_all(addresses: Sequence[tuple[str, str]], passed: Sequence[tuple[str, int]] = ()) -> list[Listener]:
    """Return a bound socket for each (name, address); they do not accept before `listen`.

    `passed` are names and descriptors of sockets that need not be bound any more. The order is that of `addresses`,
    whatever the order they were passed in.

    Raises:
        Failure: some cannot be bound or used; all of them are named, and none stays bound.
    """
    bound = _adopt([name for name, _ in addresses], passed)
    adopted = {listener.name for listener in bound}
    details: list[str] = []
    for name, address in addresses:
        if name in adopted:
            continue
        try:
            bound.append(Listener(name, address, _bind(address)))
        except ValueError as error:
            details.append(f"sockets.{name}: {error}")
        except OSError as error:
            details.append(f"sockets.{name}: {address}: {_reason(error)}")
    if not details:
        order = [name for name, _ in addresses]
        return sorted(bound, key=lambda listener: order.index(listener.name)) if order else bound
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
        if not listener.socket.getsockopt(_socket.SOL_SOCKET, _socket.SO_ACCEPTCONN):
            listener.socket.listen(BACKLOG)


def variables(listeners: Sequence[Listener]) -> dict[str, str]:
    """Return the variables that tell an instance what it inherits; LISTEN_PID is set after the fork."""
    if not listeners:
        return {}
    return {
        "LISTEN_FDS": str(len(listeners)),
        "LISTEN_FDNAMES": ":".join(listener.name for listener in listeners),
    }


def with_numbers(text: str, environ: Mapping[str, str]) -> str:
    """Return `text` with `{socket.NAME}` replaced by the descriptor that this instance inherits under that name.

    Raises:
        Failure: there is no socket of that name.
    """
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    before, mark, rest = text.partition(_MARK)
    while mark:
        name, _, rest = rest.partition("}")
        if name not in names:
            raise Failure(f"{_MARK}{name}}} in the setting command: no socket of that name was inherited", DAMAGED)
        before += str(FIRST_INHERITED + names.index(name))
        between, mark, rest = rest.partition(_MARK)
        before += between
    return before


def close_all(listeners: Sequence[Listener]) -> None:
    """Close the sockets; the file of a Unix socket that we bound is removed."""
    for listener in listeners:
        listener.socket.close()
        if listener.address.startswith("unix:") and not listener.is_passed:
            try:
                os.unlink(listener.address.removeprefix("unix:"))
            except OSError:
                pass


def _adopt(names: Sequence[str], passed: Sequence[tuple[str, int]]) -> list[Listener]:
    """Return the passed sockets under the names that the release has for them.

    Raises:
        Failure: one is not a listening socket, or the release has no socket for it.
    """
    if names and not any(name in names for name, _ in passed):
        renamed = [(names[i] if i < len(names) else name, found) for i, (name, found) in enumerate(passed)]
    else:
        renamed = list(passed)
    adopted: list[Listener] = []
    details: list[str] = []
    for name, descriptor in renamed:
        if names and name not in names:
            details.append(f"descriptor {descriptor} ({name or 'without a name'}): the release has no socket for it")
            continue
        try:
            adopted.append(_adopted(name or f"fd{descriptor}", descriptor))
        except OSError as error:
            details.append(f"descriptor {descriptor} ({name or 'without a name'}): {error.strerror or error}")
    if details:
        close_all(adopted)
        raise Failure(
            "cannot use the sockets that were passed in with LISTEN_FDS",
            DAMAGED,
            details=tuple(details),
            now="nothing was started",
            hint=f"`sockets` of the release has {', '.join(names) or 'none'}; FileDescriptorName= names a passed one",
        )
    return adopted


def _adopted(name: str, descriptor: int) -> Listener:
    os.set_inheritable(descriptor, False)  # hooks and tasks do not get it
    found = _socket.socket(fileno=descriptor)
    if found.family in (_socket.AF_INET, _socket.AF_INET6) and found.type == _socket.SOCK_STREAM:
        found.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
    return Listener(name, _address_of(found), found, is_passed=True)


def _address_of(found: _socket.socket) -> str:
    where = found.getsockname()
    if found.family == _socket.AF_UNIX:
        path = os.fsdecode(where)
        return f"unix:@{path[1:]}" if path.startswith("\0") else f"unix:{path}"
    host, port = where[0], where[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


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
