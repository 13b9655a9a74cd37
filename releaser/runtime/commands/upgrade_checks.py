"""What is found out before an upgrade begins: is the new version whole, configured, and fit for the database?

Everything here runs in a process of the new version, and waits for what it starts.
"""

from __future__ import annotations

import os
import select
import sys

from ..archives.vouched import check_kept
from ..bundle import configuration
from ..bundle.launch import runtime_command
from ..bundle.process import ended_child
from ..release.checking.tree_check import ALLOWED_SIGNERS, compare
from ..release.context import Context
from ..release.failures import DAMAGED, FAILED, Failure
from ..release.variables import environment
from ..release.writing import write_all
from ..supervisor.hooks.hook_queue import HookQueue
from ..supervisor.hooks.jobs import Jobs
from ..supervisor.telling.output import Output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..release.manifest import Hook

_POLL_MS = 20


def check_tree(context: Context, *, is_rollback: bool) -> None:
    """Refuse a version that is not as it was built, or not signed where the host asks for that.

    What it shares with others is not its own. The way back is open to a version that ran before anybody had to sign.
    """
    allowed_signers = os.path.join(context.layout.root, ALLOWED_SIGNERS)
    if os.path.lexists(allowed_signers) and not is_rollback:
        check_kept(context.layout.release, f"{context.name}-{context.layout.version}", allowed_signers)
    problems = compare(context.layout, context.manifest).of_version(context.layout.version)
    if problems:
        raise Failure(
            f"cannot upgrade to {context.name} {context.layout.version}: it is not as it was built",
            DAMAGED,
            details=problems,
            hint=f"`{context.name} unpack --repair FILE` puts it back, from the archive that it came with",
        )


def configured(context: Context, running: dict[str, Any]) -> dict[str, str]:
    """Return V's environment: of a running release on the ground of what that was started with.

    Raises:
        Failure: it is not complete.
    """
    from .reload_command import environment_of_the_start, with_env_file

    base = with_env_file(context, environment_of_the_start(context)) if running else dict(context.environ)
    environ = configuration.complete(Context(context.layout, context.name, base), "upgrade")
    ours = (*environment.OF_THE_MANAGER, "RELEASE_EVENT")
    environ = {name: value for name, value in environ.items() if name not in ours}
    if running:
        environ["RELEASE_PID"] = str(running["pid"])
    return environ


def check_database(context: Context) -> None:
    """Ask whether V may run on the database as it is: what a start of V would ask, before anything is switched.

    Raises:
        Failure: it may not, or the database cannot be asked; with the exit code of `migrate`.
    """
    records = context.manifest.migrations
    checked = [record.name for record in records if record.run == "check"]
    planned = [record.name for record in records if record.run != "check"]
    for names, words in ((checked, ["--check", "--phase", "pre"]), (planned, ["--dry-run"])):
        if names:
            _ask_database(context, [*words, *(names if len(names) < len(records) else [])])


def _ask_database(context: Context, words: list[str]) -> None:
    reader, writer = os.pipe()
    argv = [*runtime_command(context), "migrate", *words]
    # RELEASE_PID says that this environment is complete.
    environ = {**context.environ, "RELEASE_PID": context.environ.get("RELEASE_PID") or str(os.getpid())}
    try:
        child = os.posix_spawn(argv[0], argv, environ, file_actions=[(os.POSIX_SPAWN_DUP2, writer, 2)])
    finally:
        os.close(writer)
    with open(reader, encoding="utf-8", errors="replace") as file:
        lines = file.read().splitlines()
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code:
        first = next((number for number, line in enumerate(lines) if line.startswith("error: ")), 0)
        message = lines[first].removeprefix("error: ") if lines else f"its check ended with {code}"
        details = [line.removeprefix("  ") for line in lines[first + 1 :] if not line.startswith("  now: ")]
        raise Failure(
            f"{context.name} {context.layout.version} cannot run on the database as it is: {message}",
            code if code > 0 else FAILED,
            details=tuple(details),
        )


def run_hooks(context: Context, hooks: list[Hook], environ: dict[str, str]) -> list[dict[str, Any]]:
    """Run hooks to their end, one after the other, and return what is told of them.

    Raises:
        Failure: one failed, and its `on_failure` does not say `warn`.
    """
    import time

    output = Output(1)
    jobs = Jobs(output, _raise)
    queue = HookQueue(jobs, output, say, _raise_again)
    ended: list[Failure | None] = []
    queue.run(hooks, context, environ, runtime_command(context), time.monotonic, ended.append)
    try:
        while not ended or output.is_waiting:
            poll = select.poll()
            actions = {}
            waiting = [(output.descriptor, select.POLLOUT, output.flush)] if output.is_waiting else []
            for descriptor, events, act in (*jobs.watched(), *waiting):
                poll.register(descriptor, events)
                actions[descriptor] = act
            for descriptor, _ in poll.poll(_POLL_MS):
                actions[descriptor]()
            jobs.pass_deadlines(time.monotonic())
            while (pid := ended_child()) and (found := jobs.take_ended(pid)):
                job, code, _ = found
                queue.take_ended(job, code, time.monotonic())  # type: ignore[arg-type]
    finally:
        jobs.end_all()
    if ended[0] is not None:
        raise ended[0]
    return queue.reports


def _raise(fault: Exception, what: str) -> None:
    raise fault


def _raise_again(what: str) -> str:
    raise


def say(text: str) -> None:
    sys.stdout.flush()
    write_all(2, f"[release] {text}\n".encode("utf-8", "surrogateescape"))
