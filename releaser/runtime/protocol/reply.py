"""How the agent writes to a client that may be slow, hostile or gone, without harm to the app.

The thread that serves the connection may wait for its client, for a while; any other thread, an event loop's above
all, never waits: what does not fit into the socket is kept, up to a limit, until the next write. After the limit or
the wait, the connection is given up and the rest of the output is dropped.
"""

from __future__ import annotations

import _socket

from ..release.primitives import POLLOUT, allocate_lock, get_ident, poll
from . import frames

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .accounts import Account

STALLED_S = 30.0
"""A client that takes nothing for so long is given up."""
MAX_KEPT_BYTES = 4 * 1024 * 1024
_BODY_BYTES = 16 * 1024
"""Of one frame; as much waits for a caller in whose own thread the answer is sent."""


class Reply:
    """The writing side of one connection; owned by the thread that makes it."""

    __slots__ = ("_account", "_connection", "_kept", "_lock", "_owner", "_stalled_s", "is_gone")

    def __init__(self, connection: _socket.socket, account: Account, stalled_s: float = STALLED_S) -> None:
        """Write to `connection`; `account` knows how much all callers hold."""
        self._account = account
        self._connection = connection
        self._kept = bytearray()
        self._lock = allocate_lock()
        self._owner = get_ident()
        self._stalled_s = stalled_s
        self.is_gone = False
        connection.setblocking(False)

    def send(self, kind: bytes, body: bytes) -> None:
        """Send `body` in frames that the other side accepts; never raises for a client that is gone."""
        may_wait = get_ident() == self._owner
        for start in range(0, len(body) or 1, _BODY_BYTES):
            with self._lock:
                if self.is_gone:
                    return
                self._kept += frames.encode(kind, body[start : start + _BODY_BYTES])
                self._write()
                is_within = may_wait or (len(self._kept) <= MAX_KEPT_BYTES and self._account.keep(len(self._kept)))
                if not is_within:
                    self.give_up()
            while may_wait and self._kept and not self.is_gone:
                self._wait()

    def end(self, exit_code: int) -> None:
        """Send the exit code, the last frame; whatever was kept goes before it."""
        self.send(frames.EXIT, str(exit_code).encode())

    def give_up(self) -> None:
        """Let the client see the end of the connection and drop everything from now on."""
        self.is_gone = True
        self._kept.clear()
        try:
            self._connection.shutdown(_socket.SHUT_RDWR)
        except OSError:
            pass

    def _write(self) -> None:
        try:
            while self._kept:
                del self._kept[: self._connection.send(self._kept)]
        except BlockingIOError:
            pass
        except OSError:
            self.give_up()

    def _wait(self) -> None:
        """Wait, without the lock, until the client has taken something."""
        poller = poll()
        poller.register(self._connection.fileno(), POLLOUT)
        ready = poller.poll(self._stalled_s * 1000)
        with self._lock:
            if ready:
                self._write()
            else:
                self.give_up()
