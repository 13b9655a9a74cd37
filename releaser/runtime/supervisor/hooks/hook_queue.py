"""Which hook of an event runs next, and what the end of one means: the supervisor's side of an event."""

from __future__ import annotations

import os

from ...release.failures import BUG, Failure
from ...release.files import why_not_executed
from .hook import HookRun

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from ...release.context import Context
    from ...release.manifest import Hook
    from ..telling.output import Output
    from .jobs import Jobs


class HookQueue:
    """Runs hooks one after the other, and remembers how each one ended."""

    def __init__(
        self,
        jobs: Jobs,
        output: Output,
        say: Callable[[str], None],
        on_fault: Callable[[str], str],
    ) -> None:
        """Have `jobs` hold the hook that runs; its lines go to `output`, warnings to `say`.

        `on_fault` tells the exception that is being handled, which is a fault of ours, and returns it as a sentence.
        """
        self.reports: list[dict[str, Any]] = []
        """What `status` tells of each hook that has ended, in that order."""
        self._jobs = jobs
        self._output = output
        self._say = say
        self._on_fault = on_fault
        self._waiting: list[Hook] = []
        self._begin: Callable[[Hook], None] | None = None
        self._on_end: Callable[[Failure | None], None] | None = None

    def run(
        self,
        hooks: Sequence[Hook],
        context: Context,
        environ: Mapping[str, str],
        runtime: Sequence[str],
        clock: Callable[[], float],
        on_end: Callable[[Failure | None], None],
        heard_by: Callable[[bytes], None] | None = None,
    ) -> None:
        """Run `hooks`; `on_end` is called with the failure of one that says not to go on, or with None after all.

        `runtime` is how a command of the release is called, `clock` tells the monotonic time, `heard_by` is given every
        line that they write.
        """

        def begin(hook: Hook) -> None:
            variables = {**environ, "RELEASE_EVENT": hook.event}
            try:
                self._jobs.current = HookRun(hook, context, variables, runtime, self._output, clock(), heard_by)
            except OSError as error:
                path = os.path.join(context.layout.release, hook.path)
                self._finish(hook, f"cannot be executed: {why_not_executed(path, error)}", 126, 0.0)
            except Exception:
                told = self._on_fault(f"starting the {hook.event} hook {hook.name}")
                self._finish(hook, f"was not run: {told}", BUG, 0.0, is_ours=True)

        self._waiting = list(hooks)
        self._begin = begin
        self._on_end = on_end
        self._next()

    def cancel(self) -> None:
        """Begin no other hook and tell nobody; the one that runs is the jobs' to cancel."""
        self._waiting = []
        self._on_end = None

    def take_ended(self, run: HookRun, code: int, now: float) -> None:
        """Go on after a hook has ended with `code`."""
        self._finish(run.hook, run.problem(code), code, now - run.started_at)

    def give_up(self, sentence: str) -> None:
        """Go on after a fault of ours at the end of a hook: nothing else would."""
        if self._on_end is not None:
            self._waiting = []
            self._end(Failure(sentence, BUG))

    def last_failure(self) -> str:
        """Return what is told of the last hook that failed, or nothing."""
        failed = [report for report in self.reports if report["outcome"] != "done"]
        return f"the {failed[-1]['event']} hook {failed[-1]['name']} {failed[-1]['outcome']}" if failed else ""

    def _next(self) -> None:
        if self._waiting and self._begin is not None:
            self._begin(self._waiting.pop(0))
        else:
            self._end(None)

    def _finish(self, hook: Hook, problem: str, code: int, seconds: float, *, is_ours: bool = False) -> None:
        """Note how a hook ended; a fault of ours does not end what serves already, whatever the hook is for."""
        name = f"the {hook.event} hook {hook.name}"
        self.reports.append(
            {
                "event": hook.event,
                "name": hook.name,
                "outcome": problem or "done",
                "exit_code": code,
                "seconds": round(seconds, 3),
            }
        )
        is_warning = hook.on_failure == "warn" or (is_ours and hook.on_failure == "stop")
        if problem and not is_warning:
            self._waiting = []
            hint = "" if not seconds else f"its lines begin with [{hook.event} {hook.name}]"
            self._end(Failure(f"{name} {problem}", hint=hint))
            return
        if problem:
            why = "the app serves" if hook.on_failure == "stop" else "its on_failure is warn"
            self._say(f"warning: {name} {problem}; goes on, since {why}")
        self._next()

    def _end(self, failure: Failure | None) -> None:
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end(failure)
