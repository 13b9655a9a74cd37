"""How the supervisor starts the app: the command, the environment and the descriptors of an instance."""

from __future__ import annotations

import os
import sys

from . import listeners, python_variables
from .process import Child, spawn
from .tree import check_folder, working_folder
from .unpacked import with_programs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ..release.context import Context

FLAGS = ("-I", "-S", "-X", "utf8")
"""No site-packages of the host, none of its PYTHON variables, and UTF-8 whatever the locale."""
FLAGS_OF_THE_APP = ("-P", "-s", "-S", "-X", "utf8")
"""The same, but for the variables: those that `python_variables` leaves are read."""


OPTIMIZE = ((), ("-O",), ("-OO",))
"""Flags for each level of python_optimize."""


class Instance:
    """One running copy of the app."""

    __slots__ = ("child", "is_ready", "ready_after_s", "started_at", "version")

    def __init__(self, child: Child, version: str, now: float) -> None:
        self.child = child
        self.version = version
        self.started_at = now  # monotonic
        self.is_ready = False
        self.ready_after_s = 0.0

    @property
    def pid(self) -> int:
        return self.child.pid

    def become_ready(self, now: float) -> None:
        self.is_ready = True
        self.ready_after_s = now - self.started_at

    def signal(self, number: int) -> None:
        """Send a signal to the app's own process; its children hear of it from the app."""
        try:
            os.kill(self.pid, number)
        except (ProcessLookupError, PermissionError):
            pass

    def to_dict(self, now: float) -> dict[str, Any]:
        return {
            "pid": self.pid,
            "version": self.version,
            "ready": self.is_ready,
            "ready_after_s": round(self.ready_after_s, 3),
            "uptime_s": round(now - self.started_at, 3),
        }


def runtime_command(context: Context) -> list[str]:
    """Return how a command of this release is called without its launcher; the command's words follow."""
    layout = context.layout
    return [context.python, *FLAGS, "-B", layout.entry, layout.root, layout.version]


def app_flags(context: Context) -> list[str]:
    """Return the interpreter's flags for a process of the app, without those about output and byte code."""
    return [*FLAGS, *_chosen_flags(context)]


def _chosen_flags(context: Context) -> list[str]:
    return [*OPTIMIZE[context.manifest.python_optimize], *context.manifest.python_args]


def provide_command(context: Context) -> list[str]:
    """Return how the config providers are asked."""
    layout = context.layout
    return [context.python, *app_flags(context), "-B", layout.entry, layout.root, layout.version, "_provide"]


def take_flags(context: Context) -> None:
    """Give this process, a command that runs in the app's place, the app's flags: it is executed anew if it lacks them.

    Not after the bundle was activated or `sys.argv` changed.
    """
    wanted = [*app_flags(context), "-B"]
    if len(wanted) == len(FLAGS) + 1 or sys.orig_argv[1 : len(wanted) + 1] == wanted:
        return
    words = sys.orig_argv[len(sys.orig_argv) - len(sys.argv) :]
    os.execv(sys.executable, [sys.executable, *wanted, *words])


def start_instance(
    context: Context,
    args: Sequence[str],
    environ: Mapping[str, str],
    bound: Sequence[listeners.Listener],
    lock: int,
    now: float,
) -> Instance:
    """Start the app, with its standard streams ours; the first of `args` is the name of the process.

    Raises:
        OSError: the interpreter cannot be executed, or there is no folder to work in.
    """
    layout = context.layout
    named = working_folder(context, environ)
    check_folder(named)
    is_edited = bool(context.manifest.bundle.source_paths)  # in dev_mode byte code may be cached
    environ = python_variables.for_app(environ, may_write_byte_code=is_edited)
    flags = [*FLAGS_OF_THE_APP, *_chosen_flags(context), *(() if is_edited else ("-B",))]
    words = [context.python, *flags, layout.entry, layout.root, layout.version, "_instance", "LIFELINE", *args]
    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        child = spawn(
            words,
            {**with_programs(context, environ), **listeners.variables(bound)},
            cwd=named,
            # A process group in the background that reads the terminal is stopped by it (SIGTTIN, tty_ioctl(4)).
            stdin=nothing if os.isatty(0) else 0,
            stdout=1,
            stderr=2,
            sockets=[listener.socket.fileno() for listener in bound],
            kept=[lock],
        )
    finally:
        os.close(nothing)
    return Instance(child, layout.version, now)
