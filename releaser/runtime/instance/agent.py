"""Who answers from inside the running app: one thread that accepts on `run/agent.sock`, and one for each caller.

The agent is a guest in the app's process. It starts before the app is imported and takes the C primitives it needs
then, so neither a hanging import nor gevent's patches reach it. A caller must be this user or root; one that sends
rubbish, sends half a request or never reads costs a thread for a limited time and nothing else. A function runs in
its caller's thread and goes on when the caller has gone. What callers ask for is told in `answers`.

What becomes of the agent when the app forks is told in `forking`.
"""

from __future__ import annotations

import _socket
import os
from signal import SIG_BLOCK, SIG_SETMASK, pthread_sigmask, valid_signals

from ..protocol import frames, sockets
from ..protocol.accounts import Account, Accounts
from ..release import faults
from ..release.failures import BUG, NOT_NOW
from ..release.files import unlink
from ..release.layout import AGENT_SOCKET, worker_socket, worker_sockets
from ..release.primitives import POLLIN, poll, sleep, start_new_thread
from .answers import answer
from .forking import Forks
from .native_threads import NativeThread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..release.context import Context

MAX_CALLERS = 256
_PAUSE_MS = 100
_LOOK_AGAIN_S = 0.0001


class Caller(NativeThread):
    """One connection and the thread that answers it."""

    __slots__ = ("account", "connection")

    def __init__(self, connection: _socket.socket, accounts: Accounts) -> None:
        super().__init__()
        self.connection = connection
        self.account = Account(accounts, connection)


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
        self._mask: set[int] = set()  # of signals, as the thread that started ours has it
        self._callers: dict[int, Caller] = {}
        self._accounts = Accounts()
        self._ended: list[Caller] = []
        self._pipe: list[int] = []
        self._open_pipe()
        self.forks = Forks(self)

    def resume(self) -> None:
        """Start the agent's thread, unless it runs."""
        if self._thread is not None:
            return
        try:
            while os.read(self._pipe[0], 64):
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
        os.write(self._pipe[1], b"x")
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
        from ..bundle.loops import remember_main_thread

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
        self._accounts = Accounts()  # the lock of the parent's may be held by a thread that is not here
        self._ended = []
        self._thread = None
        for descriptor in self._pipe:
            os.close(descriptor)
        self._pipe = []

    def _open_pipe(self) -> None:
        """Make what `stop` wakes the thread with: each process has its own, and one without an agent has none."""
        self._pipe = list(os.pipe())
        os.set_blocking(self._pipe[0], False)

    def _run(self, thread: NativeThread) -> None:
        """Accept callers until `stop` or the end of the process; the body of the agent's thread."""
        thread.begin()
        # A signal to the process is the app's: one that it blocks, to wait for it, would kill the process here.
        self._mask = pthread_sigmask(SIG_BLOCK, valid_signals())
        poller = poll()
        wake = self._pipe[0]
        poller.register(wake, POLLIN)
        listeners = {listener.fileno(): listener for listener in self._listeners}
        for descriptor in listeners:
            poller.register(descriptor, POLLIN)
        if self._watch is not None:
            poller.register(self._watch[0], POLLIN)  # a hang-up is always reported; of a process, it is this
        while True:
            for descriptor, _ in poller.poll():
                if descriptor == wake:
                    return
                if descriptor in listeners:
                    self._accept_whatever_happens(listeners[descriptor])
                elif self._watch is not None:
                    poller.unregister(descriptor)
                    _, act = self._watch
                    self._watch = None
                    start_new_thread(act, ())

    def _accept_whatever_happens(self, listener: _socket.socket) -> None:
        """Accept a caller; a fault of ours in that must not end the thread that all others rely on."""
        try:
            self._accept(listener)
        except Exception as error:
            faults.tell_on_stderr(error, "accepting a caller")
            poll().poll(_PAUSE_MS)

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
            caller = Caller(connection, self._accounts)
            self._callers[connection.fileno()] = caller
            try:
                start_new_thread(self._serve, (caller,))
            except RuntimeError:  # the process may not have more threads
                del self._callers[connection.fileno()]
                _refuse(connection, "error: the app's process can start no more threads\n")

    def _serve(self, caller: Caller) -> None:
        """Answer one caller; the body of its thread."""
        caller.begin()
        pthread_sigmask(SIG_SETMASK, self._mask)  # what the call starts, a program for one, would inherit ours
        self.forks.come_first()
        try:
            answer(caller.connection, caller, caller.account)
        except OSError:
            pass  # the caller has gone before it asked
        except Exception as error:
            told = faults.tell_on_stderr(error, "answering a caller")
            _say(caller.connection, f"error: {told}\n  now: the app goes on\n", BUG)
        finally:
            caller.account.close()
            self._ended.append(caller)
            self._callers.pop(caller.connection.fileno(), None)
            caller.connection.close()


def start(
    context: Context, watch: tuple[int, Callable[[], None]] | None = None, socket_name: str = AGENT_SOCKET
) -> Agent:
    """Bind the agent's socket and start its thread; to be called while the process has no other thread."""
    from ..bundle.loops import remember_main_thread

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
    _say(connection, text, NOT_NOW)
    connection.close()


def _say(connection: _socket.socket, text: str, exit_code: int) -> None:
    """Send the end of an answer to somebody who may be gone, or not read."""
    connection.setblocking(False)
    try:
        connection.send(frames.reply(text, exit_code, frames.ERROR))
    except OSError:
        pass
