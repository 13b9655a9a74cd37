"""How a command of `bin/NAME` asks a running release: one request out, frames in, an exit code at the end.

Imports next to nothing: `ping` is this module and little else.
"""

from __future__ import annotations

import _socket
import time

from ..release.failures import FAILED, NOT_NOW, Failure
from ..release.writing import write_all
from . import frames, sockets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..release.context import Context

CONNECT_S = 10.0
UNKNOWN = "how far the call came is not known"
INTERRUPTED = 130
_RETRY_S = 0.05
_PIECE_BYTES = 65536
_LONGEST_POLL_MS = 86_400_000.0
"""A day: poll(2) takes no more than 24 of them at once."""


class Refused(Failure):
    """Somebody may listen, and this user may not ask: what runs is not known."""


class Late(Exception):
    """The exit code did not arrive by the deadline."""


def connect(context: Context, name: str) -> _socket.socket:
    """Return a connection to the socket `name` of the running release.

    Raises:
        Failure: nobody listens there; `Refused`: this user may not ask.
    """
    deadline = time.monotonic() + CONNECT_S
    while True:
        try:
            connection = sockets.connect(context.layout.run, name, CONNECT_S)
        except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
            raise Failure(f"{context.name} is not running", NOT_NOW) from None
        except PermissionError as error:
            error.filename = context.layout.run
            raise Refused(f"{context.name} does not answer to this user", NOT_NOW) from error
        except BlockingIOError:  # its queue is full: connect(2) does not wait on a socket with a time limit
            if time.monotonic() > deadline:
                raise Failure(f"{context.name} does not answer: its queue of callers is full", NOT_NOW) from None
            time.sleep(_RETRY_S)
        else:
            connection.settimeout(None)
            return connection


def call(context: Context, name: str, *words: str, timeout_s: float | None = None, when_interrupted: str = "") -> int:
    """Send a request to the socket `name`, copy what comes back to descriptors 1 and 2, and return the exit code.

    Ctrl-C ends this process's part alone, with 130 and the line `when_interrupted`.

    Raises:
        Failure: nobody listens, or the other side ended before it sent an exit code.
        Late: `timeout_s` seconds passed; the other side is still at it.
        Unwritten: this process's own output takes no more.
    """
    try:
        connection = connect(context, name)
        try:
            return talk(context, connection, frames.encode_request(*words), timeout_s)
        finally:
            connection.close()
    except KeyboardInterrupt:
        if when_interrupted:
            write_all(2, f"{when_interrupted}\n".encode("utf-8", "surrogateescape"))
        return INTERRUPTED


def ask(context: Context, name: str, *words: str) -> str:
    """Send a request to the socket `name` and return what it answers, instead of printing it.

    Raises:
        Failure: nobody listens, or the other side ended before it sent an exit code.
    """
    connection = connect(context, name)
    decoder = frames.Decoder()
    said = b""
    try:
        send(connection, frames.encode_request(*words))
        while True:
            for kind, body in decoder.feed(receive(context, connection)):
                if kind == frames.EXIT:
                    return said.decode("utf-8", "surrogateescape")
                said += body
    finally:
        connection.close()


def talk(context: Context, connection: _socket.socket, request: bytes, timeout_s: float | None = None) -> int:
    """Do the rest of `call` on a connection that is open."""
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    decoder = frames.Decoder()
    send(connection, request)
    while True:
        if deadline is not None:
            _wait_for(connection, deadline)
        for kind, body in decoder.feed(receive(context, connection)):
            if kind == frames.EXIT:
                return int(body)
            write_all(1 if kind == frames.OUTPUT else 2, body)


def send(connection: _socket.socket, data: bytes) -> None:
    """Send `data`; where the other side has hung up, what it says about it comes next: `receive` tells."""
    try:
        connection.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        pass


def receive(context: Context, connection: _socket.socket) -> bytes:
    """Return the next bytes.

    Raises:
        Failure: there are none: the process at the other end has gone.
    """
    try:
        data = connection.recv(_PIECE_BYTES)
    except ConnectionResetError:
        data = b""
    if not data:
        raise Failure(
            f"{context.name} ended during the call",
            FAILED,
            now=UNKNOWN,
        )
    return data


def _wait_for(connection: _socket.socket, deadline: float) -> None:
    import select

    poll = select.poll()
    poll.register(connection, select.POLLIN)
    while not poll.poll(min(_LONGEST_POLL_MS, max(0.0, deadline - time.monotonic()) * 1000)):
        if time.monotonic() >= deadline:
            raise Late
