"""The commands `start`, `restart` and `logs`: the same supervisor, detached, with its output in a file.

`start` returns once the release is ready and its post_start hooks are done. The supervisor tells it through a pipe::

    start                                      _supervise (session of its own, output in var/log/NAME.log)
      posix_spawn, read the pipe          ->     lock, hooks, app, ready, post_start
      "up": return 0                      <-     writes "up", closes the pipe
      end of file without it: return 1    <-     ended, for whatever reason; the log says which
"""

from __future__ import annotations

import os
import signal
import sys

from ..bundle.launch import runtime_command
from ..protocol import client
from ..release.checking.host import check_python
from ..release.failures import DONE, FAILED, NOT_NOW, USAGE, Failure
from ..release.layout import CONTROL_SOCKET
from ..release.manifest import EVENTS
from ..release.writing import tell, write_all
from ..supervisor.foreground import check_process, split_only, supervise
from ..supervisor.startup import already_running, make_folders
from ..supervisor.telling.logger import Logger
from .control_commands import stop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..release.context import Context

TAIL_LINES = 20
DEFAULT_LINES = 100
_TAIL_BYTES = 256 * 1024
_FOLLOW_MS = 200
_MOST_DIGITS = 12
_UP = b"up"
_INTERRUPT = frozenset((signal.SIGINT,))


def start(context: Context, args: list[str]) -> int:
    """Run the release in the background and return once it is up.

    Raises:
        Failure: it is running already, or it did not come up; the end of its log is shown.
    """
    split_only(context, args)
    check_python(context)
    make_folders(context.layout)
    _refuse_if_running(context)
    os.makedirs(context.layout.log, mode=0o700, exist_ok=True)
    path = _log_path(context)
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    os.close(os.open(path, append | os.O_CLOEXEC, 0o600))  # whoever may not write to it is told here, and which file
    begin = os.path.getsize(path)
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    # Ctrl-C waits until there is somebody who ends what was started; whoever called may have it blocked.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPT)
    child = os.posix_spawn(
        sys.executable,
        [*runtime_command(context), "_supervise", str(writer), *args],
        dict(context.environ),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, path, append, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsigmask=blocked - _INTERRUPT,
        setsid=True,
    )
    os.close(writer)
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPT)
        said = os.read(reader, 16)
        signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPT)
    except KeyboardInterrupt:
        _end(child)
        raise Failure(
            f"{context.name} {context.layout.version} was interrupted while it started",
            128 + signal.SIGINT,
            now="nothing is running",
        ) from None
    if said == _UP:
        print(f"{context.name} {context.layout.version} is running (pid {child})")
        return DONE
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    did_not = "did not start" if code else "is not running: it ended by itself, with exit code 0"
    raise Failure(
        f"{context.name} {context.layout.version} {did_not}",
        NOT_NOW if code == NOT_NOW else FAILED,
        details=tuple(f"< {line}" for line in _told_first(_lines_since(path, begin))),
        now="an earlier start goes on" if code == NOT_NOW else "nothing is running",
        hint=f"{path} has the rest",
    )


def _told_first(lines: list[str]) -> list[str]:
    """Return the end of what was written: first why the release has ended, which it says last, then what came before.

    A hundred tracebacks of workers would otherwise stand between the reader and the reason.
    """
    at = max((number for number, line in enumerate(lines) if line.startswith("error: ")), default=len(lines))
    why = lines[at:][:TAIL_LINES]
    return [*why, *lines[max(0, at - (TAIL_LINES - len(why))) : at]]


def _end(child: int) -> None:
    """End the supervisor and wait for it; each further Ctrl-C is one for it, which kills what does not end."""
    number = signal.SIGTERM
    while True:
        try:
            os.kill(child, number)
            os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)  # not reaped yet: its number is still its own
            signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPT)
            break
        except KeyboardInterrupt:
            number = signal.SIGINT
    os.waitpid(child, 0)


def _refuse_if_running(context: Context) -> None:
    """Say so at once where a release answers; the lock decides in any case, and its refusal is in the log."""
    try:
        pid = client.ask(context, CONTROL_SOCKET, "pid").strip()
    except client.Refused:
        raise
    except Failure:
        return
    raise already_running(context, pid)


def supervise_detached(context: Context, args: list[str]) -> int:
    """Be the process behind `start`: `args` are the descriptor of its pipe and the arguments of the app."""
    report = int(args[0])
    os.set_inheritable(report, False)

    def say_up() -> None:
        try:
            os.write(report, _UP)
        except OSError:
            pass  # `start` was killed; the release goes on
        os.close(report)

    make_folders(context.layout)
    logger = Logger(context)
    try:
        return supervise(context, args[1:], command="start", logger=logger, on_running=say_up)
    except Failure as failure:
        tell(failure.lines())
        return failure.exit_code
    finally:
        logger.finish()


