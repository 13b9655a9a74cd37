"""A proxy between a release and a database server, that cuts connections at a statement, or goes silent.

It stands on a Unix socket, as the servers of the tests do, and hands bytes on as they come. A rule looks for a piece of
what clients send; PostgreSQL's and MySQL's protocols have a statement's text in one piece.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import quote

from sqlalchemy import make_url

_PIECE_BYTES = 65536


@dataclass
class Rule:
    """At the `nth` time that a client sends `text`, 0 for each: what becomes of its connection."""

    text: bytes
    action: str
    """before: it is cut, and the server never sees the statement; after: it is cut once the server has answered;
    stall: from this statement on nothing is handed on, and neither end is told; silence: the same of every connection,
    those that come later included."""
    nth: int = 1
    seen: int = 0
    connection: int = 0
    """Only that of this number counts, from 1 in the order they came; 0: any."""

    def applies(self, number: int, data: bytes) -> bool:
        if self.text.lower() not in data.lower() or (self.connection and self.connection != number):
            return False
        self.seen += 1
        return self.nth in (0, self.seen)


@dataclass
class Pair:
    """One connection: its two sockets, and whether it is cut at the server's next word."""

    number: int
    client: socket.socket
    server: socket.socket
    is_to_be_cut: bool = False
    is_stalled: bool = False
    """Neither end hears of the other any more, its end included: as when a firewall has forgotten the connection."""
    sent: list[bytes] = field(default_factory=list)
    """What the client has sent."""


class Proxy:
    """Listens at `path` and connects each caller with `target`."""

    def __init__(self, path: Path, target: Path) -> None:
        self._target = target
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._wake, self._woken = socket.socketpair()
        self.pairs: list[Pair] = []
        self.rules: list[Rule] = []
        self.cuts = 0
        self.is_silent = False
        """Every connection is stalled, those that come later included."""
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wake.close()
        self._thread.join(10)
        for found in (self._listener, self._woken, *(s for pair in self.pairs for s in (pair.client, pair.server))):
            found.close()

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._woken:
                        return
                    if key.fileobj is self._listener:
                        self._accept(selector)
                    elif isinstance(key.fileobj, socket.socket) and key.fileobj.fileno() >= 0:
                        self._hand_on(selector, key.data, key.fileobj)

    def _accept(self, selector: selectors.BaseSelector) -> None:
        client, _ = self._listener.accept()
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(str(self._target))
        except OSError:
            client.close()
            server.close()
            return
        pair = Pair(len(self.pairs) + 1, client, server)
        self.pairs.append(pair)
        for one in (client, server):
            selector.register(one, selectors.EVENT_READ, pair)

    def _hand_on(self, selector: selectors.BaseSelector, pair: Pair, source: socket.socket) -> None:
        is_client = source is pair.client
        if self.is_silent or pair.is_stalled:
            selector.unregister(source)
            return
        try:
            data = source.recv(_PIECE_BYTES)
        except OSError:
            data = b""
        if not data:
            self._end(selector, pair)
            return
        if is_client:
            pair.sent.append(data)
            for rule in self.rules:
                if rule.applies(pair.number, data):
                    self.cuts += 1
                    if rule.action == "before":
                        self._end(selector, pair)
                        return
                    if rule.action in ("stall", "silence"):
                        pair.is_stalled = True
                        self.is_silent = self.is_silent or rule.action == "silence"
                        return
                    pair.is_to_be_cut = True
        elif pair.is_to_be_cut:
            self._end(selector, pair)
            return
        with contextlib.suppress(OSError):
            (pair.server if is_client else pair.client).sendall(data)

    def _end(self, selector: selectors.BaseSelector, pair: Pair) -> None:
        for one in (pair.client, pair.server):
            with contextlib.suppress(KeyError, ValueError):
                selector.unregister(one)
            one.close()


P = TypeVar("P", bound=Proxy)


@contextlib.contextmanager
def proxied(url: str, folder: Path) -> Iterator[tuple[Proxy, str]]:
    """Put a proxy in front of the server of `url`, in `folder`; give it, and the URL that goes through it."""
    with proxied_by(Proxy, url, folder) as found:
        yield found


@contextlib.contextmanager
def proxied_by(make: type[P], url: str, folder: Path) -> Iterator[tuple[P, str]]:
    """Do the same with another class of proxy."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        name = f".s.PGSQL.{parsed.query.get('port', 5432)}"
        target = Path(str(parsed.query["host"])) / name
        through = parsed.set(query={**parsed.query, "host": str(folder)})
    else:
        name = "mysql.sock"
        target = Path(str(parsed.query["unix_socket"]))
        through = parsed.set(query={**parsed.query, "unix_socket": str(folder / name)})
    with make(folder / name, target) as proxy:
        text = through.set(password=None).render_as_string(hide_password=False)
        user = f"{parsed.username}@"
        yield proxy, text.replace(user, f"{parsed.username}:{quote(str(parsed.password), safe='')}@", 1)
