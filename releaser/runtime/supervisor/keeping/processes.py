"""Which processes has an instance, and what are they? Read from /proc (proc(5)), by descent."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_STATE, _PARENT, _SESSION, _BEGAN = 0, 1, 3, 19
"""Places of the words of /proc/PID/stat behind the name of the command, which may hold anything."""


class Seen:
    """One process as it is at this moment."""

    __slots__ = ("began", "parent", "pid", "session", "state")

    def __init__(self, pid: int, words: list[bytes]) -> None:
        self.pid = pid
        self.state = words[_STATE].decode("ascii", "replace")
        self.parent = int(words[_PARENT])
        self.session = int(words[_SESSION])
        self.began = int(words[_BEGAN])
        """In ticks since the host was booted: with its number, it is this process and no later one."""


def look_at(pid: int) -> Seen | None:
    """Return the process with that number, or None once it has ended and was reaped."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return Seen(pid, file.read().rpartition(b")")[2].split())
    except OSError:
        return None


def everyone() -> Iterator[Seen]:
    """Yield every process of this host, as far as it can be seen."""
    for name in os.listdir("/proc"):
        if name.isdigit() and (seen := look_at(int(name))) is not None:
            yield seen


def children_of(pid: int) -> list[int]:
    """Return the numbers of the children of a process, zombies included; none of one that has ended.

    The kernel lists them by thread (CONFIG_PROC_CHILDREN); one that does not is asked for every process of the host.
    """
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    found: list[int] = []
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found += map(int, file.read().split())
        except FileNotFoundError:
            if os.path.exists(f"/proc/{pid}/task/{thread}"):
                return [seen.pid for seen in everyone() if seen.parent == pid]
        except OSError:
            continue  # the thread has just ended
    return found


def program_of(pid: int) -> tuple[str, bytes]:
    """Return the file that a process executes and its words, separated by zero bytes; nothing where that is hidden."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return os.readlink(f"/proc/{pid}/exe"), file.read()
    except OSError:
        return "", b""
