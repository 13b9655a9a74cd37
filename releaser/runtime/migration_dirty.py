"""May a run begin, by what the journal says of those before it?"""

from __future__ import annotations

from .failures import FAILED, Failure
from .migration_failures import DIRTY, shortened
from .migration_journal import invalid_indexes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from sqlalchemy import Connection

    from .migration_journal import Entry


def check_clean(
    entries: Mapping[str, Entry],
    pending: Collection[str],
    heads: Iterable[str],
    connection: Connection | None,
    name: str,
) -> None:
    """Do nothing if no revision that is not reached has left something behind; `name` is the release's.

    Raises:
        Failure: one has; it is named, with what it left (exit code 12).
    """
    for entry in entries.values():
        if entry.revision in pending and entry.is_dirty():
            raise _dirty(entry, heads, connection, name)


def check_not_failed_before(entry: Entry | None, digest: str, owner: tuple[str, str]) -> None:
    """Do nothing if a revision may be tried while a release starts.

    A container that is started again and again must not run a failing revision each time.

    Raises:
        Failure: exactly this revision of this release failed the last time.
    """
    if entry is None or entry.state != "failed" or entry.sha256 != digest:
        return
    if (entry.release, entry.version) != owner:
        return
    raise Failure(
        f"revision {entry.revision} failed on {entry.began_at} UTC, and is not tried again by a start",
        FAILED,
        details=(f"it said: {shortened(entry.error)}",),
        now="nothing was migrated",
        hint=f"bin/{owner[0]} migrate tries it again",
    )


def check_resolvable(entry: Entry | None, revision: str, pending: Collection[str], heads: Iterable[str]) -> None:
    """Do nothing if `revision` is one that was left half-way.

    Raises:
        Failure: it is not.
    """
    if revision in pending and entry is not None and entry.is_dirty():
        return
    raise Failure(
        f"there is nothing to resolve: {revision} was not left half-way",
        FAILED,
        now=f"the database is at {', '.join(sorted(heads)) or 'no revision'}; nothing was changed",
    )


def _dirty(entry: Entry, heads: Iterable[str], connection: Connection | None, name: str) -> Failure:
    count = f"{entry.outside_tx} statements are" if entry.outside_tx > 1 else "1 statement is"
    details = [
        f"{count} committed and will not be undone; the last: {shortened(entry.last_sql)}",
        f"error: {shortened(entry.error) if entry.error else 'its process was killed'}",
    ]
    for index in invalid_indexes(connection) if connection is not None else ():
        details.append(f"the index {index} is invalid: DROP INDEX CONCURRENTLY {index}")
    return Failure(
        f"revision {entry.revision} was left half-way by {entry.by()} (pid {entry.pid}) on {entry.began_at} UTC",
        DIRTY,
        details=tuple(details),
        now=f"the database is at {', '.join(sorted(heads)) or 'no revision'}; nothing was migrated",
        hint=(
            f"repair it by hand, then bin/{name} migrate --resolve {entry.revision} retry,"
            " or applied if all of it is there"
        ),
    )
