"""Who tells the running app that its database has changed? `migrate`, once something was applied.

Each process of the release that answers is told: the main one, or each worker of a pre-forking server, and every other
process by name. The function `after_migrate` gets one argument, a list of what was applied, as rpc would give it. Where
no app runs there is nobody to tell.
"""

from __future__ import annotations

import time

from ..protocol import agents, frames, sockets
from ..release.failures import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ..release.context import Context
    from ..release.manifest import Migrations

APP_NOT_TOLD_WITHIN_S = 60.0
"""How long one process has for the function."""
_PIECE_BYTES = 65536
_NOBODY = (FileNotFoundError, NotADirectoryError, ConnectionRefusedError)


def tell_the_app(context: Context, records: Sequence[Migrations], applied: Sequence[Mapping[str, Any]]) -> list[str]:
    """Have `after_migrate` of each database in `applied` called; return what went wrong, in words."""
    of_database = {record.name: record.after_migrate for record in records if record.after_migrate}
    changes: dict[str, list[Mapping[str, Any]]] = {}
    for each in applied:
        function = of_database.get(str(each["database"]))
        if function:
            changes.setdefault(function, []).append(each)
    if not changes:
        return []
    import json

    try:
        known = agents.everyone(context)
    except PermissionError:
        return [f"{context.name} does not answer to this user: it belongs to another"]
    problems = []
    for name, socket in known.items():
        for function, told in changes.items():
            problem = _call(context, socket, function, json.dumps(told))
            problems += [f"{name}: {function} {problem}"] if problem else []
    return problems


def _call(context: Context, socket: str, function: str, argument: str) -> str:
    """Call the function in the process that answers on `socket`; return what went wrong, "" if nothing did."""
    deadline = time.monotonic() + APP_NOT_TOLD_WITHIN_S
    try:
        connection = sockets.connect(context.layout.run, socket, APP_NOT_TOLD_WITHIN_S)
    except _NOBODY:
        return ""  # it has ended, and left its socket behind
    except OSError as error:
        return f"could not be called: {error.strerror or error}"
    decoder = frames.Decoder()
    said = b""
    try:
        connection.sendall(frames.encode_request("rpc", "json", function, argument))
        while True:
            connection.settimeout(max(0.001, deadline - time.monotonic()))
            data = connection.recv(_PIECE_BYTES)
            if not data:
                return ""  # it ended meanwhile: what comes after it begins with fresh connections
            for kind, body in decoder.feed(data):
                if kind == frames.EXIT:
                    return "" if int(body) == 0 else f"failed: {_last_line(said)}"
                said += body if kind == frames.ERROR else b""
    except TimeoutError:
        return f"did not return within {APP_NOT_TOLD_WITHIN_S:g} s"
    except ConnectionError:
        return ""
    finally:
        connection.close()


def _last_line(said: bytes) -> str:
    """Return what a traceback or a failure says, on one line."""
    lines = said.decode("utf-8", "replace").strip().splitlines()
    if lines and lines[0].startswith("error: "):
        return lines[0].removeprefix("error: ")
    return lines[-1] if lines else "it gave no reason"


def failure_of(context: Context, problems: Sequence[str], exit_code: int) -> Failure:
    """Return the failure that a migration ends with which was done and not told."""
    return Failure(
        "the database is migrated, and the app could not be told",
        exit_code,
        tuple(problems),
        now="what was applied stays; old connections of the app may fail until they are made anew",
        hint=f"bin/{context.name} restart makes everything anew",
    )
