"""How the supervisor starts and ends processes: fork, prepare, exec, and signals to groups it still owns.

`subprocess` costs 2 MiB and knows no lifeline, so the few calls are made here. The supervisor has one thread, so a
fork holds no one's lock.

Each child has a lifeline: the read end of a pipe whose write end only the supervisor holds. The child makes the
kernel send SIGTERM to its whole process group when that pipe breaks (F_SETOWN, F_SETSIG and O_ASYNC, fcntl(2)): a
supervisor that is killed with -9 takes everything that it started with it, even a shell that waits for `sleep`.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FIRST_INHERITED = 3
"""The first descriptor of LISTEN_FDS (sd_listen_fds(3))."""
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)


class Child:
    """A process that the supervisor started and has not reaped yet: the leader of its own session and group."""

    __slots__ = ("lifeline", "pid")

    def __init__(self, pid: int, lifeline: int) -> None:
        self.pid = pid
        self.lifeline = lifeline

    def signal(self, number: int) -> None:
        """Send a signal to the whole group; one that has just ended is no error."""
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            pass

    def reap(self) -> int:
        """Return the exit code of the ended process: its own, or 128 + n when signal n ended it.

        What is left of its group is killed first: as long as the leader is a zombie its number cannot be given
        to a stranger.
        """
        self.signal(signal.SIGKILL)
        os.close(self.lifeline)
        _, status = os.waitpid(self.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        return code if code >= 0 else 128 - code


def spawn(
    argv: Sequence[str],
    environ: Mapping[str, str],
    *,
    cwd: str,
    stdin: int,
    stdout: int,
    stderr: int,
    sockets: Sequence[int] = (),
    kept: Sequence[int] = (),
) -> Child:
    """Start a program in a session of its own.

    `sockets` become descriptors 3, 4, ... with LISTEN_PID set to the child's pid, then comes the lifeline, then
    what is `kept`. In `argv`, the word `LIFELINE` is replaced by the number of the lifeline's descriptor. A file
    without `#!` line is run by `sh`, as execvp(3) does.

    Raises:
        OSError: the program could not be executed; nothing is left running.
    """
    report, report_write = os.pipe()
    lifeline, lifeline_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(report)
            os.setsid()
            _prepare_signals()
            lifeline_fd = FIRST_INHERITED + len(sockets)
            _place((stdin, stdout, stderr, *sockets, lifeline, *kept))
            _tie_to(lifeline_fd)
            os.chdir(cwd)
            words = [str(lifeline_fd) if word == "LIFELINE" else word for word in argv]
            variables = dict(environ)
            if sockets:
                variables["LISTEN_PID"] = str(os.getpid())
            _execute(words, variables)
        except BaseException as error:
            number = error.errno if isinstance(error, OSError) and error.errno else errno.EIO
            os.write(report_write, str(number).encode())
        finally:
            os._exit(127)
    os.close(report_write)
    os.close(lifeline)
    try:
        failure = os.read(report, 16)
    finally:
        os.close(report)
    if failure:
        os.close(lifeline_write)
        os.waitpid(pid, 0)
        number = int(failure)
        raise OSError(number, os.strerror(number), argv[0])
    return Child(pid, lifeline_write)


def ended_child() -> int:
    """Return the pid of a child that has ended and stays a zombie until it is reaped, or 0."""
    try:
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return 0
    return 0 if found is None else found.si_pid


def _prepare_signals() -> None:
    """Give the child the dispositions of a fresh program; exec resets only those that have a handler."""
    for number in _IGNORED_BY_PYTHON:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _place(descriptors: Sequence[int]) -> None:
    """Make `descriptors` 0, 1, 2, ... of this process, inheritable, however they overlap."""
    aside = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, len(descriptors)) for descriptor in descriptors]
    for target, source in enumerate(aside):
        os.dup2(source, target, inheritable=True)


def _tie_to(lifeline_fd: int) -> None:
    fcntl.fcntl(lifeline_fd, fcntl.F_SETOWN, -os.getpid())
    fcntl.fcntl(lifeline_fd, fcntl.F_SETSIG, signal.SIGTERM)
    fcntl.fcntl(lifeline_fd, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)


def _execute(words: list[str], variables: dict[str, str]) -> None:
    try:
        os.execve(words[0], words, variables)
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
        os.execve("/bin/sh", ["sh", *words], variables)
