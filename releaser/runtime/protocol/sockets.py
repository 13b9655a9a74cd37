"""Unix sockets in a folder that may lie deeper than a socket address can say.

`sun_path` holds 107 bytes (unix(7)). Binding and connecting by a bare name from inside the folder works at any
depth; the working directory is that of the whole process, so this is done before threads exist, or in a client
that has no other thread. `_socket` is used directly: `socket` costs 3 ms and 1 MiB at each start.
"""

from __future__ import annotations

import _socket
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MAX_ADDRESS_BYTES = 107
SO_PEERCRED = 17


def bind(folder: str, name: str, kind: int = _socket.SOCK_STREAM) -> _socket.socket:
    """Return a socket bound to `name` in `folder`, mode 0600, replacing a stale file; streams are listening.

    The file appears by rename, so whoever finds it can connect. Not for processes with several threads.
    """
    found = _socket.socket(_socket.AF_UNIX, kind)
    temporary = f".{name}.{os.getpid()}"
    umask = os.umask(0o177)
    try:
        _inside(folder, lambda: _bind_here(found, temporary, name))
    finally:
        os.umask(umask)
    if kind == _socket.SOCK_STREAM:
        found.listen(128)
    return found


def connect(folder: str, name: str, timeout_s: float | None = None) -> _socket.socket:
    """Return a stream connected to `name` in `folder`.

    Raises:
        OSError: nobody listens there (ENOENT, ECONNREFUSED), or not in time.
    """
    client = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    client.settimeout(timeout_s)
    path = os.path.join(folder, name)
    try:
        if len(os.fsencode(path)) <= MAX_ADDRESS_BYTES:
            client.connect(path)
        else:
            _inside(folder, lambda: client.connect(name))
    except BaseException:
        client.close()
        raise
    return client


def peer_uid(connection: _socket.socket) -> int:
    """Return the user id of the process at the other end (SO_PEERCRED, unix(7))."""
    credentials = connection.getsockopt(_socket.SOL_SOCKET, SO_PEERCRED, 12)
    return int.from_bytes(credentials[4:8], sys.byteorder)


def is_trusted(connection: _socket.socket) -> bool:
    """Tell whether the other end is the user that owns this process, or root."""
    return peer_uid(connection) in (0, os.getuid())


def _bind_here(unbound: _socket.socket, temporary: str, name: str) -> None:
    try:
        os.unlink(temporary)
    except FileNotFoundError:
        pass
    unbound.bind(temporary)
    os.rename(temporary, name)


def _inside(folder: str, action: Callable[[], None]) -> None:
    """Run `action` with `folder` as the working directory, then go back."""
    try:
        before = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:  # the caller's own folder is gone or cannot be read: there is nowhere to go back to
        os.chdir(folder)
        action()
        return
    try:
        os.chdir(folder)
        action()
    finally:
        os.fchdir(before)
        os.close(before)
