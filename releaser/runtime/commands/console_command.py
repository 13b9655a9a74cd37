"""The commands `console`, an interactive Python in the bundle, and `remote_console`, one in the running app."""

from __future__ import annotations

import os
import sys

from ..protocol import agents, client, frames
from ..release.failures import USAGE, Failure
from ..release.writing import write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from ..release.context import Context

_COMPLETION_S = 2.0


def console(context: Context, args: list[str]) -> int:
    """Read and run Python interactively in a process of the bundle, configured as the app is.

    Raises:
        Failure: the bundle cannot be used, or its environment is not complete.
        SystemExit: `exit()` at the prompt.
    """
    _no_words(context, "console", args)
    from .eval_command import prepare

    names = prepare(context, "console")
    from ..instance.completion import matches
    from .local_console import interact

    manifest = context.manifest
    version = sys.version.partition(" ")[0]
    where = f"{manifest.name} {manifest.version} ({manifest.environment})"
    banner = f"Python {version}, {where}; this is a process of its own, not the running app"
    with _editing(context, lambda text: matches(text, names)):
        interact(names, banner)
    return 0


def remote_console(context: Context, args: list[str]) -> int:
    """Read lines here and run them in the app; Ctrl-C interrupts the statement, Ctrl-D leaves the app alone.

    `--process P` chooses a process by its name, or a worker by its pid.

    Raises:
        Failure: the app is not running, or ended.
    """
    connection = client.connect(context, agents.socket_of(context, _process(context, args)))
    decoder = frames.Decoder()
    with _editing(context, lambda text: _completions(context, connection, decoder, text)):
        client.send(connection, frames.encode_request("console"))
        return _converse(context, connection, decoder)


def _editing(context: Context, complete: Callable[[str], list[str]]) -> AbstractContextManager[None]:
    if os.isatty(0) and os.isatty(1):
        from .line_editing import editing

        return editing(context.layout, complete)
    from contextlib import nullcontext

    return nullcontext()


def _converse(context: Context, connection: _socket.socket, decoder: frames.Decoder) -> int:
    arrived: list[tuple[bytes, bytes]] = []
    while True:
        try:
            while not arrived:
                arrived += decoder.feed(client.receive(context, connection))
            kind, body = arrived.pop(0)
            if kind == frames.EXIT:
                return int(body)
            if kind == frames.INPUT:
                if not _send_line(connection, body.decode()):
                    return 0
            elif kind != frames.COMPLETE:  # an answer that came too late
                write_all(1 if kind == frames.OUTPUT else 2, body)
        except KeyboardInterrupt:  # wherever it hits: the app answers it with a prompt
            client.send(connection, frames.encode(frames.INTERRUPT, b""))


def _completions(context: Context, connection: _socket.socket, decoder: frames.Decoder, text: str) -> list[str]:
    """Ask the app, while it waits for a line, what `text` may become; without an answer in time, nothing."""
    client.send(connection, frames.encode(frames.COMPLETE, text.encode("utf-8", "surrogateescape")))
    connection.settimeout(_COMPLETION_S)
    try:
        while True:
            for kind, body in decoder.feed(client.receive(context, connection)):
                if kind == frames.COMPLETE:
                    return body.decode("utf-8", "replace").splitlines()
                if kind in (frames.OUTPUT, frames.ERROR):
                    write_all(1 if kind == frames.OUTPUT else 2, body)
    except (OSError, Failure):
        return []  # the next line that is sent tells what happened
    finally:
        connection.settimeout(None)


def _process(context: Context, args: list[str]) -> str:
    """Return the process that `--process P` names, or nothing for the main one."""
    name, equals, value = args[0].partition("=") if args else ("", "", "")
    rest = args[1:]
    process = agents.take_option(rest, value, bool(equals)) if name == "--process" else ""
    _no_words(context, "remote_console [--process P]", rest if process else args)
    return process


def _send_line(connection: _socket.socket, prompt: str) -> bool:
    """Ask for one line and send it; False at the end of the input."""
    try:
        line = input(prompt) if os.isatty(0) else _read_line()
    except EOFError:
        if os.isatty(0):
            write_all(1, b"\n")
        connection.close()
        return False
    except KeyboardInterrupt:
        write_all(1, b"\n")
        raise
    client.send(connection, frames.encode(frames.INPUT, line.encode("utf-8", "surrogateescape")))
    return True


def _read_line() -> str:
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.removesuffix("\n")


def _no_words(context: Context, command: str, args: list[str]) -> None:
    if args:
        raise Failure(f"expected `{context.name} {command}`, found '{args[0]}'", USAGE, now="nothing was done")
