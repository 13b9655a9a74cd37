"""Whether the instance is ready: one attempt at a time, never blocking, driven by the supervisor's loop.

`started` and `notify` arrive as datagrams and need no probe. `http`, `tcp` and `call` are tried again every
interval, until one succeeds or the deadline of the state passes.
"""

from __future__ import annotations

import _socket
import errno
import os
import select

from ...protocol import frames, sockets
from ...release.addresses import split_address
from ...release.layout import AGENT_SOCKET
from ...release.manifest import SUCCESS
from . import accepted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...release.layout import Layout

READY = "READY=1"
"""sd_notify(3)."""
_MAX_ANSWER_BYTES = 65536
_ELSEWHERE = 10
"""After so many looks, an other end that is not listed counts as one on another host: the list is not read at once."""


class Target:
    """Where a probe connects to, what it sends, and how it judges the answer."""

    __slots__ = ("agent", "host", "kind", "port", "request", "statuses", "text")

    def __init__(
        self,
        kind: str,
        text: str,
        agent: str = AGENT_SOCKET,
        status: str = SUCCESS,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Read a target after replacement; `agent` is the socket in `run` that a call is sent to.

        `status` says which answers of HTTP count, `headers` are sent in place of, or beside, those of every request.

        Raises:
            ValueError: it is not `http://host:port/path` or `host:port`, or a header or `status` cannot be used; the
                message says what was wanted.
        """
        self.statuses = statuses_of(status)
        self.kind = kind
        self.text = text
        self.agent = agent
        self.host = ""
        self.port = 0
        self.request = b""
        if kind == "http":
            rest = text.removeprefix("http://")
            if rest == text:
                raise ValueError(f"expected http://HOST:PORT/PATH, found '{text}'")
            authority, _, path = rest.partition("/")
            self.host, self.port = split_address(authority, default_port=80)
            self.request = _request(f"/{path}", authority, headers or {})
        elif kind == "tcp":
            self.host, self.port = split_address(text)
        elif kind == "call":
            self.request = frames.encode_request("ask", text)


def statuses_of(text: str) -> range:
    """Return the statuses that `204`, `200-299` or `<500` means.

    Raises:
        ValueError: it means none.
    """
    first, dash, last = text.partition("-")
    below = text.removeprefix("<")
    numbers = (below,) if below != text else (first, last) if dash else (first,)
    if not all(len(number) == 3 and number.isascii() and number.isdecimal() for number in numbers):
        raise ValueError(f"expected statuses such as 200-299 or <500, found '{text}'")
    return range(100, int(below)) if below != text else range(int(first), int(numbers[-1]) + 1)


def _request(path: str, authority: str, headers: Mapping[str, str]) -> bytes:
    lines = {"host": f"Host: {authority}", "user-agent": "User-Agent: releaser"}
    for name, value in headers.items():
        if not f"{name}{value}".isascii() or not f"{name}{value}".isprintable():
            raise ValueError(f"the header {name} has a value that is no line of printable ASCII")
        lines[name.lower()] = f"{name}: {value}"
    return "\r\n".join([f"GET {path} HTTP/1.1", *lines.values(), "Connection: close", "", ""]).encode()


class Probe:
    """One attempt: connect, send, read, judge. The loop polls `descriptor` for `events` and calls `advance`."""

    __slots__ = (
        "_answer",
        "_connected",
        "_decoder",
        "_said",
        "_session",
        "_socket",
        "_target",
        "_unlisted",
        "_unsent",
        "is_unaccepted",
        "outcome",
        "problem",
    )

    def __init__(self, target: Target, layout: Layout, session: int = 0) -> None:
        """Begin; where a `session` is given, an answer counts only if a process of that session has accepted.

        `tcp` counts once any process has accepted: the kernel connects to a socket whose server has not come so far.
        """
        self._target = target
        self._unlisted = 0
        self._session = session if target.kind in ("http", "tcp") else 0
        self.is_unaccepted = False
        """Connected, and nobody is known to have accepted: no event will tell, so `advance` is called now and then."""
        self._answer = bytearray()
        self._decoder = frames.Decoder()
        self._said = b""
        self._unsent = target.request
        self._connected = False
        self.outcome: bool | None = None
        """None while under way, True when ready, False when this attempt failed."""
        self.problem = ""
        try:
            self._socket = self._connect(layout)
        except OSError as error:
            self._socket = _socket.socket()
            self._fail(error.strerror or str(error))

    @property
    def descriptor(self) -> int:
        return self._socket.fileno()

    @property
    def events(self) -> int:
        if self.is_unaccepted:
            return 0
        return select.POLLOUT if not self._connected or self._unsent else select.POLLIN

    def advance(self) -> None:
        """Do what can be done without waiting."""
        try:
            if not self._connected:
                self._finish_connecting()
            if self.is_unaccepted:
                self._look_who_accepted()
            if self.is_unaccepted:
                return
            if self._unsent and self.outcome is None:
                self._unsent = self._unsent[self._socket.send(self._unsent) :]
            elif self.outcome is None:
                self._read()
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(error.strerror or str(error))
        except frames.ProtocolError as error:
            self._fail(str(error))

    def close(self) -> None:
        self._socket.close()

    def _connect(self, layout: Layout) -> _socket.socket:
        if self._target.kind == "call":
            client = sockets.connect(layout.run, self._target.agent)
            client.setblocking(False)
            self._connected = True
            return client
        # A numeric address or `localhost` answers at once; a name on the network has no place in a probe of oneself.
        family, kind, protocol, _, address = _socket.getaddrinfo(
            self._target.host, self._target.port, 0, _socket.SOCK_STREAM
        )[0]
        client = _socket.socket(family, kind, protocol)
        client.setblocking(False)
        code = client.connect_ex(address)
        if code not in (0, errno.EINPROGRESS):
            client.close()
            raise OSError(code, os.strerror(code))
        return client

    def _finish_connecting(self) -> None:
        code = self._socket.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
        if code:
            self._fail(os.strerror(code))
            return
        self._connected = True
        self.is_unaccepted = bool(self._session) or self._target.kind == "tcp"

    def _look_who_accepted(self) -> None:
        inode = accepted.inode_of_peer(self._socket)
        if not inode and not self._session:
            self._unlisted = self._unlisted + 1 if inode is None else 0
            if self._unlisted >= _ELSEWHERE or self._was_served():
                self.is_unaccepted = False
                self.outcome = True
                return
        if not inode:
            self.problem = "connected, and no process has accepted"
            return
        self.is_unaccepted = False
        if self._session and not accepted.is_held_by(inode, self._session):
            self._fail("only the old version answers so far")
        elif self._target.kind == "tcp":
            self.outcome = True

    def _was_served(self) -> bool:
        """Tell whether the other end has said something, or has closed the connection already, which had it then."""
        try:
            self._socket.recv(1, _socket.MSG_PEEK)
        except BlockingIOError:
            return False
        return True

    def _read(self) -> None:
        data = self._socket.recv(4096)
        self._answer += data
        if self._target.kind == "call":
            self._judge_call(data)
        elif b"\r\n" in self._answer:
            self._judge_status_line(bytes(self._answer).partition(b"\r\n")[0])
        elif not data or len(self._answer) > _MAX_ANSWER_BYTES:
            self._fail("the answer is not HTTP")

    def _judge_status_line(self, line: bytes) -> None:
        words = line.split(None, 2)
        is_status = len(words) >= 2 and words[0].startswith(b"HTTP/") and len(words[1]) == 3 and words[1].isdigit()
        if is_status and int(words[1]) in self._target.statuses:
            self.outcome = True
        else:
            self._fail(f"answered {line[:60].decode('ascii', 'replace')}")

    def _judge_call(self, data: bytes) -> None:
        if not data:
            self._fail("the agent closed the connection")
            return
        # What was said and the exit may arrive in pieces: what was said is kept from one to the next.
        for kind, body in self._decoder.feed(data):
            if kind != frames.EXIT:
                self._said += body
            elif body == b"0" and self._said.strip() == b"true":
                self.outcome = True
            else:
                self._fail(self._said.strip()[-200:].decode("utf-8", "replace") or "no answer")

    def _fail(self, problem: str) -> None:
        self.outcome = False
        self.problem = problem
