"""What must hold before a supervisor runs: folders and the lock; and what it keeps of how it was started.

The lock on `run/lock` (flock(2)) is the one truth about what runs: the kernel frees it with the last process that
holds it, also after kill -9 or a power cut. The instance inherits it, so that a new supervisor never meets an old
instance that is still draining. The file holds the pid of the supervisor, for messages only.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time

from ..release.failures import FAILED, NOT_NOW, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..release.context import Context
    from ..release.layout import Layout
    from .telling.logger import Logger

_PROBE_BYTES = 4096
_RETRY_S = 0.05
_GRACE_S = 5.0
_UNWRITTEN_PID_S = 1.0


class Start:
    """How the supervisor was started; nothing of it changes, an upgrade neither."""

    __slots__ = ("args", "base", "lock", "logger", "only")

    def __init__(
        self, *, args: list[str], only: tuple[str, ...], base: Mapping[str, str], lock: int, logger: Logger | None
    ) -> None:
        self.args = args
        """What stands behind the command: the arguments of the main process."""
        self.only = only
        """The processes to run; none: all of them."""
        self.base = base
        """The environment of whoever started it."""
        self.lock = lock
        """Descriptor of the lock that says that the release runs."""
        self.logger = logger
        """Where output goes, under `start`."""

    @property
    def log(self) -> str:
        """The file that output goes to, or nothing."""
        return "" if self.logger is None else self.logger.path


def make_folders(layout: Layout) -> None:
    """Make `var` and what belongs in it.

    Raises:
        Failure: it cannot be made or written to.
    """
    try:
        os.makedirs(layout.var, mode=0o755, exist_ok=True)
        os.makedirs(layout.run, mode=0o700, exist_ok=True)
        _try_to_write(os.path.join(layout.run, f".write.{os.getpid()}"))
    except OSError as error:
        raise Failure(
            f"cannot write to {layout.var}: {os.strerror(error.errno or 0)}",
            FAILED,
            now="nothing was started",
            hint="name a folder that this user can write to in RELEASE_VAR",
        ) from error


def _try_to_write(path: str) -> None:
    """Write some bytes to a file without a name: a full disk still makes empty ones, and no end leaves one behind."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.unlink(path)
        os.write(descriptor, b"x" * _PROBE_BYTES)
    finally:
        os.close(descriptor)


def acquire_lock(context: Context, wait_s: float, say: Callable[[str], None]) -> int:
    """Return the descriptor that holds the lock, with this process's pid written to the file.

    An instance whose supervisor was killed is given `wait_s` seconds to end.

    Raises:
        Failure: a supervisor runs already, or an old instance does not end.
    """
    descriptor = os.open(context.layout.lock, os.O_RDWR | os.O_CREAT, 0o600)
    begin = time.monotonic()
    is_told = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EAGAIN):
                raise
        else:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            return descriptor
        holder = _holder(descriptor)
        waited = time.monotonic() - begin
        if holder and is_alive(holder):
            os.close(descriptor)
            raise already_running(context, str(holder))
        if waited > wait_s + _GRACE_S:
            os.close(descriptor)
            raise Failure(
                f"an old instance of {context.name} has not ended in {waited:.0f} s",
                NOT_NOW,
                details=(f"its supervisor (pid {holder}) was killed; the instance still holds {context.layout.lock}",),
                now="nothing was started",
                hint=f"`fuser {context.layout.lock}` names it",
            )
        if not is_told and waited > _UNWRITTEN_PID_S:
            is_told = True
            say(f"waiting for the instance of a supervisor that was killed (pid {holder})")
        time.sleep(_RETRY_S)


def already_running(context: Context, pid: str) -> Failure:
    """Return what a second start is told."""
    return Failure(
        f"{context.name} is already running (pid {pid})",
        NOT_NOW,
        now=f"pid {pid} goes on unchanged",
        hint=f"`{context.prog} status` tells more",
    )


def is_alive(pid: int) -> bool:
    """Tell whether a process with this id exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _holder(descriptor: int) -> int:
    text = os.pread(descriptor, 32, 0).strip()
    return int(text) if text.isdigit() else 0
