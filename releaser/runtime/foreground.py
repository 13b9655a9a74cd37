"""The command `foreground`: what is checked before a supervisor runs, and what becomes of a fault in it."""

from __future__ import annotations

import os

from . import startup
from .failures import BUG
from .supervisor import Supervisor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .context import Context


def foreground(context: Context, args: list[str]) -> int:
    """Run the release in this process until it ends; the exit code is the app's, or 0 after an orderly stop."""
    return supervise(context, args, command="foreground")


def supervise(context: Context, args: list[str], *, command: str, on_running: Callable[[], None] | None = None) -> int:
    """Check, take the lock and run a supervisor.

    Raises:
        Failure: the release cannot be started here; nothing was changed.
    """
    startup.open_standard_descriptors()
    startup.check_python(context)
    startup.make_folders(context.layout)
    lock = startup.acquire_lock(context, context.manifest.stop_timeout_s, _say)
    try:
        return Supervisor(context, args, command=command, lock=lock, on_running=on_running).run()
    except Exception:
        # The supervisor has ended what it started; a fault of ours has a traceback, a failure of others never.
        import traceback

        traceback.print_exc()
        return BUG


def _say(text: str) -> None:
    os.write(2, f"[release] {text}\n".encode("utf-8", "surrogateescape"))
