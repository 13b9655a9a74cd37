"""The control socket: who is connected to the supervisor, what they asked, and what they still have to be told.

Whatever a client sends costs a bounded amount of memory, and a fault while one is answered ends that client's request
and nothing else.
"""

from __future__ import annotations

import _socket
import select
import time

from ...protocol import frames, requests, sockets
from ...release.failures import BUG, NOT_NOW

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

REQUEST_WITHIN_S = 5.0
"""A client that has not said what it wants by then is let go; so is one that does not read."""
FINISH_S = 1.0
"""How long the end of the release waits for a client that does not read."""
MAX_CLIENTS = 512
MAX_HELD_BYTES = 6 * 1024 * 1024
"""What all clients together may have sent of requests that are not whole, and not read of their answers."""
MAX_UNSENT_BYTES = 1024 * 1024
_GOES_ON = "the release goes on; nothing was done"
_PIECE_BYTES = 16384
BATCH = 64
PAUSE_S = 0.1
"""After an accept that failed (no descriptors left), the listener is left alone this long."""


class Client:
    """One connection."""

    __slots__ = ("deadline", "decoder", "is_answered", "keep_open", "socket", "unsent")

    def __init__(self, connection: _socket.socket, now: float) -> None:
        self.socket = connection
        self.decoder = requests.decoder(requests.CONTROL)
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

    def refuse(self, reply: bytes) -> None:
        """Answer what will not be done; nothing more is read."""
        self.is_answered = True
        self.decoder.clear()
        self.finish(reply)

    @property
    def held_bytes(self) -> int:
        """What is kept for it: of its request, and of the answer that it has not read."""
        return self.decoder.held_bytes + len(self.unsent)

    @property
    def events(self) -> int:
        if self.unsent:
            return select.POLLOUT
        return 0 if self.is_answered else select.POLLIN  # that it hangs up is always reported


class Control:
    """The listener and its clients, keyed by descriptor."""

    __slots__ = ("_answer", "_on_fault", "clients", "listener", "paused_until")

    def __init__(
        self,
        listener: _socket.socket,
        answer: Callable[[list[str], Client], bytes],
        on_fault: Callable[[str], str],
    ) -> None:
        """Serve `listener`; `answer` gets a request's words and returns the bytes of the reply's frames.

        `on_fault` is told what was being done when an exception came that nobody expected, and returns a sentence.
        """
        self.listener = listener
        self.listener.setblocking(False)
        self.clients: dict[int, Client] = {}
        self.paused_until = 0.0
        self._answer = answer
        self._on_fault = on_fault

    def watched(self, now: float) -> list[tuple[int, int, Callable[[], None]]]:
        """Return the descriptors to poll, with their events and what to do then."""
        found: list[tuple[int, int, Callable[[], None]]] = [
            (descriptor, client.events, lambda d=descriptor: self.serve(d))  # type: ignore[misc]
            for descriptor, client in self.clients.items()
        ]
        if now >= self.paused_until:
            found.append((self.listener.fileno(), select.POLLIN, lambda: self.accept(time.monotonic())))
        return found

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
        """Read from or write to one client, whichever it waits for; a fault of ours in that lets it go."""
        client = self.clients.get(descriptor)
        if client is None:
            return  # it has just made room for another
        try:
            if not self._advance(client):
                self._close(descriptor)
                return
        except BlockingIOError:
            return
        except OSError:
            self._close(descriptor)
            return
        except Exception:
            self._on_fault("serving a client of the control socket")
            self._close(descriptor)
            return
        if client.is_answered and not client.unsent and not client.keep_open:
            self._close(descriptor)
        elif client.held_bytes > requests.SMALL_BYTES:
            self._keep_within_limit()

    def _advance(self, client: Client) -> bool:
        """Do what the client waits for; tell whether it is still there."""
        if client.unsent:
            client.unsent = client.unsent[client.socket.send(client.unsent) :]
            return True
        return self._read(client)

    def _keep_within_limit(self) -> None:
        """Turn away whoever holds the most, of those who are not waited for, until all together hold little enough."""
        large = {
            descriptor: client
            for descriptor, client in self.clients.items()
            if client.held_bytes > requests.SMALL_BYTES
        }
        held = sum(client.held_bytes for client in large.values())
        while held > MAX_HELD_BYTES:
            descriptor = max(large, key=lambda found: (not large[found].keep_open, large[found].held_bytes))
            client = large.pop(descriptor)
            held -= client.held_bytes
            self._turn_away(descriptor, client)

    def _turn_away(self, descriptor: int, client: Client) -> None:
        """Tell it why, if it can still be told, and let it go."""
        text = f"error: all requests together hold more than {MAX_HELD_BYTES} bytes\n  now: {_GOES_ON}\n"
        try:
            if not client.is_answered:
                client.socket.send(frames.reply(text, NOT_NOW, frames.ERROR))
        except OSError:
            pass
        self._close(descriptor)

    def close_overdue(self, now: float) -> None:
        """Let go of clients that neither ask nor read."""
        for descriptor, client in list(self.clients.items()):
            if now >= client.deadline and not (client.keep_open and not client.unsent):
                self._close(descriptor)

    def next_deadline(self) -> float | None:
        """Return when `close_overdue` next has something to do."""
        return min((client.deadline for client in self.clients.values() if not client.keep_open), default=None)

    def deadlines(self, now: float) -> list[float | None]:
        """Return when it next has something to do; None: nothing."""
        return [self.next_deadline(), self.paused_until if self.paused_until > now else None]

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
            client.unsent = bytes.fromhex(state["unsent"])
            client.is_answered, client.keep_open = state["is_answered"], state["keep_open"]
            client.deadline = state["deadline"]
            self.clients[state["socket"]] = client
            try:
                client.decoder.feed(bytes.fromhex(state["read"]))
            except frames.ProtocolError as error:  # this version takes less than the one before
                client.refuse(requests.refusal(error, _GOES_ON))

    def _read(self, client: Client) -> bool:
        data = client.socket.recv(_PIECE_BYTES)
        if not data:
            return False
        if client.is_answered:
            return True  # whatever else it says is not kept
        try:
            found = client.decoder.feed(data)
            if found:
                self._take_request(client, requests.read(requests.CONTROL, found[0][1], "this release"))
        except (frames.ProtocolError, requests.Refused) as error:
            client.refuse(requests.refusal(error, _GOES_ON))
        return True

    def _take_request(self, client: Client, words: list[str]) -> None:
        client.is_answered = True
        client.decoder.clear()
        try:
            reply = self._answer(words, client)  # which may already tell the client something
        except Exception:
            told = self._on_fault(f"answering the request '{words[0]}'")
            now = "the release goes on; the traceback is in its log"
            client.refuse(frames.reply(f"error: {told}\n  now: {now}\n", BUG, frames.ERROR))
        else:
            client.unsent += reply

    def _close(self, descriptor: int) -> None:
        self.clients.pop(descriptor).socket.close()
