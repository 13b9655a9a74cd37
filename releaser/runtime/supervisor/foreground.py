"""The command `foreground`: what is checked before a supervisor runs, and what becomes of a fault in it."""

from __future__ import annotations

from ..release import writing
from ..release.checking.host import check_python
from ..release.failures import BUG, USAGE, Failure
from . import startup
from .supervisor import Supervisor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..release.context import Context
    from .telling.logger import Logger


def foreground(context: Context, args: list[str]) -> int:
    """Run the release in this process until it ends; the exit code is the app's, or 0 after an orderly stop."""
    return supervise(context, args, command="foreground")


def supervise(
    context: Context,
    args: list[str],
    *,
    command: str,
    logger: Logger | None = None,
    on_running: Callable[[], None] | None = None,
) -> int:
    """Check, take the lock and run a supervisor; its output is `logger`'s if there is one.

    Raises:
        Failure: the release cannot be started here; nothing was changed.
    """
    only, args = split_only(context, args)
    check_python(context)
    startup.make_folders(context.layout)
    lock = startup.acquire_lock(context, context.manifest.stop_timeout_s, _say)
    try:
        start = startup.Start(args=args, only=only, base=context.environ, lock=lock, logger=logger)
        return Supervisor(context, start, command=command, on_running=on_running).run()
    except Exception:
        # The supervisor has ended what it started; a fault of ours has a traceback, a failure of others never.
        import traceback

        writing.tell([traceback.format_exc()])
        return BUG


def resume(context: Context, args: list[str]) -> int:
    """Be what an upgrade has made of the supervisor: the internal command `_resume FD`.

    Raises:
        Failure: what the supervisor before has left cannot be understood.
    """
    from .telling.logger import Logger
    from .upgrade import reexecution

    state = reexecution.read_state(int(args[0]))
    logger = None if state["logger"] is None else Logger.adopted(context, state["logger"])
    try:
        start = startup.Start(
            args=state["args"],
            only=tuple(state["only"]),
            base=context.environ,
            lock=state["lock"],
            logger=logger,
        )
        return Supervisor(context, start, command=state["command"]).run(state)
    except Exception:
        import traceback

        writing.tell([traceback.format_exc()])
        return BUG
    finally:
        if logger is not None:
            logger.finish()


def split_only(context: Context, args: list[str]) -> tuple[tuple[str, ...], list[str]]:
    """Return the processes that `--only NAME,NAME` in front of the app's own arguments names, and those arguments.

    Raises:
        Failure: there is no such process.
    """
    if not args or args[0] != "--only":
        return (), args
    names = tuple(args[1].split(",")) if len(args) > 1 else ("",)
    for name in names:
        check_process(context, name)
    return names, args[2:]


def check_process(context: Context, name: str) -> None:
    """Refuse a name that no process of the release has.

    Raises:
        Failure: it has none; the message names those that there are.
    """
    known = [process.name for process in context.manifest.all_processes()]
    if name in known:
        return
    import difflib

    near = difflib.get_close_matches(name, known, n=1)
    raise Failure(
        f"{context.name} has no process '{name}'",
        USAGE,
        now="nothing was changed",
        hint=f"did you mean '{near[0]}'?" if near else f"its processes are {', '.join(known)}",
    )


def _say(text: str) -> None:
    writing.tell([f"[release] {text}"])
