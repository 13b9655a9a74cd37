"""One hook while it runs: which program that is, what becomes of its lines, and how its end is told.

A hook is always a process: a `run` hook its own file, a `call` hook `bin/NAME rpc` or `bin/NAME eval` for it.
"""

from __future__ import annotations

import os

from .jobs import Job

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .context import Context
    from .manifest import Hook
    from .output import Output

MAX_LINE_BYTES = 8192
"""A line without an end is cut here, so that a flood of one line has a bound."""
CALLED_IN_THE_APP = ("post_start", "pre_stop", "pre_upgrade", "post_upgrade")


class HookRun(Job):
    """A hook that was started; its lines go to an output with its name in front."""

    __slots__ = ("_output", "_partial", "_prefix", "hook")

    def __init__(
        self,
        hook: Hook,
        context: Context,
        environ: Mapping[str, str],
        runtime: Sequence[str],
        output: Output,
        now: float,
    ) -> None:
        """Start the hook; `runtime` is how a command of this release is called, for hooks that are functions.

        Raises:
            OSError: the file cannot be executed.
        """
        self.hook = hook
        self._output = output
        self._prefix = f"[{hook.event} {hook.name}] ".encode()
        self._partial = b""
        if hook.path:
            argv = [os.path.join(context.layout.release, hook.path)]
        else:
            argv = [*runtime, "rpc" if hook.event in CALLED_IN_THE_APP else "eval", hook.call]
        super().__init__(argv, environ, cwd=context.layout.root, limit_s=hook.timeout_s, now=now, merge_stderr=True)

    def take(self, data: bytes) -> None:
        *lines, rest = (self._partial + data).split(b"\n")
        for line in lines:
            self._output.write(self._prefix + line + b"\n")
        if len(rest) > MAX_LINE_BYTES or (rest and not data):
            self._output.write(self._prefix + rest + b"\n")
            rest = b""
        self._partial = rest

    def problem(self, code: int) -> str:
        """Return how it ended, or the empty text when it did what it should."""
        if self.is_timed_out:
            return f"was ended after its limit of {format_seconds(self.hook.timeout_s)}"
        if code > 128:
            return f"was killed by signal {code - 128}"
        return f"exited with {code}" if code else ""


def format_seconds(seconds: float) -> str:
    """Return a duration as people say it: `0.5 s`, `30 s`, `10 min`."""
    if seconds >= 120 and seconds % 60 == 0:
        return f"{seconds / 60:.0f} min"
    return f"{seconds:g} s"
