"""How does a command write to standard output and error? Here, all of them, so that a failure is told in one way.

======================  ========================================================================
the descriptor          what a command does
======================  ========================================================================
is closed               as if it were /dev/null: whoever closed it wants to hear nothing
has lost its reader     it ends, quietly, with 141
takes no more           it ends with one sentence on standard error, and 1
======================  ========================================================================

Python's own streams would fail once more when the process ends, with 120. Imports nothing that is not there already:
`ping` passes through here.
"""

from __future__ import annotations

import io
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, TextIO

UNREAD = 141
"""128 + SIGPIPE, as of any program that a closed pipe has ended."""
FAILED = 1
_NAMES = {1: "standard output", 2: "standard error"}


class Unwritten(OSError):
    """A descriptor takes no more: a full disk for one. `now` is what is true then, as far as it is known."""

    descriptor = 1
    now = ""

    def sentence(self) -> str:
        """Return what did not happen, and why."""
        return f"cannot write to {_NAMES.get(self.descriptor, 'its caller')}: {(self.strerror or '').lower()}"


class Unread(Unwritten, BrokenPipeError):
    """Whoever read it has gone."""


def open_standard_descriptors() -> None:
    """Make descriptors 0, 1 and 2 exist: a caller may have closed them, and a socket must not become one."""
    while True:
        descriptor = os.open(os.devnull, os.O_RDWR)
        if descriptor > 2:
            os.close(descriptor)
            return
        os.set_inheritable(descriptor, True)


def take_over() -> None:
    """Let what is printed go through `write_all`: `sys.stdout` and `sys.stderr` raise `Unwritten` from here on.

    Where Python found a descriptor closed it has no stream for it, and gets one.
    """
    import atexit

    sys.stdin = sys.stdin or io.TextIOWrapper(io.FileIO(0, closefd=False), encoding="utf-8", errors="surrogateescape")
    sys.stdout = _stream(1, sys.stdout, "<stdout>", "surrogateescape")
    sys.stderr = _stream(2, sys.stderr, "<stderr>", "backslashreplace")
    atexit.register(_finish_at_exit)  # the first to register is the last to be called


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write all of `data`, whatever the descriptor takes at once; it may be non-blocking, as a caller left it.

    Raises:
        Unwritten: it takes no more; `Unread` where its reader has gone.
    """
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            import select

            select.select((), (descriptor,), ())
        except OSError as error:
            raise unwritten(descriptor, error) from None


def tell(lines: Iterable[str]) -> None:
    """Write lines to standard error, or drop them: there is nowhere else to say that it takes no more."""
    try:
        write_all(2, "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"))
    except OSError:
        pass


def finish(exit_code: int, now: str = "") -> int:
    """Write what was printed, and return the exit code: that of the failure to write, unless there is another.

    `now` is what is true where it cannot be written.
    """
    for descriptor, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            if stream is not None:
                stream.flush()
        except OSError as error:
            exit_code = tell_unwritten(unwritten(descriptor, error, now), exit_code)
        except ValueError:
            pass  # code given to `eval` has closed it
    return exit_code


def tell_unwritten(error: Unwritten, exit_code: int = 0) -> int:
    """Tell of a failure to write, let the rest go nowhere, and return the exit code: `exit_code` unless that is 0."""
    is_quiet = isinstance(error, Unread)
    if not is_quiet and not exit_code:
        tell([f"error: {error.sentence()}", *([f"  now: {error.now}"] if error.now else [])])
    drop(error.descriptor)
    return exit_code or (UNREAD if is_quiet else FAILED)


def drop(descriptor: int) -> None:
    """Send what is left in the buffers of a descriptor, which Python writes when it ends, to nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def unwritten(descriptor: int, error: OSError, now: str = "") -> Unwritten:
    """Return the failure to write to a descriptor that `error` is; `now` is what is true then."""
    if isinstance(error, Unwritten):
        error.now = error.now or now
        return error
    kind = Unread if isinstance(error, BrokenPipeError) else Unwritten
    found = kind(error.errno, error.strerror)
    found.descriptor, found.now = descriptor, now
    return found


class _Descriptor(io.FileIO):
    """The lowest part of a stream."""

    def write(self, data: Any, /) -> int:
        write_all(self.fileno(), data)
        return memoryview(data).nbytes


def _stream(descriptor: int, old: TextIO | None, name: str, errors: str) -> TextIO:
    raw = _Descriptor(descriptor, "w", closefd=False)
    raw.name = name
    is_line = descriptor == 2 or os.isatty(descriptor)
    encoding = "utf-8"
    if isinstance(old, io.TextIOWrapper):
        encoding, errors = old.encoding, old.errors or errors
        is_line = old.line_buffering or old.write_through
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=encoding, errors=errors, newline="\n", line_buffering=is_line
    )


def _finish_at_exit() -> None:
    """Write what was printed by what else runs at the end: code given to `eval` may have registered it."""
    if exit_code := finish(0):
        os._exit(exit_code)
