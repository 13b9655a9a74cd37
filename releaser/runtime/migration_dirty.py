"""May a run begin, by what the journal says of those before it?"""

from __future__ import annotations

from .failures import FAILED, Failure
from .migration_failures import AHEAD, DIRTY, UNKNOWN_REVISION, shortened
from .migration_journal import invalid_indexes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from sqlalchemy import Connection

    from .migration_journal import Entry

_NOTHING = "nothing was migrated"


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


def check_may_run_ahead(
    entries: Mapping[str, Entry],
    unknown: Collection[str],
    own: Collection[str],
    knows: Callable[[str], bool],
    name: str,
) -> str:
    """Return who has brought the database further than this release knows, if this release may run on it.

    `unknown` are the revisions that the database is at and the release does not have, `own` the newest that it has,
    `name` is the release's. What the version table names is applied, whatever the journal had time to say of it.

    Raises:
        Failure: the journal does not know one of them (exit code 14), or not all revisions that were added are said
            to be compatible with the release before them (13).
    """
    told = ", ".join(sorted(unknown))
    foreign = sorted(head for head in unknown if head not in entries)
    if foreign:
        raise Failure(
            f"the database is at {', '.join(foreign)}, a revision that this release does not have",
            UNKNOWN_REVISION,
            now=_NOTHING,
            hint="a newer release, or another app, has migrated it; this release can only migrate its own line",
        )
    is_applied = {entry.revision for entry in entries.values() if entry.state == "done"} | set(unknown)
    newer = [entry for entry in entries.values() if entry.revision in is_applied and not knows(entry.revision)]
    breaking = [entry for entry in newer if entry.direction == "up" and entry.compatible != 1]
    if breaking:
        raise Failure(
            f"the database is ahead, at {told}, and this release may not run on it",
            AHEAD,
            details=tuple(
                f"{entry.revision} of {entry.by()} is {'not' if not entry.compatible else 'not said to be'} compatible"
                for entry in breaking
            ),
            now=_NOTHING,
            hint=(
                f"run {newer[-1].by().partition(' on ')[0]}, or the one after; with that release, "
                f"bin/{name} migrate --down-to {' '.join(sorted(own))} --yes-lose-data goes back"
            ),
        )
    return f"the database is ahead, at {told} of {newer[-1].release} {newer[-1].version}; this release may run on it"


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
    if entry.state == "running":
        # The journal is written before the statement: whether that one took effect, only the database can tell.
        count = f"up to {count}"
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
