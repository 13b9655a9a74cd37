"""Which process of a running release answers: the main one, another by name, or one worker of a pre-forking server."""

from __future__ import annotations

import os

from ..release.failures import NOT_NOW, USAGE, Failure
from ..release.layout import AGENT_SOCKET, MAIN, agent_socket, names_in, worker_sockets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..release.context import Context

_STEM = AGENT_SOCKET.removesuffix(".sock")


def everyone(context: Context) -> dict[str, str]:
    """Return the socket of each process that answers, by the process's name, or its pid when it is a worker.

    Raises:
        PermissionError: this user may not know.
    """
    run = context.layout.run
    found: dict[str, str] = {}
    for name in sorted(names_in(run)):
        if not name.startswith(_STEM) or not name.endswith(".sock") or "@" in name:
            continue
        workers = worker_sockets(run, name)
        living = {str(pid): socket for pid, socket in workers.items() if os.path.exists(f"/proc/{pid}")}
        found.update(living or {name.removesuffix(".sock").removeprefix(f"{_STEM}-").replace(_STEM, MAIN): name})
    return found


def socket_of(context: Context, process: str) -> str:
    """Return the socket of a process, given by its name or the pid of a worker; no text is the main process.

    Raises:
        Failure: the release runs, and no such process answers.
    """
    if not process:
        return AGENT_SOCKET
    known = everyone(context)
    if process in known:
        return known[process]
    named = agent_socket(process)
    if os.path.exists(os.path.join(context.layout.run, named)):
        return named  # a pre-forking server of that name: one of its workers answers
    if not known:
        raise Failure(f"{context.name} is not running", NOT_NOW)
    raise Failure(
        f"{context.name} has no process '{process}' that answers",
        NOT_NOW,
        now="nothing was called",
        hint=", ".join(known),
    )


def take_option(words: list[str], value: str, has_value: bool) -> str:
    """Return the value of `--process`, taken from `words` where it was not given with an equals sign.

    Raises:
        Failure: there is none, or it cannot be the name of a process.
    """
    if not has_value:
        value = words.pop(0) if words else ""
    if not value or "/" in value:
        raise Failure(f"expected the name or the pid of a process, found '{value}'", USAGE, now="nothing was called")
    return value
