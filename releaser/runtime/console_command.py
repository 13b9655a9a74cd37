"""The commands `console`, an interactive Python in the bundle, and `remote_console`, one in the running app."""

from __future__ import annotations

import os
import sys

from . import agents, client, frames
from .failures import USAGE, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket

    from .context import Context


def console(context: Context, args: list[str]) -> int:
    """Read and run Python interactively in a process of the bundle, configured as the app is.

    Lines can be edited when the interpreter has readline; no history is kept.

    Raises:
        Failure: the bundle cannot be used, or its environment is not complete.
        SystemExit: `exit()` at the prompt.
    """
    _no_words(context, "console", args)
    from .eval_command import prepare

    names = prepare(context, "console")
    import code

    _edit_lines(names)
    manifest = context.manifest
    version = sys.version.partition(" ")[0]
    where = f"{manifest.name} {manifest.version} ({manifest.environment})"
    banner = f"Python {version}, {where}; this is a process of its own, not the running app"
    code.InteractiveConsole(names).interact(banner=banner, exitmsg="")
    return 0


def remote_console(context: Context, args: list[str]) -> int:
    """Read lines here and run them in the app; Ctrl-C interrupts the statement, Ctrl-D leaves the app alone.

    Raises:
        Failure: the app is not running, or ended.
    """
    connection = client.connect(context, agents.socket_of(context, _process(context, args)))
    if os.isatty(0):
        _edit_lines({})
    connection.sendall(frames.encode_request("console"))
    decoder = frames.Decoder()
    while True:
        try:
            data = client.receive(context, connection)
        except KeyboardInterrupt:
            connection.sendall(frames.encode(frames.INTERRUPT, b""))
            continue
        for kind, body in decoder.feed(data):
            if kind == frames.EXIT:
                return int(body)
            if kind == frames.INPUT:
                if not _send_line(connection, body.decode()):
                    return 0
            else:
                client.write_all(1 if kind == frames.OUTPUT else 2, body)


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
            client.write_all(1, b"\n")
        connection.close()
        return False
    except KeyboardInterrupt:
        client.write_all(1, b"\n")
        connection.sendall(frames.encode(frames.INTERRUPT, b""))
        return True
    connection.sendall(frames.encode(frames.INPUT, line.encode("utf-8", "surrogateescape")))
    return True


def _read_line() -> str:
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.removesuffix("\n")


def _edit_lines(names: dict[str, object]) -> None:
    """Have `input` edit lines and, for a console of this process, complete names; without readline it does neither."""
    try:
        import readline
    except ImportError:
        return
    if names:
        import rlcompleter

        readline.set_completer(rlcompleter.Completer(names).complete)
        readline.parse_and_bind("tab: complete")


def _no_words(context: Context, command: str, args: list[str]) -> None:
    if args:
        raise Failure(f"expected `{context.name} {command}`, found '{args[0]}'", USAGE, now="nothing was done")
