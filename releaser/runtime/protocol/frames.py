"""What travels between `bin/NAME` and the sockets of a running release: frames, and how they are read.

One protocol serves the supervisor's control socket and the agent's socket. A frame is one byte of type, four bytes
of length (unsigned, big endian) and that many bytes of body. A client sends one request and reads replies until
the exit code; what it prints needs no parsing, so `ping` and `rpc` never import json::

    client                                          server
    ?  "1" NUL verb NUL argument NUL ...     ->
                                            <-      o  bytes for the client's standard output   (any number)
                                            <-      e  bytes for the client's standard error    (any number)
    i  one line of input (console only)      ->
                                            <-      i  a prompt: one line is wanted (console only)
    c  Ctrl-C (console only)                 ->
    t  a word to complete (console only)     ->
                                            <-      t  what it may become, one a line (console only)
                                            <-      x  exit code in decimal                      (the last frame)

Words are UTF-8 with surrogateescape, as in `sys.argv`. An argument cannot hold NUL, so NUL separates them.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

PROTOCOL = "1"
REQUEST = b"?"
OUTPUT = b"o"
ERROR = b"e"
INPUT = b"i"
INTERRUPT = b"c"
COMPLETE = b"t"
EXIT = b"x"

KINDS = b"?oeictx"

HEADER_BYTES = 5
MAX_BODY_BYTES = 16 * 1024 * 1024
_LOOK_BYTES = 64
"""As much of a body as tells what it is going to be."""


class ProtocolError(Exception):
    """The other side sent what is not a frame of this protocol."""


def encode(kind: bytes, body: bytes) -> bytes:
    """Return the bytes of one frame."""
    return kind + len(body).to_bytes(4, "big") + body


def encode_request(*words: str) -> bytes:
    """Return the bytes of a request: a verb and its arguments."""
    return encode(REQUEST, "\0".join((PROTOCOL, *words)).encode("utf-8", "surrogateescape"))


def reply(text: str, exit_code: int, kind: bytes = OUTPUT) -> bytes:
    """Return the frames of a whole answer: one text, and the exit code."""
    return encode(kind, text.encode("utf-8", "surrogateescape")) + encode(EXIT, str(exit_code).encode())


def decode_request(body: bytes) -> list[str]:
    """Return the verb and arguments of a request's body.

    Raises:
        ProtocolError: another protocol number, or no verb.
    """
    words = body.decode("utf-8", "surrogateescape").split("\0")
    if words[0] != PROTOCOL or len(words) < 2:
        raise ProtocolError(f"expected protocol {PROTOCOL}, found {words[0][:20]!r}")
    return words[1:]


class Decoder:
    """Turns bytes as they arrive into whole frames; owned by one connection."""

    __slots__ = ("_bound", "_buffer", "_kinds", "_limit")

    def __init__(
        self,
        limit_bytes: int = MAX_BODY_BYTES,
        *,
        kinds: bytes = KINDS,
        bound: Callable[[bytes], int] | None = None,
    ) -> None:
        """Accept frames of `kinds` and up to `limit_bytes`.

        `bound`, if there is one, tells the limit of a request from as much of its body as has arrived.
        """
        self._buffer = bytearray()
        self._limit = limit_bytes
        self._kinds = kinds
        self._bound = bound

    @property
    def held_bytes(self) -> int:
        """How much has arrived of a frame that is not whole yet."""
        return len(self._buffer)

    def rest(self) -> bytes:
        """Return what has arrived of a frame that is not whole yet."""
        return bytes(self._buffer)

    def clear(self) -> None:
        """Forget what has arrived: no more frames are wanted."""
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """Return the frames, as (type, body), that `data` completes.

        Raises:
            ProtocolError: an unknown type or a body over the limit; the connection is of no more use.
        """
        self._buffer += data
        frames: list[tuple[bytes, bytes]] = []
        while len(self._buffer) >= HEADER_BYTES:
            kind = bytes(self._buffer[:1])
            length = int.from_bytes(self._buffer[1:HEADER_BYTES], "big")
            self._check(kind, length)
            end = HEADER_BYTES + length
            if len(self._buffer) < end:
                break
            frames.append((kind, bytes(self._buffer[HEADER_BYTES:end])))
            del self._buffer[:end]
        return frames

    def _check(self, kind: bytes, length: int) -> None:
        if kind not in KINDS:
            raise ProtocolError(f"unknown frame type {kind!r}")
        if kind not in self._kinds:
            raise ProtocolError(f"a frame of type {kind!r} came, where none is expected")
        limit = self._limit
        if self._bound is not None and kind == REQUEST:
            limit = min(limit, self._bound(bytes(self._buffer[HEADER_BYTES : HEADER_BYTES + _LOOK_BYTES])))
        if length > limit:
            raise ProtocolError(f"a frame of {length} bytes is over the limit of {limit}")
