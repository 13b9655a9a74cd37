"""Where the supervisor's own lines and those of hooks go, without ever waiting for whoever reads them.

A pipe that nobody reads stops a writer dead at 64 KiB. The supervisor must go on handling signals, so it writes at
most 4,096 bytes at a time (PIPE_BUF, pipe(7)) and only when poll(2) says that they fit. While lines wait here, the
supervisor stops reading from hooks, so that a flood is held back where it comes from.

On a full disk lines wait too, until there is another one to try it with: poll(2) calls a file always writable.
Hooks are read then, since nobody can tell when there will be room.
"""

from __future__ import annotations

import errno
import os
import select
import stat
import time

CHUNK_BYTES = 4096
FULL_BYTES = 65536
"""Above this, hooks are not read any more."""
LIMIT_BYTES = 1024 * 1024
"""Above this, the supervisor's own lines are dropped too, and counted."""
FINISH_S = 1.0
"""How long the end of the release waits for somebody to read its last lines."""


class Output:
    """One descriptor that lines are written to; the loop calls `flush` when it is writable."""

    __slots__ = ("_buffer", "_dropped", "_is_stalled", "_reason", "descriptor")

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._buffer = bytearray()
        self._dropped = 0
        self._is_stalled = False
        self._reason = ""

    @property
    def is_waiting(self) -> bool:
        return bool(self._buffer) and not self._is_stalled

    @property
    def is_full(self) -> bool:
        return len(self._buffer) > FULL_BYTES and not self._is_stalled

    def write(self, line: bytes) -> None:
        """Queue one line, with its line ending."""
        if len(self._buffer) + len(line) > LIMIT_BYTES:
            self._dropped += 1
            self._reason = "the disk is full" if self._is_stalled else "nobody reads this output"
            self._is_stalled = False
            return
        if self._dropped:
            self._buffer += f"[release] {self._dropped} lines were dropped: {self._reason}\n".encode()
            self._dropped = 0
        self._buffer += line
        self._is_stalled = False

    def flush(self) -> None:
        """Write what fits in one go; a reader that has gone takes what is queued with it, a full disk does not."""
        if not self._buffer:
            return
        try:
            written = os.write(self.descriptor, self._buffer[:CHUNK_BYTES])
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                self._is_stalled = True
            else:
                self._buffer.clear()
            return
        del self._buffer[:written]

    def finish(self) -> None:
        """Write what is queued, giving the reader a moment for it: the last lines say why a release ended."""
        deadline = time.monotonic() + FINISH_S
        poll = select.poll()
        poll.register(self.descriptor, select.POLLOUT)
        self._is_stalled = False
        while self.is_waiting and time.monotonic() < deadline:
            poll.poll(50)
            self.flush()

    def close(self) -> None:
        """Close a description of our own: the log's process waits until nobody can write any more."""
        if self.descriptor > 2:
            os.close(self.descriptor)


def own_description(descriptor: int) -> int:
    """Return a descriptor of our own, not blocking, for the pipe behind a standard descriptor.

    O_NONBLOCK belongs to the open file and would surprise everybody who shares it; a pipe can be opened anew.
    """
    if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        try:
            return os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return descriptor
    return descriptor
