"""How several migration processes run at once: so many at a time, each heard line by line, none outliving this one.

::

    this process                                  child (a session of its own; `one_tenant`)
    starts it, order on its stdin  ─────────────► one tenant: lock, revisions, ...
    passes its lines on            ◄─────────────
    keeps the last one, the answer ◄─────────────  ends
    begins the next

A signal that ends this process is passed on to each child once; they roll back, and are waited for. If this process is
killed with -9, the kernel sends them SIGTERM (`bundle.process`). If nobody reads this process's output any
more, nothing further is begun, and the children end after the revision that they are in.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import sys
import time

from ...bundle import launch
from ...bundle.process import spawn
from ...release.failures import Failure
from ..failures import Interrupted
from ..output.report import Unheard
from .one_tenant import ANSWER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from ...bundle.process import Child
    from ...release.context import Context

_PIECE_BYTES = 65536
_LOOK_S = 1.0
"""How often it is looked whether anyone still reads our output."""


class Runner:
    """One child: what it is to do, and what came of it."""

    def __init__(self, name: str, command: str, order: Mapping[str, Any]) -> None:
        self.name = name
        self.command = command  # an internal command of the runtime
        self.order = order
        self.is_begun = False
        self.exit_code = 0  # once it has ended
        self.is_late = False  # it was killed, because the time was over
        self.answer: dict[str, Any] = {}  # empty if it ended without one
        self._child: Child | None = None
        self._output = -1
        self._unfinished = b""

    def begin(self, context: Context) -> int:
        """Start it, and return the descriptor that its lines come from.

        Raises:
            Failure: the interpreter cannot be started.
        """
        layout = context.layout
        words = [sys.executable, *launch.app_flags(context), "-B", layout.entry, layout.root, layout.version]
        order, order_write = os.pipe()
        self._output, output_write = os.pipe()
        try:
            # The order of one tenant is smaller than what a pipe holds (pipe(7)).
            os.write(order_write, json.dumps(self.order).encode())
            os.close(order_write)
            self._child = spawn(
                [*words, self.command, "LIFELINE"],
                os.environ,
                cwd=layout.root,
                stdin=order,
                stdout=output_write,
                stderr=output_write,
            )
        except OSError as error:
            self.stop_listening()
            raise Failure(f"cannot start {words[0]}: {error.strerror}", now="nothing was migrated") from error
        finally:
            os.close(order)
            os.close(output_write)
        self.is_begun = True
        return self._output

    def read(self) -> tuple[list[str], bool]:
        """Return the lines that have come, and whether there will be none any more."""
        data = os.read(self._output, _PIECE_BYTES)
        *whole, self._unfinished = (self._unfinished + data).split(b"\n")
        if not data and self._unfinished:
            whole.append(self._unfinished)
        lines = []
        for line in whole:
            text = line.decode("utf-8", "replace")
            if text.startswith(ANSWER):
                self.answer = json.loads(text[len(ANSWER) :])
            else:
                lines.append(text)
        return lines, not data

    def signal(self, number: int) -> None:
        """Signal it and what it has started."""
        if self._child is not None:
            self._child.signal(number)

    def stop_listening(self) -> None:
        """Close the pipe that its lines come from: it ends after the revision that it is in."""
        if self._output >= 0:
            os.close(self._output)
            self._output = -1

    def wait(self) -> None:
        """Wait until it has ended; what it left running is killed."""
        self.stop_listening()
        child, self._child = self._child, None
        if child is not None:
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
            self.exit_code = child.reap()


def run_all(
    context: Context,
    runners: Iterable[Runner],
    *,
    at_once: int,
    on_line: Callable[[Runner, str], None],
    on_end: Callable[[Runner], bool],
    check_heard: Callable[[], None],
    timeout_s: float = float("inf"),
) -> None:
    """Run `jobs`, not more than `at_once` at a time; return when all have ended.

    `on_end` is called when one has ended, and says whether others may still begin. `check_heard` is called now and
    then, and may raise `Unheard`. After `timeout_s` seconds what runs is killed.

    Raises:
        Interrupted: a signal came; what ran has been told to end, and has ended.
        Unheard: `check_heard` said so; what ran has ended.
        Failure: one could not be started; what ran has ended.
    """
    left = list(runners)
    deadline = time.monotonic() + timeout_s
    with selectors.DefaultSelector() as selector:
        try:
            while left or selector.get_map():
                while left and len(selector.get_map()) < at_once:
                    runner = left.pop(0)
                    selector.register(runner.begin(context), selectors.EVENT_READ, runner)
                if not _listen(selector, on_line, on_end, min(_LOOK_S, max(0.0, deadline - time.monotonic()))):
                    left.clear()
                check_heard()
                if time.monotonic() > deadline:
                    for key in selector.get_map().values():
                        key.data.is_late = True
                        key.data.signal(signal.SIGKILL)
        except Unheard:
            running = [key.data for key in selector.get_map().values()]
            for runner in running:
                runner.stop_listening()
            for runner in running:
                runner.wait()
            raise
        except BaseException as error:
            _end(selector, error, on_line, on_end)
            raise


def _listen(
    selector: selectors.BaseSelector,
    on_line: Callable[[Runner, str], None],
    on_end: Callable[[Runner], bool],
    wait_s: float,
) -> bool:
    """Pass on what has come; tell whether others may begin."""
    may_go_on = True
    for key, _ in selector.select(wait_s):
        runner: Runner = key.data
        lines, is_over = runner.read()
        for line in lines:
            on_line(runner, line)
        if is_over:
            selector.unregister(key.fd)
            runner.wait()
            may_go_on = on_end(runner) and may_go_on
    return may_go_on


def _end(
    selector: selectors.BaseSelector,
    error: BaseException,
    on_line: Callable[[Runner, str], None],
    on_end: Callable[[Runner], bool],
) -> None:
    """Tell everything that runs to end, once, and hear what it says until it has."""
    number = error.number if isinstance(error, Interrupted) else signal.SIGTERM
    for key in selector.get_map().values():
        key.data.signal(number)
    while selector.get_map():
        _listen(selector, on_line, on_end, _LOOK_S)
