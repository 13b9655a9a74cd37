"""The app's side of `remote_console`: a Python prompt whose statements run in a thread of the app.

    app                                              client
    i  prompt: a line is wanted               ->
                                              <-     i  one line
    o, e  output                              ->
                                              <-     c  Ctrl-C: the statement, or the line begun, is dropped
                                              <-     t  a word, when Tab is pressed
    t  what it may become, one a line         ->
    x  exit code, after exit()                ->

The app's own output is left alone: `print` and `help` are replaced in the console's names only, and a value is shown
when its statement stands at the top, not inside a loop. `await` works, on the app's own event loop. Each console has
names of its own. Ctrl-C raises KeyboardInterrupt in the thread, which Python delivers between two instructions, so a
call that blocks in C is over first. The statement of a client that hung up is interrupted in the same way.
"""

from __future__ import annotations

import _socket
import ast
import codeop
import ctypes
import os
import sys
import types
from functools import partial

from ..bundle import calls
from ..bundle.hubs import call
from ..bundle.loops import wait_for
from ..protocol import frames
from ..protocol.accounts import CrowdedOut
from ..protocol.reply import Reply
from ..release.primitives import POLLIN, allocate_lock, get_ident, poll, start_new_thread
from ..release.tracebacks import format_exception
from .completion import matches
from .native_threads import NativeThread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..protocol.accounts import Account

_FILE = "<console>"
_PIECE_BYTES = 65536
_CO_COROUTINE = 0x80
_MAX_WAITING_LINES = 1000
_INTERRUPTED = "\0"
"""Stands for Ctrl-C among the lines; a line of a console never holds NUL."""


def serve(
    connection: _socket.socket,
    reply: Reply,
    decoder: frames.Decoder,
    early: list[tuple[bytes, bytes]],
    account: Account,
) -> None:
    """Run one console to its end; `early` are frames that arrived together with the request.

    `account` bounds what is kept of lines that have come and not been run.
    """
    names = _names(reply)

    def complete(text: str) -> None:
        reply.send(frames.COMPLETE, calls.encode("\n".join(matches(text, names))))

    inbox = _Inbox(connection, decoder, early, complete, account)
    version = sys.version.partition(" ")[0]
    where = f"Python {version} in the running app (pid {os.getpid()})"
    banner = f"{where}; print() comes here, Ctrl-D leaves the app alone\n"
    reply.send(frames.OUTPUT, banner.encode())
    try:
        exit_code = _converse(inbox, names, reply)
        if exit_code is not None:
            reply.end(exit_code)
    finally:
        inbox.close()


def _converse(inbox: _Inbox, names: dict[str, Any], reply: Reply) -> int | None:
    """Run line after line; return the exit code of `exit()`, or None when the client has hung up."""
    source = ""
    while True:
        reply.send(frames.INPUT, b"... " if source else b">>> ")
        line = inbox.next_line()
        if line is None:
            return None
        if line == _INTERRUPTED:
            source = ""
            reply.send(frames.ERROR, b"KeyboardInterrupt\n")
            continue
        source = f"{source}\n{line}" if source else line
        try:
            if _is_incomplete(source):
                continue
            inbox.interruptible(partial(_execute, source, names, reply))
        except SystemExit as leaving:
            exit_code, text = calls.exit_code_of(leaving.code)
            if text:
                reply.send(frames.ERROR, calls.encode(text))
            return exit_code
        except KeyboardInterrupt:
            reply.send(frames.ERROR, b"KeyboardInterrupt\n")
        except BaseException as error:
            reply.send(frames.ERROR, calls.encode(format_exception(error)))
        source = ""


