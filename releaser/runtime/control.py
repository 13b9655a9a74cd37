"""The control socket: who is connected to the supervisor, what they asked, and what they still have to be told."""

from __future__ import annotations

import _socket
import select
import time

from . import frames, sockets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

REQUEST_WITHIN_S = 5.0
"""A client that has not said what it wants by then is let go; so is one that does not read."""
FINISH_S = 1.0
"""How long the end of the release waits for a client that does not read."""
MAX_CLIENTS = 512
MAX_REQUEST_BYTES = 4 * 1024 * 1024
"""Room for an environment, which Linux limits to 2 MiB by default."""
MAX_UNSENT_BYTES = 1024 * 1024
BATCH = 64
PAUSE_S = 0.1
"""After an accept that failed (no descriptors left), the listener is left alone this long."""


class Client:
    """One connection."""

    __slots__ = ("deadline", "decoder", "is_answered", "keep_open", "socket", "unsent")

    def __init__(self, connection: _socket.socket, now: float) -> None:
        self.socket = connection
        self.decoder = frames.Decoder(MAX_REQUEST_BYTES)
        self.unsent = b""
        self.is_answered = False
        self.keep_open = False  # waits for the end of the release: closed by our exit
        self.deadline = now + REQUEST_WITHIN_S

    def tell(self, frame: bytes) -> None:
        """Send a part of the answer to a client that is kept waiting; one that does not read misses what comes next."""
        if len(self.unsent) < MAX_UNSENT_BYTES:
            self.unsent += frame
        self.deadline = time.monotonic() + REQUEST_WITHIN_S

    def finish(self, reply: bytes) -> None:
        """Answer a client that was kept waiting."""
        self.unsent += reply
        self.deadline = time.monotonic() + REQUEST_WITHIN_S
        self.keep_open = False

    @property
    def events(self) -> int:
        return select.POLLOUT if self.unsent else select.POLLIN


class Control:
    """The listener and its clients, keyed by descriptor."""

    __slots__ = ("_answer", "clients", "listener", "paused_until")

    def __init__(self, listener: _socket.socket, answer: Callable[[list[str], Client], bytes]) -> None:
        """Serve `listener`; `answer` gets a request's words and returns the bytes of the reply's frames."""
        self.listener = listener
        self.listener.setblocking(False)
        self.clients: dict[int, Client] = {}
        self.paused_until = 0.0
        self._answer = answer

    def accept(self, now: float) -> None:
        """Take waiting connections, a batch of them at most."""
        for _ in range(BATCH):
            if not self._accept_one(now):
                return

    def _accept_one(self, now: float) -> bool:
        """Take one; a stranger is let go, and over the limit whoever has idled the longest. Tell if there was one."""
        try:
            descriptor, _ = self.listener._accept()  # type: ignore[attr-defined]
        except (BlockingIOError, ConnectionError):
            return False
        except OSError:
            self.paused_until = now + PAUSE_S
            return False
        connection = _socket.socket(fileno=descriptor)
        if not sockets.is_trusted(connection):
            connection.close()
            return True
        if len(self.clients) >= MAX_CLIENTS:
            idle = (descriptor for descriptor, client in self.clients.items() if not client.keep_open)
            self._close(next(idle, next(iter(self.clients))))
        connection.setblocking(False)
        self.clients[descriptor] = Client(connection, now)
        return True

    def serve(self, descriptor: int) -> None:
        """Read from or write to one client, whichever it waits for."""
        client = self.clients.get(descriptor)
        if client is None:
            return  # it has just made room for another
        try:
            if client.unsent:
                client.unsent = client.unsent[client.socket.send(client.unsent) :]
            elif not self._read(client):
                self._close(descriptor)
                return
        except BlockingIOError:
            return
        except (OSError, frames.ProtocolError):
            self._close(descriptor)
            return
        if client.is_answered and not client.unsent and not client.keep_open:
            self._close(descriptor)

    def close_overdue(self, now: float) -> None:
        """Let go of clients that neither ask nor read."""
        for descriptor, client in list(self.clients.items()):
            if now >= client.deadline and not (client.keep_open and not client.unsent):
                self._close(descriptor)

    def next_deadline(self) -> float | None:
        """Return when `close_overdue` next has something to do."""
        return min((client.deadline for client in self.clients.values() if not client.keep_open), default=None)

    def finish(self) -> None:
        """Send what clients are still owed: this is the end of the release, and they are about to be let go."""
        for client in self.clients.values():
            if client.unsent:
                client.socket.settimeout(FINISH_S)
                try:
                    client.socket.sendall(client.unsent)
                except OSError:
                    pass  # it has gone, or does not read

    def state(self) -> list[dict[str, Any]]:
        """Return what `adopt` needs to go on with every client."""
        return [
            {
                "socket": descriptor,
                "read": client.decoder.rest().hex(),
                "unsent": client.unsent.hex(),
                "is_answered": client.is_answered,
                "keep_open": client.keep_open,
                "deadline": client.deadline,
            }
            for descriptor, client in self.clients.items()
        ]

    def adopt(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Go on with the clients of a supervisor that was executed anew, as this process."""
        for state in states:
            client = Client(_socket.socket(fileno=state["socket"]), 0.0)
            client.socket.setblocking(False)
            client.decoder.feed(bytes.fromhex(state["read"]))
            client.unsent = bytes.fromhex(state["unsent"])
            client.is_answered, client.keep_open = state["is_answered"], state["keep_open"]
            client.deadline = state["deadline"]
            self.clients[state["socket"]] = client

    def _read(self, client: Client) -> bool:
        data = client.socket.recv(4096)
        if not data:
            return False
        for kind, body in client.decoder.feed(data):
            if kind == frames.REQUEST and not client.is_answered:
                client.is_answered = True
                reply = self._answer(frames.decode_request(body), client)  # which may already tell the client something
                client.unsent += reply
        return True

    def _close(self, descriptor: int) -> None:
        self.clients.pop(descriptor).socket.close()