def restart(context: Context, args: list[str]) -> int:
    """Stop the release if it runs, and start it with the arguments it had; or restart one of its processes alone."""
    if args:
        if len(args) > 1:
            raise Failure(f"expected `{context.name} restart [PROCESS]`", USAGE, now="nothing was changed")
        check_process(context, args[0].partition(".")[0])
        return client.call(context, CONTROL_SOCKET, "restart", args[0])
    words: list[str] = []
    try:
        words = client.ask(context, CONTROL_SOCKET, "args").split("\0")[:-1]
        stop(context, [])
    except client.Refused:
        raise
    except Failure as failure:
        if failure.exit_code != NOT_NOW:
            raise
    return start(context, words)


def logs(context: Context, args: list[str]) -> int:
    """Print the end of what the release wrote under `start`; `-f` goes on with what it writes."""
    follow, count, wanted = _logs_options(context, args)
    path = _log_path(context)
    try:
        lines = [line for line in _last_lines(path) if line.startswith(wanted)]
    except FileNotFoundError:
        raise _without_log(context, path) from None
    except OSError as error:
        raise Failure(f"cannot read the log {path}: {(error.strerror or '').lower()}", FAILED) from error
    for line in lines[-count:] if count else []:
        print(line)
    sys.stdout.flush()
    if follow:
        _follow(path, wanted)
    return DONE


def _without_log(context: Context, path: str) -> Failure:
    """Return what is told where the file is not there: `start` makes its folder, and nothing else does."""
    if not os.path.isdir(os.path.dirname(path)):
        return Failure(f"{context.name} has no log: it was never run by `{context.name} start`", FAILED)
    return Failure(
        f"the log is gone: {path}",
        FAILED,
        now="somebody removed or renamed it; the next line of a running release begins it anew",
    )


def _logs_options(context: Context, args: list[str]) -> tuple[bool, int, tuple[str, ...]]:
    """Return whether to follow, how many lines to begin with, and what lines must begin with."""
    follow, count = False, DEFAULT_LINES
    wanted: tuple[str, ...] = ("",)
    words = list(args)
    while words:
        match words:  # a pattern whose guard says no has bound its names all the same
            case ["-f", *rest]:
                follow = True
            case ["-n", number, *rest] if _is_count(number):
                count = int(number)
            case ["--hooks", *rest]:
                wanted = tuple(f"[{event} " for event in EVENTS)
            case _:
                raise Failure(f"expected `{context.name} logs [-f] [-n LINES] [--hooks]`, found '{words[0]}'", USAGE)
        words = rest
    return follow, count, wanted


def _is_count(word: str) -> bool:
    return word.isascii() and word.isdecimal() and len(word) <= _MOST_DIGITS


def _follow(path: str, wanted: tuple[str, ...]) -> None:
    """Print what is appended, through a rotation, until interrupted."""
    import select

    file = os.open(path, os.O_RDONLY)
    os.lseek(file, 0, os.SEEK_END)
    rest = b""
    while True:
        if os.fstat(file).st_size < os.lseek(file, 0, os.SEEK_CUR):
            os.lseek(file, 0, os.SEEK_SET)  # cut to nothing in place: logrotate's copytruncate
        while data := os.read(file, 65536):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                if line.decode("utf-8", "replace").startswith(wanted):
                    write_all(1, line + b"\n")
        try:
            if os.stat(path).st_ino != os.fstat(file).st_ino:
                newer = os.open(path, os.O_RDONLY)
                os.close(file)
                file = newer
                continue
        except FileNotFoundError:
            pass  # between two renames of a rotation, or removed until the next line
        select.poll().poll(_FOLLOW_MS)


def _last_lines(path: str) -> list[str]:
    """Return the end of the log, the file before the present one included: that one may have just begun."""
    older = f"{path}.1"
    lines = _lines_since(older, max(0, os.path.getsize(older) - _TAIL_BYTES)) if os.path.exists(older) else []
    return [*lines, *_lines_since(path, max(0, os.path.getsize(path) - _TAIL_BYTES))]


def _log_path(context: Context) -> str:
    return os.path.join(context.layout.log, f"{context.name}.log")


def _lines_since(path: str, begin: int) -> list[str]:
    with open(path, "rb") as file:
        file.seek(begin)
        return file.read().decode("utf-8", "replace").splitlines()
