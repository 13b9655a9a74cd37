"""A proxy that counts what clients ask, of every connection together, and acts at one of these points.

A point is one request of a client: a statement, a BEGIN, a COMMIT, a poll of the lock. A migration asks the same in the
same order each time, so the number of a point means the same in a run without a fault and in one with it.
"""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chaos.points import Request
from support.proxy import Pair, Proxy

if TYPE_CHECKING:
    from chaos.faults import Fault

_MYSQL_QUERY = b"\x00\x03"
"""The number in its sequence, which is 0 for a command, and the command."""


@dataclass(frozen=True, slots=True)
class Armed:
    """A fault at a point of this proxy."""

    fault: Fault
    number: int
    roles: Mapping[int, str]
    """Of connections, as a run without faults has shown them."""
    strike: Callable[[str], None]
    """Does what is not done to a connection: `kill`, `term`, `server` or `disk`."""


class Wire(Proxy):
    """The proxy; `armed` is set before the clients come, `is_struck` once the point was reached."""

    def __init__(self, path: Path, target: Path) -> None:
        super().__init__(path, target)
        self.requests: list[Request] = []
        self.armed: Armed | None = None
        self.is_struck = threading.Event()
        self._struck_at: Pair | None = None
        """Whose answer is waited for."""
        self._is_away = False

    def _accept(self, selector: selectors.BaseSelector) -> None:
        if self._is_away:
            self._listener.accept()[0].close()
            return
        super()._accept(selector)

    def _hand_on(self, selector: selectors.BaseSelector, pair: Pair, source: socket.socket) -> None:
        """Hand on what came from one side; a point is reached when a client asks, or when it is answered."""
        if self.is_silent or pair.is_stalled:
            selector.unregister(source)
            return
        is_client = source is pair.client
        data = _received(source)
        if not data:
            self._end(selector, pair)
            return
        armed = self.armed
        if is_client and is_request(data):
            self.requests.append(Request(pair.number, statement_of(data)))
            if armed is not None and len(self.requests) == armed.number:
                self._reach(selector, pair, armed, data)
                return
        elif not is_client and armed is not None and pair is self._struck_at:
            self._struck_at = None
            if armed.fault.hands_answer_on:
                _send(pair.client, data)
            self._act(selector, pair, armed)
            return
        _send(pair.server if is_client else pair.client, data)

    def _reach(self, selector: selectors.BaseSelector, pair: Pair, armed: Armed, data: bytes) -> None:
        match armed.fault.when:
            case "before":
                self._act(selector, pair, armed)
                if pair.client.fileno() >= 0 and not pair.is_stalled:
                    _send(pair.server, data)
            case "during":
                _send(pair.server, data)
                self._act(selector, pair, armed)
            case _:
                _send(pair.server, data)
                self._struck_at = pair

    def _act(self, selector: selectors.BaseSelector, pair: Pair, armed: Armed) -> None:
        fault = armed.fault
        meant = [other for other in self.pairs if other.client.fileno() >= 0]
        if fault.who == "itself":
            meant = [pair]
        elif fault.who not in ("all", "away"):
            meant = [other for other in meant if armed.roles.get(other.number) == fault.who]
        self._is_away = fault.who == "away"
        if fault.action in ("kill", "server"):
            armed.strike(fault.action)
            meant = [pair]  # of a killed process; the rest of its connections it has closed itself
        if fault.action in ("term", "disk"):
            armed.strike(fault.action)
        elif fault.action == "stall":
            self.is_silent = fault.who == "all"
            for other in meant:
                other.is_stalled = True
        else:
            for other in meant:
                self._end(selector, other)
        self.is_struck.set()


def is_request(data: bytes) -> bool:
    """Tell whether a client asks something with these bytes, in PostgreSQL's protocol or MySQL's."""
    return data[3:5] == _MYSQL_QUERY or data[:1] in (b"Q", b"P", b"B")


def statement_of(data: bytes) -> str:
    """Return what a request asks, on one line; of a statement that was prepared before only that."""
    if data[3:5] == _MYSQL_QUERY:
        found = data[5:]
    elif data[:1] == b"Q":
        found = data[5:].partition(b"\0")[0]
    elif data[:1] == b"P":
        found = data[5:].split(b"\0")[1]
    else:
        return "(prepared)"
    return " ".join(found.decode(errors="replace").split())


def _received(source: socket.socket) -> bytes:
    try:
        return source.recv(65536)
    except OSError:
        return b""


def _send(to: socket.socket, data: bytes) -> None:
    try:
        to.sendall(data)
    except OSError:
        return
