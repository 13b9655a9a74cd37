"""The commands that ask the supervisor: ping, pid, status, stop. They import little, since probes call them often."""

from __future__ import annotations

import os

from ..protocol import client, frames
from ..release.failures import DONE, USAGE, Failure
from ..release.layout import CONTROL_SOCKET
from ..release.writing import write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket

    from ..release.context import Context

_READ_BYTES = 4096


def ping(context: Context, args: list[str]) -> int:
    """Exit 0 when the release is ready, or with `--alive` when its supervisor answers at all; else 4."""
    _only(context, "ping", args, ("--alive",))
    return client.call(context, CONTROL_SOCKET, "alive" if args else "ping")


def pid(context: Context, args: list[str]) -> int:
    """Print the supervisor's process id: the one to send signals to."""
    _only(context, "pid", args, ())
    return client.call(context, CONTROL_SOCKET, "pid")


def status(context: Context, args: list[str]) -> int:
    """Print what runs, for a person or with `--json` as one object."""
    _only(context, "status", args, ("--json",))
    return client.call(context, CONTROL_SOCKET, "status", *args)


def stop(context: Context, args: list[str]) -> int:
    """Ask the release to end, and wait until its supervisor is gone."""
    words = ["stop"]
    if args:
        from ..release.durations import seconds

        if args[0] != "--timeout" or len(args) != 2:
            raise Failure(f"expected `{context.name} stop [--timeout D]`", USAGE, now="the release goes on")
        words.append(str(seconds(args[1], "the release goes on")))
    connection = client.connect(context, CONTROL_SOCKET)
    client.send(connection, frames.encode_request(*words))
    refused = _wait_for_end(connection)
    if refused is not None:
        return refused
    wait_for_lock(context.layout.lock)
    return DONE


def _wait_for_end(connection: _socket.socket) -> int | None:
    """Wait until the release has ended; return an exit code where it was not told to.

    The supervisor says nothing more to whom it has told to wait: the end of this connection is the end of the release.
    """
    decoder = frames.Decoder()
    try:
        while data := connection.recv(_READ_BYTES):
            for kind, body in decoder.feed(data):
                if kind == frames.EXIT:
                    return int(body)
                write_all(2, body)
    except ConnectionResetError:
        pass
    return None


def wait_for_lock(path: str) -> None:
    """Wait the instant between the end of a connection and the release of the lock in the same dying process."""
    import fcntl
    import select

    descriptor = os.open(path, os.O_RDONLY)
    for _ in range(1000):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            select.poll().poll(2)
        else:
            break
    os.close(descriptor)


def _only(context: Context, command: str, args: list[str], known: tuple[str, ...]) -> None:
    if len(args) > 1 or any(arg not in known for arg in args):
        wanted = " ".join([context.name, command, *(f"[{option}]" for option in known)])
        raise Failure(f"expected `{wanted}`, found '{' '.join(args)}'", USAGE, now="nothing was done")