class _Inbox:
    """Reads what the client sends in a thread of its own, so that Ctrl-C is heard while a statement runs."""

    def __init__(
        self,
        connection: _socket.socket,
        decoder: frames.Decoder,
        early: list[tuple[bytes, bytes]],
        complete: Callable[[str], None],
        account: Account,
    ) -> None:
        self._account = account
        self._connection = connection
        self._decoder = decoder
        self._complete = complete
        self._lines: list[str | None] = []
        self._lock = allocate_lock()
        self._arrived = allocate_lock()
        self._arrived.acquire()
        self._worker = get_ident()
        self._is_running = False
        self._is_over = False
        self._sort(early)
        start_new_thread(self._read, ())

    def next_line(self) -> str | None:
        """Return the next line, `_INTERRUPTED`, or None when the client has hung up."""
        while True:
            with self._lock:
                if self._lines:
                    line = self._lines.pop(0)
                    self._is_over = line is None
                    return line
            self._arrived.acquire()

    def interruptible(self, action: Callable[[], None]) -> None:
        """Run `action` so that Ctrl-C raises KeyboardInterrupt in it, and nowhere else."""
        try:
            with self._lock:
                if _INTERRUPTED in self._lines:  # it came after the line and before this moment
                    self._lines.remove(_INTERRUPTED)
                    raise KeyboardInterrupt
                self._is_running = True
            action()
        finally:
            self._end_of_action()

    def close(self) -> None:
        """End the connection, and with it the reading thread."""
        if self._is_over:
            return
        try:
            self._connection.shutdown(_socket.SHUT_RDWR)
        except OSError:
            pass
        while self.next_line() is not None:
            pass

    def _end_of_action(self) -> None:
        while True:
            try:
                with self._lock:
                    self._is_running = False
                    _raise_in(self._worker, None)
            except KeyboardInterrupt:  # it came when the action was over already
                continue
            return

    def _read(self) -> None:
        NativeThread().begin()
        while True:
            try:
                data = self._next_piece()
                self._sort(self._decoder.feed(data))
                self._account.take(self._decoder.held_bytes + self._waiting_bytes(), is_unfinished=True)
            except CrowdedOut:
                data = b""
                self._drop_lines()
            except (OSError, ValueError, frames.ProtocolError):
                data = b""
            if not data:
                self._decoder.clear()
                self._put(None)
                self._interrupt()
                return

    def _next_piece(self) -> bytes:
        """Wait without a time limit: the connection is non-blocking for the sake of the writing side."""
        poller = poll()
        poller.register(self._connection.fileno(), POLLIN)
        while True:
            poller.poll()
            try:
                return self._connection.recv(_PIECE_BYTES)
            except BlockingIOError:
                continue

    def _sort(self, found: list[tuple[bytes, bytes]]) -> None:
        if len(self._lines) + len(found) > _MAX_WAITING_LINES:
            raise frames.ProtocolError("too many lines at once")
        for kind, body in found:
            if kind == frames.INPUT:
                self._put(body.decode("utf-8", "replace").replace("\0", "").removesuffix("\n"))
            elif kind == frames.INTERRUPT and not self._interrupt():
                self._put(_INTERRUPTED)
            elif kind == frames.COMPLETE:
                self._complete(body.decode("utf-8", "replace"))

    def _waiting_bytes(self) -> int:
        with self._lock:
            return sum(len(line) for line in self._lines if line is not None)

    def _drop_lines(self) -> None:
        with self._lock:
            self._lines.clear()

    def _put(self, line: str | None) -> None:
        with self._lock:
            self._lines.append(line)
            if self._arrived.locked():
                self._arrived.release()

    def _interrupt(self) -> bool:
        with self._lock:
            if self._is_running:
                _raise_in(self._worker, KeyboardInterrupt)
            return self._is_running


def _raise_in(thread: int, exception: type[BaseException] | None) -> None:
    """Have `exception` raised in a thread at its next instruction, or take back one that was not raised yet."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread), None if exception is None else ctypes.py_object(exception)
    )


def _names(reply: Reply) -> dict[str, Any]:
    """Return the console's own global names."""

    def console_print(*values: object, file: Any = None, flush: bool = False, sep: str = " ", end: str = "\n") -> None:
        if file is not None:
            print(*values, file=file, flush=flush, sep=sep, end=end)
            return
        reply.send(frames.OUTPUT, calls.encode(sep.join(str(value) for value in values) + end))

    def console_help(thing: object) -> None:
        import pydoc

        reply.send(frames.OUTPUT, calls.encode(pydoc.plain(pydoc.render_doc(thing)) + "\n"))

    return {"__name__": "__console__", "__doc__": None, "print": console_print, "help": console_help}


def _is_incomplete(source: str) -> bool:
    """Tell whether more lines must follow.

    Raises:
        SyntaxError: no line could make it right.
    """
    compiler = codeop.CommandCompiler()
    compiler.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    return compiler(source, _FILE, "single") is None


def _execute(source: str, names: dict[str, Any], reply: Reply) -> None:
    for statement in ast.parse(source, _FILE).body:
        if isinstance(statement, ast.Expr):
            value = _run(ast.Expression(statement.value), "eval", names)
            if value is not None:
                names["_"] = value
                reply.send(frames.OUTPUT, calls.encode(f"{value!r}\n"))
        else:
            _run(ast.Module([statement], []), "exec", names)


def _run(tree: ast.Expression | ast.Module, mode: str, names: dict[str, Any]) -> Any:
    code = compile(tree, _FILE, mode, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    if code.co_flags & _CO_COROUTINE:
        return wait_for(types.FunctionType(code, names)())
    return call(lambda: eval(code, names))
