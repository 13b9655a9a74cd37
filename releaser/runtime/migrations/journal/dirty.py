"""May a run begin, by what the journal says of those before it?"""

from __future__ import annotations

from ...release.failures import FAILED, Failure
from ..failures import AHEAD, DIRTY, UNKNOWN_REVISION, shortened
from .attempts import newest
from .journal import invalid_indexes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from sqlalchemy import Connection

    from .attempts import Entry

_NOTHING = "nothing was migrated"
UNDO = "down"


def half_way(entries: Iterable[Entry], reached: Callable[[str], bool], knows: Callable[[str], bool]) -> list[Entry]:
    """Return the attempts that have left the database between two revisions, of those that this release has.

    One of a newer release that was left before its revision was reached is that release's: it does not keep the older
    one from running.
    """
    found = newest(entries).values()
    return [entry for entry in found if knows(entry.revision) and entry.is_dirty(is_reached=reached(entry.revision))]


def check_clean(
    found: Iterable[Entry],
    heads: Iterable[str],
    connection: Connection | None,
    earlier: Mapping[str, str],
    command: str,
) -> None:
    """Do nothing if `found`, what `half_way` has returned, is empty; `command` is this one, as it is typed.

    Raises:
        Failure: it is not; the revision is named, with what was left (exit code 12).
    """
    for entry in found:
        raise _dirty(entry, heads, connection, earlier.get(entry.revision, ""), ways_out(entry, command))


def ways_out(entry: Entry, command: str) -> str:
    """Return what a person can do about a revision that was left half-way."""
    return f"repair it by hand, then {resolving(entry.revision, entry.direction, command)}"


def resolving(revision: str, direction: str, command: str) -> str:
    """Return the command that says that things are as before the attempt, and the one for the other way."""
    if direction == UNDO:
        return f"{command} --resolve {revision} applied, or undone if nothing of it is left"
    return f"{command} --resolve {revision} retry, or applied if all of it is there"


def check_may_run_ahead(
    entries: Mapping[str, Entry],
    unknown: Collection[str],
    own: Collection[str],
    knows: Callable[[str], bool],
    command: str,
) -> str:
    """Return who has brought the database further than this release knows, if this release may run on it.

    `unknown` are the revisions that the database is at and the release does not have, `own` the newest that it has,
    `command` is this one, as it is typed. What the version table names is applied, whatever the journal had time to
    say of it.

    Raises:
        Failure: the journal does not know one of them (exit code 14), one of them was left half undone (12), or not all
            revisions that were added are said to be compatible with the release before them (13).
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
    for entry in entries.values():
        if entry.revision in unknown and entry.is_dirty(is_reached=True):
            raise _dirty(entry, unknown, None, "", f"with {_release_of(entry)}: {ways_out(entry, command)}")
    newer = added(entries, unknown, knows)
    breaking = [entry for entry in newer if entry.compatible != 1]
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
                f"run {_release_of(newer[-1])}, or the one after; with that release, "
                f"{command} --down-to {' '.join(sorted(own))} --yes-lose-data goes back"
            ),
        )
    return f"the database is ahead, at {told} of {newer[-1].release} {newer[-1].version}; this release may run on it"


def added(entries: Mapping[str, Entry], heads: Collection[str], knows: Callable[[str], bool]) -> list[Entry]:
    """Return the newest entries of the revisions that the database has and this release does not, whole or in part."""
    return [
        entry
        for entry in entries.values()
        if not knows(entry.revision)
        and (entry.revision in heads or entry.is_applied() or entry.is_dirty(is_reached=False))
    ]


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
        f"{entry.what()} failed on {entry.began_at} UTC, and is not tried again by a start",
        FAILED,
        details=(f"it said: {shortened(entry.error)}",),
        now="nothing was migrated",
        hint=f"bin/{owner[0]} migrate tries it again",
    )


def nothing_to_resolve(revision: str, heads: Iterable[str]) -> Failure:
    """Return what is told when `revision` was not left half-way."""
    return Failure(
        f"there is nothing to resolve: {revision} was not left half-way",
        FAILED,
        now=f"the database is at {', '.join(sorted(heads)) or 'no revision'}; nothing was changed",
    )


def _dirty(entry: Entry, heads: Iterable[str], connection: Connection | None, earlier: str, hint: str) -> Failure:
    count = f"{entry.outside_tx} statements" if entry.outside_tx > 1 else "1 statement"
    if entry.state == "running":
        # The journal is written before the statement: whether that one took effect, only the database can tell.
        count = f"up to {count}"
    stays = "stay" if entry.outside_tx > 1 else "stays"
    are = "are" if entry.outside_tx > 1 else "is"
    left = stays if entry.direction == UNDO else "will not be undone"
    details = [
        f"{count} {are} committed and {left}; the last: {shortened(entry.last_sql)}",
        f"error: {shortened(entry.error) if entry.error else 'its process was killed'}",
        *([earlier] if earlier else []),
    ]
    for index in invalid_indexes(connection) if connection is not None else ():
        details.append(f"the index {index} is invalid: DROP INDEX CONCURRENTLY {index}")
    return Failure(
        f"{entry.what()} was left half-way by {entry.by()} (pid {entry.pid}) on {entry.began_at} UTC",
        DIRTY,
        details=tuple(details),
        now=f"the database is at {', '.join(sorted(heads)) or 'no revision'}; nothing was migrated",
        hint=hint,
    )


def _release_of(entry: Entry) -> str:
    return f"{entry.release} {entry.version}"
