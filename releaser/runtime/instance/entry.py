"""What the app's process does before it is the app: `_instance LIFELINE_FD PROCESS [ARGUMENTS]`.

The supervisor has completed the environment and placed the inherited sockets. From here on: the bundle, the agent,
the entry point's module, the word "started" to the supervisor, and the call. The garbage collector is off until the
module is imported, which saves 8 % of a start; nothing is frozen then, since that would keep the import's rubbish.
"""

from __future__ import annotations

import gc
import os
import signal
import sys

from ..bundle import activation, listeners
from ..bundle.tree import run_file
from ..bundle.unpacked import program
from ..protocol import notify
from ..release.failures import FAILED, USAGE, Failure
from ..release.layout import agent_socket
from ..release.variables import environment
from . import agent, lifeline, reloading
from .executed_anew import INSTANCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..release.context import Context
    from ..release.manifest import Entry

_LONGEST_SENTENCE = 2000
_IGNORED_BY_PYTHON = ("SIGPIPE", "SIGXFSZ")


def run_instance(context: Context, args: list[str]) -> int:
    """Run the internal command `_instance` and return the app's exit code.

    Why it cannot go on is the supervisor's to tell, in one message; the traceback is printed here.

    Raises:
        Failure: the same, where no supervisor listens.
        SystemExit: the app's own.
    """
    supervisor = os.environ.get("NOTIFY_SOCKET", "")
    try:
        return _run(context, args)
    except Failure as failure:
        sentence = failure.message.replace("\n", " ")[:_LONGEST_SENTENCE]
        if failure.details or not notify.send(supervisor, f"{notify.WHY}{sentence}"):
            raise
        return failure.exit_code


def _run(context: Context, args: list[str]) -> int:
    gc.disable()
    if len(args) < 2 or not args[0].isdigit():
        raise Failure("expected `_instance LIFELINE_FD PROCESS [ARGUMENTS]`", USAGE, now="nothing was started")
    name = args[1]
    process = next(item for item in context.manifest.all_processes() if item.name == name.partition(".")[0])
    entry = process.entry
    _reset_signals()
    activation.activate(context)
    reloading.remember(os.environ)
    if context.manifest.drain_s:
        from . import drain

        drain.remember(os.environ)
    agent.start(context, lifeline.hold(int(args[0]), context.manifest.stop_timeout_s), agent_socket(name))
    words = (
        environment.setting("command", listeners.with_numbers(word, os.environ), os.environ) for word in entry.args
    )
    sys.argv = [program(context, entry.argv0), *words, *args[2:]]
    os.environ[INSTANCE] = f"{os.getpid()}:{name}"
    match entry.kind:
        case "callable":
            return _run_callable(entry)
        case "module":
            return _run_as_main(entry, lambda runpy: runpy.run_module(entry.target, None, "__main__", True))
        case "file":
            return _run_as_main(entry, lambda runpy: run_file(context, entry.target))
        case _:
            path = os.path.join(context.layout.release, entry.target)
            return _run_as_main(entry, lambda runpy: runpy.run_path(path, None, "__main__"))


def _reset_signals() -> None:
    """Give the app the dispositions of a program that was started plainly, whatever the caller ignored."""
    for number in signal.valid_signals():
        if signal.getsignal(number) is not signal.SIG_IGN:
            continue
        if getattr(number, "name", "") not in _IGNORED_BY_PYTHON:
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _run_callable(entry: Entry) -> int:
    function = _import(entry)
    gc.enable()
    _tell_started()
    try:
        value = function()
        if hasattr(value, "__await__"):
            import asyncio

            value = asyncio.run(value)
    except Exception as error:
        raise _raised(entry, error) from error
    return _exit_code(value)


def _run_as_main(entry: Entry, run: Callable[[Any], object]) -> int:
    import runpy

    gc.enable()
    _tell_started()
    try:
        run(runpy)
    except Exception as error:
        raise _raised(entry, error) from error
    return 0


def _import(entry: Entry) -> Callable[[], Any]:
    from ..bundle.calls import resolve

    try:
        return resolve(entry.target)
    except Failure as failure:
        raise Failure(
            f"the entry point {entry.target} cannot be imported: {failure.message}", FAILED, hint=failure.hint
        ) from None
    except Exception as error:
        _show(error)
        from ..release.tracebacks import summary

        raise Failure(f"the entry point {entry.target} cannot be imported: {summary(error)}", FAILED) from None


def _raised(entry: Entry, error: Exception) -> Failure:
    _show(error)
    from ..release.tracebacks import summary

    return Failure(f"the entry point {entry.target} ended with {summary(error)}", FAILED)


def _show(error: Exception) -> None:
    """Print the traceback as the interpreter would: through the app's `sys.excepthook`, if it has set one."""
    from ..release.tracebacks import trimmed

    shown = error.with_traceback(trimmed(error.__traceback__))
    sys.excepthook(type(shown), shown, shown.__traceback__)


def _exit_code(value: object) -> int:
    from ..bundle.calls import exit_code_of

    code, text = exit_code_of(value)
    sys.stderr.write(text)
    return code


def _tell_started() -> None:
    notify.send(os.environ.get("NOTIFY_SOCKET", ""), notify.STARTED)
