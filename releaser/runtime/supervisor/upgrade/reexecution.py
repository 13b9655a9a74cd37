"""How does the supervisor become that of another version, and stay the same process?

By execve(2): pid, children, working folder and standard streams stay. What it knows travels as JSON with a format
number in a memory file (memfd_create(2)), what it holds as descriptors that the JSON names::

    old image                                       new image, `_resume FD`
      block the signals that are handled
      make the descriptors inheritable
      execve                               ->       read the JSON, make the descriptors its own
                                                    handlers, then unblock: a signal of the meantime is taken now

If execve fails, the old image goes on. It comes last in an upgrade, so a fault here costs no version.
"""

from __future__ import annotations

import _socket
import json
import os
import signal

from ...bundle.launch import FLAGS
from ...bundle.listeners import Listener
from ...release.failures import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from typing import Any

    from ...release.context import Context
    from ..control.clients import Control
    from ..generation import Generation
    from ..telling.logger import Logger

FORMAT = 1


class Held:
    """What the present image holds, told in numbers: processes, and descriptors that are to survive."""

    def __init__(self, live: Generation, control: Control, logger: Logger | None, lock: int) -> None:
        keepers = [keeper.state() for keeper in live.keepers]
        clients = control.state()
        log = None if logger is None else logger.state()
        listener = control.listener.fileno()
        self.state: dict[str, Any] = {
            "lock": lock,
            "control": listener,
            "clients": clients,
            "logger": log,
            "listeners": [
                {"name": item.name, "address": item.address, "fd": item.socket.fileno(), "is_passed": item.is_passed}
                for item in live.listeners
            ],
            "keepers": keepers,
            "environ": live.environ,
            "generation": live.number,
        }
        self.descriptors = [
            lock,
            listener,
            *(item.socket.fileno() for item in live.listeners),
            *(keeper["notify"] for keeper in keepers),
            *(keeper["lifeline"] for keeper in keepers if keeper["pid"]),
            *(client["socket"] for client in clients),
        ]
        if log is not None:
            self.descriptors += [log["reader"], *([log["lifeline"]] if log["pid"] else [])]


def execute(
    context: Context,
    environ: Mapping[str, str],
    held: Held,
    state: Mapping[str, Any],
    signals: Collection[int],
    before: Callable[[], None],
) -> None:
    """Become the supervisor of `context`'s version; `before` is called at the last moment.

    Raises:
        OSError: it cannot be executed; nothing has changed.
    """
    memory = os.memfd_create("releaser-state", 0)
    layout = context.layout
    argv = [context.python, *FLAGS, "-B", layout.entry, layout.root, layout.version, "_resume", str(memory)]
    told = {"format": FORMAT, "descriptors": held.descriptors, **held.state, **state}
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        with open(memory, "w", encoding="utf-8", errors="surrogateescape", closefd=False) as file:
            json.dump(told, file)
        os.lseek(memory, 0, os.SEEK_SET)
        for descriptor in held.descriptors:
            os.set_inheritable(descriptor, True)
        before()
        os.execve(context.python, argv, dict(environ))
    finally:  # reached only if it could not be executed
        for descriptor in held.descriptors:
            os.set_inheritable(descriptor, False)
        os.close(memory)
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)


def adopt(live: Generation, state: Mapping[str, Any], args: Sequence[str], lock: int, now: float) -> None:
    """Give `live`, whose keepers are made, the sockets and the instances of the image before."""
    live.listeners = [
        Listener(item["name"], item["address"], _socket.socket(fileno=item["fd"]), is_passed=item["is_passed"])
        for item in state["listeners"]
    ]
    live.adopt(state["keepers"], args, lock, now)


def read_state(descriptor: int) -> dict[str, Any]:
    """Return what the supervisor before knew, and make what it held ours alone.

    Raises:
        Failure: it was written in another format.
    """
    with open(descriptor, encoding="utf-8", errors="surrogateescape") as file:
        state: dict[str, Any] = json.load(file)
    if state.get("format") != FORMAT:
        raise Failure(f"cannot go on: the supervisor before has left its state in format {state.get('format')}")
    for kept in state["descriptors"]:
        os.set_inheritable(kept, False)
    return state
