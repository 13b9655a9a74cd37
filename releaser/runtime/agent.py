"""Who answers from inside the running app: one thread that accepts on `run/agent.sock`, and one for each caller.

    ping                              x 0
    rpc FORMAT MODULE:FUNCTION ARGS   o the result, e a traceback, x 0 or 1      FORMAT is text or json
    console                           see `releaser.runtime.agent_console`

The agent is a guest in the app's process. It starts before the app is imported and takes the C primitives it needs
then, so neither a hanging import nor gevent's patches reach it. A caller must be this user or root; one that sends
rubbish, sends half a request or never reads costs a thread for a limited time and nothing else. A function runs in
its caller's thread and goes on when the caller has gone.

After a fork the child has no agent: its copies of the descriptors are closed, so callers never reach a child.
"""

from __future__ import annotations

import _socket
import os

from . import frames, sockets
from .layout import AGENT_SOCKET
from .primitives import POLLIN, monotonic, poll, start_new_thread
from .reply import Reply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .context import Context
    from .failures import Failure

MAX_CALLERS = 256
MAX_REQUEST_BYTES = 4 * 1024 * 1024
REQUEST_S = 10.0
"""A caller that has not said what it wants by then is let go."""
_PIECE_BYTES = 65536
_PAUSE_MS = 100


class Agent:
    """The listening socket and the callers of one process; made by `start`."""

    def __init__(self, listener: _socket.socket, watch: tuple[int, Callable[[], None]] | None = None) -> None:
        """Prepare to serve `listener`; `watch` is a descriptor and what to do when it hangs up."""
        self._listener = listener
        self._watch = watch
        self._callers: dict[int, _socket.socket] = {}
        os.register_at_fork(after_in_child=self._forget)

    def run(self) -> None:
        """Accept callers until the process ends; the body of the agent's thread."""
        poller = poll()
        poller.register(self._listener.fileno(), POLLIN)
        if self._watch is not None:
            poller.register(self._watch[0], 0)  # a hang-up is always reported
        while True:
            for descriptor, _ in poller.poll():
                if self._watch is not None and descriptor == self._watch[0]:
                    poller.unregister(descriptor)
                    start_new_thread(self._watch[1], ())
                else:
                    self._accept()

    def _accept(self) -> None:
        try:
            connection = _accept_from(self._listener)
        except OSError:  # out of descriptors, or the caller has gone already
            poll().poll(_PAUSE_MS)
            return
        if not sockets.is_trusted(connection):
            connection.close()
        elif len(self._callers) >= MAX_CALLERS:
            _refuse(connection, f"error: the app answers {MAX_CALLERS} callers already\n")
        else:
            self._callers[connection.fileno()] = connection
            try:
                start_new_thread(self._serve, (connection,))
            except RuntimeError:  # the process may not have more threads
                del self._callers[connection.fileno()]
                _refuse(connection, "error: the app's process can start no more threads\n")

    def _serve(self, connection: _socket.socket) -> None:
        """Answer one caller; the body of its thread."""
        try:
            _answer(connection)
        except OSError:
            pass  # the caller has gone before it asked
        finally:
            self._callers.pop(connection.fileno(), None)
            connection.close()

    def _forget(self) -> None:
        """In a forked child: close what belongs to the parent's callers."""
        self._listener.close()
        for connection in self._callers.values():
            connection.close()
        self._callers = {}


def start(context: Context, watch: tuple[int, Callable[[], None]] | None = None) -> Agent:
    """Bind the agent's socket and start its thread; to be called while the process has no other thread."""
    from .loops import remember_main_thread

    remember_main_thread()
    os.makedirs(context.layout.run, mode=0o700, exist_ok=True)
    agent = Agent(sockets.bind(context.layout.run, AGENT_SOCKET), watch)
    start_new_thread(agent.run, ())
    return agent


def _accept_from(listener: _socket.socket) -> _socket.socket:
    """Do what `socket.socket.accept` does, which lives in a module that is not imported for it."""
    descriptor, _ = listener._accept()  # type: ignore[attr-defined]
    return _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, fileno=descriptor)


def _refuse(connection: _socket.socket, text: str) -> None:
    connection.setblocking(False)
    try:
        connection.send(frames.encode(frames.ERROR, text.encode()) + frames.encode(frames.EXIT, b"4"))
    except OSError:
        pass
    connection.close()


def _answer(connection: _socket.socket) -> None:
    decoder = frames.Decoder(MAX_REQUEST_BYTES)
    try:
        words, rest = _read_request(connection, decoder)
    except frames.ProtocolError as error:
        reply = Reply(connection)
        reply.send(frames.ERROR, f"error: the request was not understood: {error}\n".encode())
        reply.end(2)
        return
    reply = Reply(connection)
    match words:
        case ["ping"]:
            reply.end(0)
        case ["rpc", form, target, *arguments]:
            reply.end(_call(reply, form, target, arguments))
        case ["console"]:
            from .agent_console import serve

            serve(connection, reply, decoder, rest)
        case _:
            reply.send(frames.ERROR, f"error: the app does not know the request '{words[0][:40]}'\n".encode())
            reply.end(2)


def _read_request(connection: _socket.socket, decoder: frames.Decoder) -> tuple[list[str], list[tuple[bytes, bytes]]]:
    """Return the words of the request and the frames that came with it.

    Raises:
        ProtocolError: what came is no request.
        OSError: nothing complete came in time, or the caller has gone.
    """
    deadline = monotonic() + REQUEST_S
    while True:
        connection.settimeout(max(0.001, deadline - monotonic()))
        data = connection.recv(_PIECE_BYTES)
        if not data:
            raise ConnectionResetError
        found = decoder.feed(data)
        if found:
            kind, body = found[0]
            if kind != frames.REQUEST:
                raise frames.ProtocolError(f"a frame of type {kind!r} came first")
            return frames.decode_request(body), found[1:]


def _call(reply: Reply, form: str, target: str, arguments: list[str]) -> int:
    """Run the function, send its progress, result or exception, and return the exit code for the caller."""
    from . import calls, progress
    from .failures import FAILED, USAGE, Failure
    from .tracebacks import format_exception

    def sink(text: str) -> None:
        reply.send(frames.OUTPUT, calls.encode(text))

    try:
        if form not in calls.FORMATS:
            raise Failure(f"expected text or json, found '{form}'", USAGE, now="nothing was called")
        with progress.SentTo(sink):
            result = calls.run(target, arguments, form)
    except Failure as failure:
        reply.send(frames.ERROR, _text_of(failure))
        return failure.exit_code
    except SystemExit as leaving:  # the function leaves, the app stays
        exit_code, text = calls.exit_code_of(leaving.code)
        reply.send(frames.ERROR, calls.encode(text)) if text else None
        return exit_code
    except BaseException as error:
        reply.send(frames.ERROR, calls.encode(format_exception(error)))
        return FAILED
    if result:
        reply.send(frames.OUTPUT, result)
    return 0


def _text_of(failure: Failure) -> bytes:
    from .calls import encode

    return encode("\n".join(failure.lines()) + "\n")
