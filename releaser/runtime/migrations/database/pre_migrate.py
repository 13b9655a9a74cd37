"""What is done by hooks of `pre_migrate` before the first pending revision, while the migration lock is held?

Each hook is a process of its own, as for every other event, and ends with this one::

    lock ── heads are read ── RELEASE_PENDING is written ── hook 1 ── hook 2 ── first revision ...
                                                              └─ fails: exit code 18, nothing is applied

The session that holds the lock is idle meanwhile, in no transaction, so that a hook may read the database, write to it,
copy it, and call `bin/NAME migrations`. Only `bin/NAME migrate` would wait for its own end, and is refused.
"""

from __future__ import annotations

import os
import select
import sys
import time

from ...bundle.launch import runtime_command
from ...release.failures import Failure
from ...release.files import why_not_executed
from ...release.variables.environment import contract
from ...supervisor.hooks.hook import HookRun
from ..failures import HOOK_FAILED, LOCK_WAIT_OVER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ...release.context import Context
    from ...release.manifest import Hook
    from ..output.report import Report

EVENT = "pre_migrate"
PAUSE_S = 0.1
"""Between two looks at a hook that writes nothing."""


class BeforeTheFirst:
    """The hooks of one database's run; a run that begins anew, since it got no lock of a table, has had them."""

    def __init__(self, context: Context, database: str, tenant: str, report: Report) -> None:
        self._context = context
        self._database = database
        self._tenant = tenant  # the tenant, or ""
        self._report = report
        self._done = 0
        self._hooks = context.manifest.hooks_of(EVENT)

    def run(self, pending: Sequence[tuple[str, str, str]], number: int) -> None:
        """Run the hooks; `pending` are id, phase and title of each revision that is about to be applied.

        `number` counts the databases that env.py has configured, from 1.

        Raises:
            Failure: one failed, and its on_failure is not `warn`.
        """
        if not self._hooks or number <= self._done:
            return
        self._done = number
        folder = os.path.join(self._context.layout.var, "run")
        os.makedirs(folder, mode=0o700, exist_ok=True)
        path = os.path.join(folder, f"pending-{os.getpid()}")
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(f"{revision} {phase} {title}".rstrip() + "\n" for revision, phase, title in pending)
        environ = {
            **os.environ,
            **contract(self._context, "migrate", sys.executable),
            "RELEASE_EVENT": EVENT,
            "RELEASE_DATABASE": self._database,
            **({"RELEASE_TARGET": self._tenant} if self._tenant else {}),
            "RELEASE_PENDING": path,
        }
        try:
            for hook in self._hooks:
                self._run(hook, environ)
        finally:
            os.unlink(path)

    def _run(self, hook: Hook, environ: Mapping[str, str]) -> None:
        name = f"the {hook.event} hook {hook.name}"
        try:
            run = HookRun(hook, self._context, environ, runtime_command(self._context), self, time.monotonic())  # type: ignore[arg-type]
        except OSError as error:
            path = os.path.join(self._context.layout.release, hook.path)
            problem = f"cannot be executed: {why_not_executed(path, error)}"
        else:
            problem = run.problem(_followed(run))
        if not problem:
            return
        if hook.on_failure == "warn":
            self._report.line(f"warning: {name} {problem}; goes on, since its on_failure is warn")
            return
        raise Failure(f"{name} {problem}", HOOK_FAILED, hint=f"its lines begin with [{hook.event} {hook.name}]")

    def write(self, line: bytes) -> None:
        """Take one line of a hook, as `HookRun` gives it."""
        self._report.line(line.decode("utf-8", "replace").rstrip("\n"))


def check_no_hook(environ: Mapping[str, str]) -> None:
    """Do nothing unless this process was started by a hook of `pre_migrate`, whose migration it would wait for.

    Raises:
        Failure: it was.
    """
    if environ.get("RELEASE_EVENT") == EVENT:
        raise Failure(
            f"cannot migrate: this is called by a hook of {EVENT}, and the migration that runs it holds the lock",
            LOCK_WAIT_OVER,
            now="nothing was migrated by this call",
            hint="migrations, migrate --dry-run and migrate --check work in a hook",
        )


def _followed(run: HookRun) -> int:
    """Pass the hook's lines on until it ends, and return its exit code; it is ended when this process is told to."""
    try:
        while not _has_ended(run.pid):
            _wait(run)
    except BaseException:
        _end(run)
        raise
    return run.reap()


def _wait(run: HookRun) -> None:
    if time.monotonic() >= run.deadline:
        run.pass_deadline(time.monotonic())
    if run.output_fd < 0:
        time.sleep(PAUSE_S)
        return
    poll = select.poll()
    poll.register(run.output_fd, select.POLLIN)
    if poll.poll(PAUSE_S * 1000):
        run.read()


def _end(run: HookRun) -> None:
    """Tell the hook to end, and kill it when it does not."""
    run.pass_deadline(time.monotonic())
    while not _has_ended(run.pid):
        _wait(run)
    run.reap()


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
