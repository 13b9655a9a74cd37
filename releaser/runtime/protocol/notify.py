"""systemd's notification protocol (sd_notify(3)) in both directions: newline separated NAME=VALUE datagrams.

Upward the supervisor tells systemd; downward every instance has a NOTIFY_SOCKET of the supervisor's. That one is a
file in `run`, or, when the release lies too deep for a socket address, a name in the abstract namespace, which any
user can send to: so the sender's user id is checked on each message (SCM_CREDENTIALS, unix(7)).
"""

from __future__ import annotations

import _socket
import os
import sys

from . import sockets

STARTED = "X_RELEASER=started"
"""What an instance sends once its entry point is imported and about to be called."""
WHY = "X_RELEASER_WHY="
"""What an instance that cannot go on sends before it ends, with the sentence that a person is to read."""

SO_PASSCRED = 16
SCM_CREDENTIALS = 2
_CREDENTIALS_BYTES = 12


def send(address: str, text: str) -> bool:
    """Send one message to `address`, a path or `@name`; return whether it was delivered. An empty address is no one."""
    if not address:
        return False
    client = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
    try:
        client.connect("\0" + address[1:] if address.startswith("@") else address)
        client.send(text.encode("utf-8", "surrogateescape"))
    except OSError:
        return False
    finally:
        client.close()
    return True


def offer(address: str, text: str) -> bool:
    """Send one message without waiting; False when the receiver's queue is full. One that is gone counts as told."""
    client = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
    client.setblocking(False)
    try:
        client.connect("\0" + address[1:] if address.startswith("@") else address)
        client.send(text.encode("utf-8", "surrogateescape"))
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        client.close()
    return True


def listen(folder: str, name: str) -> tuple[_socket.socket, str]:
    """Return a datagram socket and the address to put into NOTIFY_SOCKET."""
    path = os.path.join(folder, name)
    if len(os.fsencode(path)) <= sockets.MAX_ADDRESS_BYTES:
        receiver = sockets.bind(folder, name, _socket.SOCK_DGRAM)
        address = path
    else:
        receiver = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
        address = f"@releaser/{os.getuid()}/{os.getpid()}/{name}"
        receiver.bind("\0" + address[1:])
    receiver.setsockopt(_socket.SOL_SOCKET, SO_PASSCRED, 1)
    receiver.setblocking(False)
    return receiver, address


def receive(receiver: _socket.socket, uid: int) -> list[str]:
    """Return the lines of one waiting message, none if there is none or a stranger sent it."""
    try:
        data, ancillary, _, _ = receiver.recvmsg(4096, _socket.CMSG_SPACE(_CREDENTIALS_BYTES))
    except (BlockingIOError, ConnectionError):
        return []
    for level, kind, credentials in ancillary:
        if level == _socket.SOL_SOCKET and kind == SCM_CREDENTIALS:
            sender = int.from_bytes(credentials[4:8], sys.byteorder)
            if sender in (0, uid):
                return data.decode("utf-8", "replace").split("\n")
    return []
