"""What `migrations` lists: each revision and its state, from the database, and from the journal as far as it agrees."""

from __future__ import annotations

from .failures import shortened
from .journal.attempts import newest
from .journal.dirty import UNDO, added

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from typing import Any

    from .database.configured import Database
    from .database.task import Task
    from .journal.attempts import Entry

AHEAD, APPLIED, DIRTY, FAILED, PENDING, RUNNING, UNKNOWN = (
    *("ahead", "applied", "dirty", "failed", "pending", "running", "unknown"),
)
_INDENT = " " * 11


def list_revisions(task: Task) -> list[dict[str, Any]]:
    """Return what is known of each revision of the release, and of those that a newer one has brought.

    Of several databases that env.py configures, the one tells of a revision in which it was left half-way, or the last.
    """
    databases = task.progress.databases
    pending = [_pending(task, database) for database in databases]
    rows = []
    for script in task.scripts.line():
        found = [_row(task, script.revision, *each) for each in zip(databases, pending, strict=True)]
        rows.append(next((row for row in found if row["state"] in (DIRTY, RUNNING)), found[-1]))
    return [*rows, *(row for database in databases for row in _brought_along(task, database))]


def told_of(rows: Iterable[dict[str, Any]]) -> list[str]:
    """Return the rows as lines for people."""
    lines = []
    shown = ""
    for row in rows:
        lines.append(f"  {row['state']:8} {row['revision']} {row['title']}".rstrip())
        lines += [f"{_INDENT}{text}" for text in _below(row)]
        # That of a run stands at each of its revisions, and is told at the first.
        if row.get("restore_point") and row["restore_point"] != shown:
            shown = row["restore_point"]
            lines.append(f"{_INDENT}restore point: {shown}")
    return lines


def _pending(task: Task, database: Database) -> Collection[str] | None:
    """Return the revisions that the database lacks, None if nobody can tell."""
    unknown = {head for head in database.expected if not task.scripts.knows(head)}
    if not unknown:
        return task.scripts.pending(database.expected)
    # What a newer release of this line has brought is built on those of this one.
    return set() if newest(database.history).keys() >= unknown else None


def _row(task: Task, revision: str, database: Database, pending: Collection[str] | None) -> dict[str, Any]:
    row = {"revision": revision, "title": task.scripts.title(revision).removeprefix(revision).strip()}
    if pending is None:
        return {**row, "state": UNKNOWN}
    is_reached = revision not in pending
    attempts = [entry for entry in database.history if entry.revision == revision]
    state, entry = _judged(attempts, is_reached=is_reached, is_at_work=revision in database.at_work)
    row["state"] = state
    if entry is not None:
        row |= _of_entry(entry)
    if state in (DIRTY, FAILED) and entry is not None and entry.direction == UNDO:
        row["direction"] = UNDO
    if state != APPLIED and revision in database.earlier:
        row["earlier"] = database.earlier[revision]
    return row


def _judged(attempts: list[Entry], *, is_reached: bool, is_at_work: bool) -> tuple[str, Entry | None]:
    """Return the state of a revision, and the attempt that tells of it."""
    last = attempts[-1] if attempts else None
    if last is not None and last.is_dirty(is_reached=is_reached):
        return RUNNING if is_at_work else DIRTY, last
    if last is not None and is_at_work:
        return RUNNING, last
    if not is_reached:
        is_failed = last is not None and last.state == "failed" and last.direction != UNDO
        return (FAILED, last) if is_failed else (PENDING, None)
    made = [entry for entry in attempts if entry.direction != UNDO and entry.state in ("done", "running")]
    # One that was undone since, and is there again, was not applied by that attempt.
    is_its_own = bool(made) and not any(
        entry.direction == UNDO and entry.state == "done" and entry.number > made[-1].number for entry in attempts
    )
    return APPLIED, made[-1] if is_its_own else None


def _of_entry(entry: Entry) -> dict[str, Any]:
    row: dict[str, Any] = {"at": entry.began_at, "by": entry.by()}
    if entry.state in ("done", "running") and not entry.outside_tx:
        row["duration_s"] = entry.duration_s
    return {**row, "note": entry.error, "restore_point": entry.restore_point}


def _brought_along(task: Task, database: Database) -> list[dict[str, Any]]:
    """Return the rows of what the database has and this release does not, whole or in part."""
    entries = newest(database.history)
    found = added(entries, database.expected, task.scripts.knows)
    rows = []
    for entry in found:
        is_dirty = entry.is_dirty(is_reached=entry.revision in database.expected)
        row = {"revision": entry.revision, "title": "", "state": DIRTY if is_dirty else AHEAD, **_of_entry(entry)}
        if entry.direction == UNDO and is_dirty:
            row["direction"] = UNDO
        rows.append({**row, "compatible": None if entry.compatible < 0 else bool(entry.compatible)})
    strangers = sorted(head for head in database.expected if head not in entries and not task.scripts.knows(head))
    return [*rows, *({"revision": head, "title": "", "state": AHEAD} for head in strangers)]


def _below(row: dict[str, Any]) -> list[str]:
    """Return what is said below a revision's own line."""
    lines = []
    if "at" in row:
        took = f" in {row['duration_s']:.2f} s" if row.get("duration_s") else ""
        undo = "undo, " if row.get("direction") == UNDO else ""
        lines.append(f"{undo}{row['at']} UTC by {row['by']}{took}")
    elif row["state"] == AHEAD:
        lines.append("not in the journal: another app, or a release without a journal, has brought it")
    lines += [shortened(row["note"])] if row.get("note") else []
    lines += [row["earlier"]] if row.get("earlier") else []
    if row.get("compatible") is not None or (row["state"] == AHEAD and "at" in row):
        words = {True: "compatible", False: "not compatible", None: "not said to be compatible"}
        lines.append(f"{words[row['compatible']]} with the release before it")
    return lines
