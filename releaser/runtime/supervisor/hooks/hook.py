"""One hook while it runs: which program that is, what becomes of its lines, and how its end is told.

A hook is always a process: a `run` hook its own file, a `call` hook `bin/NAME rpc` or `bin/NAME eval` for it. The
migrations of an upgrade are a hook with neither.
"""

from __future__ import annotations

import os

from ...bundle.unpacked import with_programs
from ...release.manifest import Hook
from .jobs import Job

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ...release.context import Context
    from ...release.manifest import Manifest
    from ..telling.output import Output

MIGRATE_LIMIT_S = 3600.0
MAX_LINE_BYTES = 8192
"""A line without an end is cut here, so that a flood of one line has a bound."""
CALLED_IN_THE_APP = ("post_start", "pre_stop", "pre_upgrade", "post_upgrade")


class MigrationHook(Hook):
    """The migrations of an upgrade, which no file and no function stands for."""

    __slots__ = ("words",)

    def __init__(self, event: str, words: Sequence[str]) -> None:
        """Have `bin/NAME migrate` run with `words`."""
        on_failure = "abort" if event == "pre_upgrade" else "stop"
        super().__init__(
            event=event, name="migrate", path="", call="", timeout_s=MIGRATE_LIMIT_S, on_failure=on_failure
        )
        self.words = words


class HookRun(Job):
    """A hook that was started; its lines go to an output with its name in front."""

    __slots__ = ("_heard_by", "_output", "_partial", "_prefix", "hook")

    def __init__(
        self,
        hook: Hook,
        context: Context,
        environ: Mapping[str, str],
        runtime: Sequence[str],
        output: Output,
        now: float,
        heard_by: Callable[[bytes], None] | None = None,
    ) -> None:
        """Start the hook; `heard_by` is given its lines besides `output`.

        `runtime` is how a command of this release is called, for hooks that are functions.

        Raises:
            OSError: the file cannot be executed.
        """
        self.hook = hook
        self._output = output
        self._heard_by = heard_by
        self._prefix = f"[{hook.event} {hook.name}] ".encode()
        self._partial = b""
        if hook.path:
            argv = [os.path.join(context.layout.release, hook.path)]
        elif isinstance(hook, MigrationHook):
            argv = [*runtime, "migrate", *hook.words]
            # What a start does not try again, an upgrade does: somebody has asked for it.
            environ = {name: value for name, value in environ.items() if name != "RELEASE_EVENT"}
        else:
            in_the_app = hook.event in CALLED_IN_THE_APP and environ.get("RELEASE_PID")
            argv = [*runtime, "rpc" if in_the_app else "eval", hook.call]
        environ, root, limit_s = with_programs(context, environ), context.layout.root, hook.timeout_s
        super().__init__(argv, environ, cwd=root, limit_s=limit_s, now=now, merge_stderr=True, take=self.take)

    def take(self, data: bytes) -> None:
        """Write what of it is whole lines; at the end the rest too."""
        *lines, rest = (self._partial + data).split(b"\n")
        for line in lines:
            self._write(line)
        if len(rest) > MAX_LINE_BYTES or (rest and not data):
            self._write(rest)
            rest = b""
        self._partial = rest

    def problem(self, code: int) -> str:
        """Return how it ended, or the empty text when it did what it should."""
        if self.is_timed_out:
            return f"was ended after its limit of {format_seconds(self.hook.timeout_s)}"
        if code > 128:
            return f"was killed by signal {code - 128}"
        return f"exited with {code}" if code else ""

    def _write(self, line: bytes) -> None:
        self._output.write(self._prefix + line + b"\n")
        if self._heard_by is not None:
            self._heard_by(self._prefix + line + b"\n")


def migration_hooks(manifest: Manifest, event: str) -> list[Hook]:
    """Return the hook that applies the migrations of an upgrade to that release at `event`, or none.

    Before the new instance only revisions of phase `pre`, which the old one does not notice, and only with
    `run = "pre_start"`; all others once the old one is gone.
    """
    before = event == "pre_upgrade"
    wanted = ("pre_start",) if before else ("pre_start", "post_start")
    chosen = [record.name for record in manifest.migrations if record.run in wanted]
    if not chosen:
        return []
    names = chosen if len(chosen) < len(manifest.migrations) else []
    return [MigrationHook(event, [*names, *(["--phase", "pre"] if before else [])])]


def format_seconds(seconds: float) -> str:
    """Return a duration as people say it: `0.5 s`, `30 s`, `10 min`."""
    if seconds >= 120 and seconds % 60 == 0:
        return f"{seconds / 60:.0f} min"
    return f"{seconds:g} s"
