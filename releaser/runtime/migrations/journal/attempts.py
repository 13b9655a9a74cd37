"""What the journal's lines say: which attempts were made, what they have left, and what a person said about them.

Left half-way is a state of a revision in either direction: applied in part while the version table does not name it,
or undone in part while it still does.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

OPEN = ("running", "failed", "interrupted")
"""States of an attempt of which something may be left."""
RESOLVED = "resolved"
"""A person has said that the database is as it was before the attempt."""


class Entry:
    """One attempt to apply or to undo a revision, or one thing that a person said about it."""

    __slots__ = (
        *("number", "release", "version", "revision", "direction", "state", "outside_tx", "statements", "last_sql"),
        *("error", "sha256", "phase", "compatible", "restore_point", "began_at", "duration_s", "host", "pid"),
    )

    def __init__(self, row: Any) -> None:
        for name in self.__slots__:
            setattr(self, name, row[name])

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def is_dirty(self, *, is_reached: bool) -> bool:
        """Tell whether a part of it is in the database; `is_reached`: whether the version table covers the revision."""
        return bool(self.state in OPEN and self.outside_tx > 0 and is_reached == (self.direction == "down"))

    def is_applied(self) -> bool:
        """Tell whether the revision is applied, as far as this entry knows; the version table knows better."""
        return bool((self.state == "done") == (self.direction == "up"))

    def by(self) -> str:
        """Return who made it."""
        return f"{self.release} {self.version} on {self.host}"

    def what(self) -> str:
        """Return what was tried."""
        return f"{'the undo of ' if self.direction == 'down' else ''}revision {self.revision}"


def newest(entries: Iterable[Entry]) -> dict[str, Entry]:
    """Return the last entry of each revision; `entries` are in their order.

    One that has left a part goes on to count until something is done or said about it: an attempt that left nothing
    cannot rightly follow it. The line of a runner that has gone may come late, from a session that waited for a lock.
    """
    found: dict[str, Entry] = {}
    for entry in entries:
        before = found.get(entry.revision)
        if before is None or not (_has_left_a_part(before) and _has_left_nothing(entry)):
            found[entry.revision] = entry
    return found


def _has_left_a_part(entry: Entry) -> bool:
    return bool(entry.state in OPEN and entry.outside_tx > 0)


def _has_left_nothing(entry: Entry) -> bool:
    return bool(entry.state in (*OPEN, "rolled back") and not entry.outside_tx)


def resolved_by_hand(entries: Iterable[Entry]) -> dict[str, str]:
    """Return for each revision what an attempt has left that a person said to have cleaned up.

    Nobody has looked whether it is so: an error of the next attempt may come from there. What is done is over.
    """
    left: dict[str, Entry] = {}
    told: dict[str, str] = {}
    for entry in entries:
        if entry.state == RESOLVED and entry.revision in left:
            told[entry.revision] = _told(left.pop(entry.revision), entry)
        elif entry.state == "done":
            left.pop(entry.revision, None)
            told.pop(entry.revision, None)
        elif entry.state in OPEN and entry.outside_tx:
            left[entry.revision] = entry
    return told


def _told(attempt: Entry, resolution: Entry) -> str:
    what = f"{'undo' if attempt.direction == 'down' else 'attempt'} of {attempt.revision}"
    count = f"{attempt.outside_tx} statements" if attempt.outside_tx > 1 else "1 statement"
    up_to = "up to " if attempt.state == "running" else ""
    return f"an earlier {what} left {up_to}{count}, resolved by hand at {resolution.began_at} UTC"
