"""How a running app migrates its database: by a process of its own, whose progress is passed on.

Alembic is never imported here. In the app's process it would disable the app's loggers, fail inside a running event
loop, and cross the databases of two threads that migrate at the same time::

    app                                         migration process (own session, stdin /dev/null)
    migrate()  ── starts ──────────────────────► takes the database's lock
       │ ◄── "[1/2] 3f2a add slug ..." ─────────  writes a line before each revision and after it
       │ ◄── "[1/2] 3f2a add slug: done in ..." ─
    returns, or raises  ◄── exit code ──────────  ends, and with it its lock

A session of its own keeps it out of the terminal's Ctrl-C and out of the group that is killed with the app. If the app
dies, the pipe breaks: the process finishes the revision it is in, begins no other, and ends.
"""

from __future__ import annotations

import os

from .. import progress
from ..release.failures import BUG, MigrationFailed
from ..release.layout import Layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from subprocess import Popen

KEPT_LINES = 20
"""How many of the last lines are in the message of a failure."""
NOT_INHERITED = ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
"""What the app was given to serve and to announce itself; a child that used them would speak in its name."""


def run_in_child(databases: Sequence[str], to: str) -> None:
    """Run `bin/NAME migrate DATABASES --at-least TO` in a process of its own and wait for its end.

    Raises:
        MigrationFailed: it ended with something else than 0; the message ends in its last lines.
        RuntimeError: this is not a process of a release, or its interpreter cannot be started.
    """
    argv, environ = command(databases, to, os.environ)
    # Imported here, because the supervisor's side of this package must not pay for it.
    import subprocess

    try:
        process = subprocess.Popen(
            argv,
            cwd=environ["RELEASE_ROOT"],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise RuntimeError(f"cannot start {argv[0]}: {error.strerror}; now: nothing was migrated") from error
    lines, code = _follow(process)
    if code:
        raise MigrationFailed(_message(code, lines), code)


def command(databases: Sequence[str], to: str, environ: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """Return argv and environment of the migration process of the release that `environ` names.

    Raises:
        RuntimeError: it names none.
    """
    missing = [
        name for name in ("RELEASE_ROOT", "RELEASE_VERSION", "RELEASE_VAR", "RELEASE_PYTHON") if not environ.get(name)
    ]
    if missing:
        raise RuntimeError(f"not a process of a release: {', '.join(missing)} not set")
    root, version = environ["RELEASE_ROOT"], environ["RELEASE_VERSION"]
    runtime = Layout.of(root, version, environ).runtime
    kept = {name: value for name, value in environ.items() if name not in NOT_INHERITED}
    # The app's environment is older than the hook that calls it; what failed at a start is not tried again by one.
    if progress.event():
        kept["RELEASE_EVENT"] = progress.event()
    # An app asks at each start: a database that is further is as it should be.
    word = "--to" if to.startswith("+") else "--at-least"
    argv = [environ["RELEASE_PYTHON"], "-I", "-S", runtime, root, version, "migrate", *databases, word, to]
    return argv, kept


def _follow(process: Popen[bytes]) -> tuple[list[str], int]:
    """Pass on each line as it comes; return the last ones and the exit code once the process has ended."""
    assert process.stdout is not None
    lines: list[str] = []
    try:
        for line in process.stdout:
            text = line.decode("utf-8", "replace")
            lines = [*lines[1 - KEPT_LINES :], text.rstrip("\n")]
            progress.write(text)
    except BaseException:
        # The caller is being interrupted: the migration is told in the way that lets it roll back.
        process.terminate()
        raise
    finally:
        process.stdout.close()
        code = process.wait()
    return lines, code if code >= 0 else 128 - code


def _message(code: int, lines: list[str]) -> str:
    """Return the sentence and the process's own error, or its last lines when it left none or a traceback."""
    starts = [number for number, line in enumerate(lines) if line.startswith("error: ")]
    told = lines[starts[-1] :] if starts and code != BUG else lines
    return "\n".join((f"the migration failed with exit code {code}", *(f"  {line}" for line in told)))
