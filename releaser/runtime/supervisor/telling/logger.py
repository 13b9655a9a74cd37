"""Where the output of a release goes under `start`: a process that copies a pipe into files of limited size.

The app writes to a pipe, so neither a full disk nor a log that is being rotated reaches it::

    app, hooks, supervisor  --pipe-->  _log PATH SIZE COUNT  -->  NAME.log, NAME.log.1 (the one before), ...

What cannot be written is dropped and counted, and the count is written once there is room again. The supervisor keeps
the reading end as well: if the logger is killed, writers wait for the next one instead of dying of a broken pipe; if it
hangs, on a disk that does not answer for one, the supervisor empties the full pipe itself, and counts what it drops.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import termios
import time

from ...bundle.launch import runtime_command
from ...bundle.process import Child, spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ...release.context import Context

FINISH_S = 5.0
"""How long the end of the release waits for its last lines to be written."""
CHECK_S = 2.0
"""How long the pipe may be full, with nothing read from it, before it is emptied."""
AGAIN_S = 1.0
"""How long a logger that has ended at once, or that cannot be started, is left alone."""
_FULL_BYTES = 60_000
_STUCK_S = 0.05
_READ_BYTES = 65536


class Logger:
    """The supervisor's side: owns the pipe, and starts the logger again when it dies."""

    def __init__(self, context: Context) -> None:
        """Make the pipe this process's standard output and error, and start a logger at its other end."""
        reader, writer = os.pipe()
        os.dup2(writer, 1)
        os.dup2(writer, 2)
        os.close(writer)
        self._prepare(context, reader)
        self._start()

    @classmethod
    def adopted(cls, context: Context, state: Mapping[str, Any]) -> Logger:
        """Go on with the pipe and the logger of a supervisor that was executed anew, as this process."""
        logger = cls.__new__(cls)
        logger._prepare(context, state["reader"])
        logger._child = Child(state["pid"], state["lifeline"]) if state["pid"] else None
        return logger

    def state(self) -> dict[str, Any]:
        """Return what `adopted` needs; descriptors by number."""
        child = self._child
        return {"reader": self._reader, "pid": child.pid if child else 0, "lifeline": child.lifeline if child else -1}

    def _prepare(self, context: Context, reader: int) -> None:
        self._context = context
        self.path = os.path.join(context.layout.log, f"{context.name}.log")
        self._reader = reader
        self._child: Child | None = None
        self._progress = ""
        self._started_at = 0.0  # monotonic
        self.deadline = 0.0
        """When `relieve` looks again (monotonic)."""

    def take_ended(self, pid: int) -> bool:
        """Reap the logger if that process is it, and start another; tell whether it was."""
        if self._child is None or self._child.pid != pid:
            return False
        child, self._child = self._child, None
        child.reap()
        if time.monotonic() >= self._started_at + AGAIN_S:
            self._start_again()
        return True

    def forget(self, pid: int) -> None:
        """Let go of the logger if that process was it, and nobody could see to its end; `relieve` starts another."""
        if self._child is not None and self._child.pid == pid:
            self._child = None

    def relieve(self, now: float) -> int:
        """Look at the pipe when it is time; return how many lines were dropped to let the app go on."""
        if now < self.deadline:
            return 0
        self.deadline = now + CHECK_S
        if self._child is None:
            self._start_again()
        waiting = int.from_bytes(fcntl.ioctl(self._reader, termios.FIONREAD, bytes(4)), sys.byteorder)
        before, self._progress = self._progress, self._read_so_far()
        if waiting < _FULL_BYTES or (self._child is not None and (not before or before != self._progress)):
            return 0
        self.deadline = now + _STUCK_S
        return self._empty()

    def _read_so_far(self) -> str:
        """Return the kernel's count of what the logger has read, or nothing; the disk is not asked."""
        if self._child is None:
            return ""
        try:
            with open(f"/proc/{self._child.pid}/io", encoding="ascii") as file:
                return file.readline()
        except OSError:
            return ""

    def _empty(self) -> int:
        dropped = 0
        # An open file of our own: O_NONBLOCK would hold for the logger as well.
        reader = os.open(f"/proc/self/fd/{self._reader}", os.O_RDONLY | os.O_NONBLOCK)
        try:
            for _ in range(64):
                dropped += os.read(reader, _READ_BYTES).count(b"\n")
        except BlockingIOError:
            pass
        finally:
            os.close(reader)
        return dropped

    def finish(self) -> None:
        """Close our end and wait until what was written is in the files."""
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        os.close(nothing)
        os.close(self._reader)
        if self._child is None:
            return
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGALRM, _give_up)
        signal.setitimer(signal.ITIMER_REAL, FINISH_S)
        try:
            os.waitpid(self._child.pid, 0)
        except (TimeoutError, ChildProcessError):
            pass  # something that the app left behind still has the pipe open
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _start_again(self) -> None:
        """Start a logger in the place of one that has ended; if that is not possible now, `relieve` tries it again."""
        try:
            self._start()
        except OSError:
            self.deadline = time.monotonic() + AGAIN_S

    def _start(self) -> None:
        self._started_at = time.monotonic()
        log = self._context.manifest.log
        layout = self._context.layout
        nothing = os.open(os.devnull, os.O_WRONLY)
        try:
            self._child = spawn(
                [*runtime_command(self._context), "_log", self.path, str(log.size_bytes), str(log.count)],
                dict(self._context.environ),
                cwd=layout.root,
                stdin=self._reader,
                stdout=nothing,
                stderr=nothing,
            )
        finally:
            os.close(nothing)


