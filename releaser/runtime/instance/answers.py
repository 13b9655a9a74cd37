"""What the agent does for one caller: its request, and what is sent back.

ping                              x 0
rpc FORMAT MODULE:FUNCTION ARGS   o the result, e a traceback, x 0 or 1      FORMAT is text or json
rpc_at EVENT FORMAT ...           as rpc, called by a hook of that event
ask MODULE:FUNCTION               as rpc in json, of a module that the app has imported; never imports one
drain PID KIND                    x 0, or 1 from a process of another instance; see `releaser.runtime.instance.drain`
reload NAME=VALUE ...             o the names that changed, e a traceback, x 0 or 1
console                           see `releaser.runtime.instance.agent_console`

`releaser.runtime.protocol.requests` says which words these are; what it does not accept is answered with e, and x 2.
"""

from __future__ import annotations

import _socket

from ..protocol import frames, requests
from ..protocol.accounts import MAX_HELD_BYTES, CrowdedOut
from ..protocol.reply import Reply
from ..release.primitives import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..protocol.accounts import Account
    from ..release.failures import Failure
    from .native_threads import NativeThread

REQUEST_S = 10.0
"""A caller that has not said what it wants by then is let go."""
_PIECE_BYTES = 16384
_KINDS = frames.REQUEST + frames.INPUT + frames.INTERRUPT + frames.COMPLETE


def answer(connection: _socket.socket, thread: NativeThread, account: Account) -> None:
    """Read one request in the caller's thread and send everything that answers it; `account` bounds what it may hold.

    Raises:
        OSError: the caller has gone before it asked.
    """
    decoder = requests.decoder(requests.AGENT, _KINDS)
    try:
        words, rest = _read_request(connection, decoder, account)
    except (frames.ProtocolError, requests.Refused) as error:
        _refuse(connection, account, requests.refusal(error, "nothing was called"))
        return
    except CrowdedOut:
        text = f"error: all callers together hold more than {MAX_HELD_BYTES} bytes\n  now: nothing was called\n"
        _refuse(connection, account, frames.reply(text, 4, frames.ERROR))
        return
    _answer(connection, words, rest, decoder, thread, account)


def _refuse(connection: _socket.socket, account: Account, answer: bytes) -> None:
    account.close()
    connection.setblocking(False)
    try:
        connection.send(answer)
    except OSError:
        pass  # it has gone, or does not read


def _answer(
    connection: _socket.socket,
    words: list[str],
    rest: list[tuple[bytes, bytes]],
    decoder: frames.Decoder,
    thread: NativeThread,
    account: Account,
) -> None:
    reply = Reply(connection, account)
    match words:
        case ["ping"]:
            reply.end(0)
        case ["rpc", form, target, *arguments]:
            reply.end(_call(reply, form, target, arguments))
        case ["rpc_at", event, form, target, *arguments]:
            reply.end(_call(reply, form, target, arguments, event))
        case ["ask", target]:
            reply.end(_ask(reply, target))
        case ["drain", pid, kind]:
            from . import drain

            reply.end(0 if drain.begin(int(pid), kind) else 1)
        case ["reload", *variables]:
            reply.end(_reload(reply, variables))
        case ["console"]:
            from .agent_console import serve

            thread.is_waited_for = False
            serve(connection, reply, decoder, rest, account)
        case _:  # of the table, and left out here
            raise LookupError(words[0])


def _read_request(
    connection: _socket.socket, decoder: frames.Decoder, account: Account
) -> tuple[list[str], list[tuple[bytes, bytes]]]:
    """Return the words of the request and the frames that came with it.

    Raises:
        ProtocolError: what came is no request.
        Refused: it is a request, and none of the table.
        CrowdedOut: it had to make room for others.
        OSError: nothing complete came in time, or the caller has gone.
    """
    deadline = monotonic() + REQUEST_S
    while True:
        connection.settimeout(max(0.001, deadline - monotonic()))
        data = connection.recv(_PIECE_BYTES)
        if account.is_closed:
            raise CrowdedOut
        if not data:
            raise ConnectionResetError
        found = decoder.feed(data)
        held = decoder.held_bytes + sum(len(body) for _, body in found)
        account.take(held, is_unfinished=not found)
        if found:
            kind, body = found[0]
            if kind != frames.REQUEST:
                raise frames.ProtocolError(f"a frame of type {kind!r} came first")
            return requests.read(requests.AGENT, body, "the app"), found[1:]


def _call(reply: Reply, form: str, target: str, arguments: list[str], event: str = "") -> int:
    """Run the function, send its progress, result or exception, and return the exit code for the caller."""
    from .. import progress
    from ..bundle import calls
    from ..release.failures import FAILED, NOT_NOW, Failure
    from ..release.tracebacks import format_exception

    def sink(text: str) -> None:
        reply.send(frames.OUTPUT, calls.encode(text))

    try:
        with progress.SentTo(sink, event):
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


def _ask(reply: Reply, target: str) -> int:
    """Call a function of a module that is there: the app may be importing at this moment.

    Two threads that import modules which import each other can end in a deadlock that Python breaks by failing one
    of them, which may be the app's (importlib's _DeadlockError, seen with celery on 3.11).
    """
    import sys

    from ..release.failures import FAILED

    name = target.partition(":")[0]
    module = sys.modules.get(name)
    if module is None or getattr(getattr(module, "__spec__", None), "_initializing", False):
        reply.send(frames.OUTPUT, f"the app has not imported {name}".encode("utf-8", "surrogateescape"))
        return FAILED
    return _call(reply, "json", target, [])


def _reload(reply: Reply, variables: list[str]) -> int:
    """Hand over the configuration that has changed, and send the names."""
    from ..bundle import calls
    from ..release.failures import FAILED, Failure
    from ..release.tracebacks import format_exception
    from . import reloading

    try:
        names = reloading.apply(variables)
    except Failure as failure:
        reply.send(frames.ERROR, _text_of(failure))
        return failure.exit_code
    except BaseException as error:
        shown = reloading.without_values(format_exception(error), variables)
        told = "error: the app did not take its new configuration\n"
        now = "  now: the change is offered again at the next reload_config\n"
        reply.send(frames.ERROR, calls.encode(shown + told + now))
        return FAILED
    text = f"changed: {', '.join(names)}\n" if names else "nothing has changed\n"
    reply.send(frames.OUTPUT, calls.encode(text))
    return 0


def _text_of(failure: Failure) -> bytes:
    from ..bundle.calls import encode

    return encode("\n".join(failure.lines()) + "\n")
