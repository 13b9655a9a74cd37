"""How does the supervisor complete the environment of what it starts? In steps, none of which waits.

`configuration` says what comes from where, and over what. Whatever takes time is a task of the supervisor's: the shell
that reads env.sh again, and the process that asks the config providers.
"""

from __future__ import annotations

import sys

from ..bundle import configuration, providers
from ..bundle.launch import provide_command
from ..release.failures import Failure
from ..release.variables import environment
from .hooks.hook import format_seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..release.context import Context
    from .hooks.jobs import Task

TASK_S = 600.0
"""Limit of the supervisor's own tasks: unpacking the bundle, reading env.sh again."""
PROVIDE_S = 60.0
"""Limit of the config providers, all of them together; unpacking the bundle before them has its own."""
_ENV_FILE = "reading env.sh"


class Configuring:
    """The configuration of one start, under way."""

    def __init__(
        self,
        context: Context,
        environ: Mapping[str, str],
        contract: Mapping[str, str],
        *,
        start_task: Callable[[str, list[str], float], None],
        say: Callable[[str], None],
        on_end: Callable[[dict[str, str], Failure | None], None],
    ) -> None:
        """Prepare to complete `environ`, which the caller and env.sh have made.

        `start_task` is given what it does, its argv and its limit in seconds; `on_end` gets the complete environment,
        or why there is none.
        """
        self._context = context
        self._environ = dict(environ)
        self._contract = contract
        self._start_task = start_task
        self._say = say
        self._on_end = on_end

    def begin(self) -> None:
        """Take the first step; pre_configure hooks may have written what env.sh reads, so it is read again."""
        if self._context.manifest.hooks_of("pre_configure"):
            argv = environment.dump_command(self._context.layout.env_file, sys.executable)
            self._start_task(_ENV_FILE, argv, TASK_S)
        else:
            self._read_env_file()

    def take_ended(self, task: Task, code: int, ours: Mapping[str, str]) -> None:
        """Go on after a task of this object's has ended with `code`; env.sh does not change variables of `ours`."""
        if task.what == providers.WHAT:
            self._take_provided(task, code)
        elif code:
            # The task has said on standard error what went wrong.
            self._fail(Failure(f"{task.what} failed (exit code {code})", now="nothing was started"))
        else:
            read = environment.parse_dump(task.answer)
            self._environ.update({name: value for name, value in read.items() if name not in ours})
            self._read_env_file()

    def _read_env_file(self) -> None:
        """Go on with what lies on the host, then with what the app's own functions say; a process asks them."""
        try:
            self._environ = configuration.with_file(self._context, self._environ)
        except Failure as failure:
            self._fail(failure)
            return
        if self._context.manifest.config_providers:
            self._ask_providers()
        else:
            self._complete()

    def _ask_providers(self) -> None:
        """Ask the app's own functions, in a process that unpacks the bundle if nobody has yet."""
        from ..bundle.activation import needs_unpacking

        limit_s = PROVIDE_S
        if needs_unpacking(self._context):
            self._say("unpacks its bundle (once for each build)")
            limit_s += TASK_S
        self._start_task(providers.WHAT, provide_command(self._context), limit_s)

    def _take_provided(self, task: Task, code: int) -> None:
        if code:
            problem = f"more than {format_seconds(PROVIDE_S)}" if task.is_timed_out else f"exit code {code}"
            self._fail(providers.failure_of(self._context.manifest, task.answer, problem))
            return
        self._environ = {**environment.parse_dump(task.answer), **self._environ}
        self._complete()

    def _complete(self) -> None:
        try:
            self._environ = environment.configured(self._context.manifest, self._environ, self._contract)
        except Failure as failure:
            self._fail(failure)
            return
        self._on_end(self._environ, None)

    def _fail(self, failure: Failure) -> None:
        self._on_end(self._environ, failure)