class RotatedFile:
    """A file that lines are appended to; at its limit it is renamed, and the oldest of `count` is removed.

    What somebody else has renamed, removed or cut (logrotate(8)) is seen by its inode before each write.
    """

    def __init__(self, path: str, size_bytes: int, count: int) -> None:
        self._path = path
        self._limit = size_bytes
        self._count = count
        self._descriptor = -1
        self._size = 0
        self._dropped = 0
        self._reason = ""

    def write(self, data: bytes) -> None:
        """Append `data`, or drop it and count its lines; never raises, never waits."""
        try:
            self._make_room(len(data))
            if self._dropped:
                told = f"[release] {self._dropped} lines were dropped here: {self._reason}\n".encode()
                self._append(told)
                self._dropped = 0
            self._append(data)
        except OSError as error:
            self._dropped += max(1, data.count(b"\n"))
            self._reason = error.strerror or str(error)
            self._close()

    def _make_room(self, size: int) -> None:
        self._look_where_it_is()
        if self._descriptor >= 0 and self._size and self._size + size > self._limit:
            self._close()
            self._rotate()
        if self._descriptor < 0:
            self._descriptor = self._open()
            self._size = os.fstat(self._descriptor).st_size

    def _look_where_it_is(self) -> None:
        """Let go of a file that somebody has renamed or removed; note how long one is that was cut in place."""
        if self._descriptor < 0:
            return
        own = os.fstat(self._descriptor)
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            self._close()
            return
        if (found.st_dev, found.st_ino) != (own.st_dev, own.st_ino):
            self._close()
        else:
            self._size = found.st_size

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        try:
            return os.open(self._path, flags, 0o600)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
            return os.open(self._path, flags, 0o600)

    def _rotate(self) -> None:
        if self._count == 1:
            os.unlink(self._path)
            return
        for number in range(self._count - 2, 0, -1):
            if os.path.exists(f"{self._path}.{number}"):
                os.rename(f"{self._path}.{number}", f"{self._path}.{number + 1}")
        os.rename(self._path, f"{self._path}.1")

    def _append(self, data: bytes) -> None:
        while data:
            written = os.write(self._descriptor, data)
            self._size += written
            data = data[written:]

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def run_logger(context: Context, args: list[str]) -> int:
    """Run the internal command `_log PATH SIZE COUNT`: copy standard input until everybody has closed it.

    It goes on through upgrades, and its own version may be removed meanwhile: nothing here is imported late.
    """
    path, size, count = args
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the last lines come after the signal that ends the app
    file = RotatedFile(path, int(size), int(count))
    while data := os.read(0, _READ_BYTES):
        file.write(data)
    return 0


def _give_up(number: int, frame: object) -> None:
    raise TimeoutError
