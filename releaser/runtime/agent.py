"""Who answers from inside the running app: one thread that accepts on `run/agent.sock`, and one for each caller.

    ping                              x 0
    rpc FORMAT MODULE:FUNCTION ARGS   o the result, e a traceback, x 0 or 1      FORMAT is text or json
    console                           see `releaser.runtime.agent_console`

The agent is a guest in the app's process. It starts before the app is imported and takes the C primitives it needs
then, so neither a hanging import nor gevent's patches reach it. A caller must be this user or root; one that sends
rubbish, sends half a request or never reads costs a thread for a limited time and nothing else. A function runs in
its caller's thread and goes on when the caller has gone.

What becomes of the agent when the app forks is told in `releaser.runtime.forking`.
"""

from __future__ import annotations

import _socket
import os

from . import frames, sockets
from .files import unlink
from .forking import Forks
from .layout import AGENT_SOCKET, worker_socket, worker_sockets
from .native_threads import NativeThread
from .primitives import POLLIN, monotonic, poll, sleep, start_new_thread
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
_LOOK_AGAIN_S = 0.0001


class Caller(NativeThread):
    """One connection and the thread that answers it."""

    __slots__ = ("connection",)

    def __init__(self, connection: _socket.socket) -> None:
        super().__init__()
        self.connection = connection


class Agent:
    """The listening socket and the callers of one process; made by `start`."""

    def __init__(
        self, listener: _socket.socket, run: str, name: str, watch: tuple[int, Callable[[], None]] | None = None
    ) -> None:
        """Prepare to serve `listener`, bound to `name` in the folder `run`.

        `watch` is a descriptor and what to do when it hangs up.
        """
        listener.setblocking(False)  # workers share its queue: another may have been quicker
        self._listeners = [listener]
        self._run_folder = run
        self._name = name
        self._watch = watch
        self._thread: NativeThread | None = None
        self._callers: dict[int, Caller] = {}
        self._ended: list[Caller] = []
        self._open_pipe()
        self.forks = Forks(self)

    def resume(self) -> None:
        """Start the agent's thread, unless it runs."""
        if self._thread is not None:
            return
        try:
            while os.read(self._wake_read, 64):
                pass
        except BlockingIOError:
            pass
        self._thread = thread = NativeThread()
        try:
            start_new_thread(self._run, (thread,))
        except RuntimeError:  # the process may not have more threads: the next fork tries again
            self._thread = None

    def stop(self) -> None:
        """End the agent's thread, and return once it is gone; its callers go on."""
        thread = self._thread
        if thread is None:
            return
        os.write(self._wake_write, b"x")
        while thread.is_alive():
            sleep(_LOOK_AGAIN_S)
        self._thread = None

    def callers(self) -> list[Caller]:
        """Return those that are served, and those whose threads are about to be gone."""
        return [*self._callers.values(), *(caller for caller in self._ended if caller.is_alive())]

    def forget(self) -> None:
        """In a forked child: close everything of the parent's."""
        for listener in self._listeners:
            listener.close()
        self._listeners = []
        self._leave_the_parent()

    def move_to_worker(self) -> None:
        """In a worker of a pre-forking server: go on with the inherited listener, and one of this process alone."""
        from .loops import remember_main_thread

        remember_main_thread()
        self._leave_the_parent()
        self._open_pipe()
        try:
            self._bind_own()
        except OSError:
            pass  # it is reached through the socket that the workers share
        self.resume()

    def _bind_own(self) -> None:
        pid = os.getpid()
        for other, name in worker_sockets(self._run_folder, self._name).items():
            if not os.path.exists(f"/proc/{other}"):
                unlink(os.path.join(self._run_folder, name))
        own = sockets.bind(self._run_folder, worker_socket(self._name, pid))
        own.setblocking(False)
        self._listeners.append(own)
        import atexit

        path = os.path.join(self._run_folder, worker_socket(self._name, pid))
        atexit.register(lambda: unlink(path) if os.getpid() == pid else None)

    def _leave_the_parent(self) -> None:
        for caller in self._callers.values():
            caller.connection.close()
        self._callers = {}
        self._ended = []
        self._thread = None
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _open_pipe(self) -> None:
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)

    def _run(self, thread: NativeThread) -> None:
        """Accept callers until `stop` or the end of the process; the body of the agent's thread."""
        thread.begin()
        poller = poll()
        poller.register(self._wake_read, POLLIN)
        listeners = {listener.fileno(): listener for listener in self._listeners}
        for descriptor in listeners:
            poller.register(descriptor, POLLIN)
        if self._watch is not None:
            poller.register(self._watch[0], 0)  # a hang-up is always reported
        while True:
            for descriptor, _ in poller.poll():
                if descriptor == self._wake_read:
                    return
                if descriptor in listeners:
                    self._accept(listeners[descriptor])
                elif self._watch is not None:
                    poller.unregister(descriptor)
                    _, act = self._watch
                    self._watch = None
                    start_new_thread(act, ())

    def _accept(self, listener: _socket.socket) -> None:
        try:
            connection = _accept_from(listener)
        except BlockingIOError:
            return
        except OSError:  # out of descriptors, or the caller has gone already
            poll().poll(_PAUSE_MS)
            return
        if len(self._ended) > MAX_CALLERS:
            self._ended = [caller for caller in self._ended if caller.is_alive()]
        if not sockets.is_trusted(connection):
            connection.close()
        elif len(self._callers) >= MAX_CALLERS:
            _refuse(connection, f"error: the app answers {MAX_CALLERS} callers already\n")
        else:
            caller = Caller(connection)
            self._callers[connection.fileno()] = caller
            try:
                start_new_thread(self._serve, (caller,))
            except RuntimeError:  # the process may not have more threads
                del self._callers[connection.fileno()]
                _refuse(connection, "error: the app's process can start no more threads\n")

    def _serve(self, caller: Caller) -> None:
        """Answer one caller; the body of its thread."""
        caller.begin()
        self.forks.come_first()
        try:
            _answer(caller)
        except OSError:
            pass  # the caller has gone before it asked
        finally:
            self._ended.append(caller)
            self._callers.pop(caller.connection.fileno(), None)
            caller.connection.close()


def start(
    context: Context, watch: tuple[int, Callable[[], None]] | None = None, socket_name: str = AGENT_SOCKET
) -> Agent:
    """Bind the agent's socket and start its thread; to be called while the process has no other thread."""
    from .loops import remember_main_thread

    remember_main_thread()
    run = context.layout.run
    os.makedirs(run, mode=0o700, exist_ok=True)
    agent = Agent(sockets.bind(run, socket_name), run, socket_name, watch)
    agent.resume()
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


def _answer(caller: Caller) -> None:
    connection = caller.connection
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

            caller.is_waited_for = False
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
    from .failures import FAILED, NOT_NOW, USAGE, Failure
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
        if exit_code == NOT_NOW:
            text = f"note: {target} left with exit code 4, which would say that the app is not running: it becomes 1\n"
            exit_code = FAILED
        if text:
            reply.send(frames.ERROR, calls.encode(text))
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
