"""What ends an instance whose supervisor has gone: a pipe whose write end only the supervisor holds.

The supervisor has the kernel send SIGTERM to the instance's process group when the pipe breaks (see
`releaser.runtime.bundle.process`); where it did not, that is done here. An app that does not obey is killed.
"""

from __future__ import annotations

import fcntl
import os
import signal
import stat

from ..release.primitives import sleep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def watch_parent(stop_timeout_s: float) -> tuple[int, Callable[[], None]] | None:
    """Return what the agent's thread watches in a process that was executed anew, and has lost its lifeline by that.

    A descriptor of the parent, the supervisor, is readable once that has ended (pidfd_open(2), Linux 5.3); None where
    there is no such call: then nobody ends an instance whose supervisor was killed.
    """
    instance = os.getpid()

    def end() -> None:
        _signal(instance, signal.SIGTERM)
        sleep(stop_timeout_s)
        _signal(instance, signal.SIGKILL)

    try:
        return os.pidfd_open(os.getppid()), end
    except OSError:
        return None


def hold(descriptor: int, stop_timeout_s: float) -> tuple[int, Callable[[], None]] | None:
    """Keep the lifeline, and the lock that the supervisor hands over behind it, from the app's child programs.

    Return what the agent's thread watches: the descriptor, and what to do once it hangs up.

    A server that executes itself anew with its first words (uWSGI's reload) has no such descriptor any more.
    """
    if not _is_pipe(descriptor):
        return watch_parent(stop_timeout_s)
    os.set_inheritable(descriptor, False)
    try:
        os.set_inheritable(descriptor + 1, False)
    except OSError:
        pass  # no lock was handed over
    is_told_by_kernel = bool(fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ASYNC)
    instance = os.getpid()

    def end() -> None:
        if not is_told_by_kernel:
            _signal(instance, signal.SIGTERM)
        sleep(stop_timeout_s)
        _signal(instance, signal.SIGKILL)

    return descriptor, end


def _is_pipe(descriptor: int) -> bool:
    try:
        return stat.S_ISFIFO(os.fstat(descriptor).st_mode)
    except OSError:
        return False


def _signal(instance: int, number: int) -> None:
    """Signal the process group that the instance leads, also from a worker that it forked; else this process alone."""
    if os.getpgrp() == instance:
        os.killpg(instance, number)
    else:
        os.kill(os.getpid(), number)
