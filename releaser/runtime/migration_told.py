"""How the result of a migration is told: every database of the release, as sentences or JSON.

Runs inside the app's bundle, after `releaser.runtime.bundle.activate`.
"""

from __future__ import annotations

import json

from .failures import Failure
from .migration_failures import PENDING, shortened
from .migration_progress import count_of, told
from .migration_report import Report
from .migration_task import Task

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from .context import Context
    from .migration_failures import Signals
    from .migration_journal import Entry
    from .migration_options import Options
    from .migration_report import Tolerant


def migrate(context: Context, urls: list[str], options: Options, signals: Signals, output: Tolerant) -> list[str]:
    """Migrate every database of the release, in the manifest's order, and return the lines of the result.

    Raises:
        Failure: one of them failed; those after it are untouched.
    """
    report = Report(output)
    lines: list[str] = []
    results: list[dict[str, Any]] = []
    for record, url in zip(context.manifest.migrations, urls, strict=True):
        task = Task(context, record, url, options, report)
        task.go(signals)
        results.append(_result(task, options))
        lines += task.sql() if options.sql and task.progress.planned else _sentences(task, options)
    pending = sum(len(result["would_apply"]) for result in results)
    if options.check and pending:
        raise Failure(
            f"{count_of(pending)} {'is' if pending == 1 else 'are'} pending",
            PENDING,
            details=tuple(line for line in lines if line.startswith("  ")),
            now="nothing was migrated",
            hint=f"bin/{context.name} migrate applies them",
        )
    return [json.dumps({"databases": results})] if options.as_json else lines


def migrations(context: Context, urls: list[str], options: Options, signals: Signals, output: Tolerant) -> list[str]:
    """Return the revisions of every database of the release and whether they are applied, as lines.

    Raises:
        Failure: a database cannot be asked.
    """
    lines: list[str] = []
    results: list[dict[str, Any]] = []
    for record, url in zip(context.manifest.migrations, urls, strict=True):
        task = Task(context, record, url, options, Report(output))
        task.go(signals)
        pending = set() if task.progress.is_ahead else task.scripts.pending(task.heads())
        entries = {name: entry for database in task.progress.databases for name, entry in database.entries.items()}
        rows = [_row(task, script.revision, pending, entries.get(script.revision)) for script in task.scripts.line()]
        results.append(
            {
                "database": task.name,
                "at": sorted(task.heads()),
                "heads": sorted(task.scripts.heads),
                "revisions": rows,
            }
        )
        lines.append(f"{_subject(task, context)} is at {_where(task)}")
        for row in rows:
            lines.append(f"  {row['state']:8} {row['revision']} {row['title']}".rstrip())
            lines += [f"           {text}" for text in _told_of(row)]
    return [json.dumps({"databases": results})] if options.as_json else lines


def _row(task: Task, revision: str, pending: Collection[str], entry: Entry | None) -> dict[str, Any]:
    """Return what is known of one revision: from the database, and from the journal as far as it agrees."""
    state = "pending" if revision in pending else "applied"
    row: dict[str, Any] = {
        "revision": revision,
        "title": task.scripts.title(revision).removeprefix(revision).strip(),
        "state": state,
    }
    if entry is None or entry.direction != "up":
        return row
    if state == "applied" and entry.state in ("done", "running"):
        row |= {"at": entry.began_at, "by": entry.by(), "duration_s": entry.duration_s, "note": entry.error}
    elif state == "pending" and entry.is_dirty():
        row |= {"state": "dirty", "at": entry.began_at, "by": entry.by(), "note": entry.error}
    elif state == "pending" and entry.state == "failed":
        row |= {"state": "failed", "at": entry.began_at, "by": entry.by(), "note": entry.error}
    return row


def _told_of(row: dict[str, Any]) -> list[str]:
    """Return what is said below a revision's own line."""
    if "at" not in row:
        return []
    took = f" in {row['duration_s']:.2f} s" if row.get("duration_s") else ""
    return [f"{row['at']} UTC by {row['by']}{took}", *([shortened(row["note"])] if row["note"] else [])]


def _result(task: Task, options: Options) -> dict[str, Any]:
    return {
        "database": task.name,
        "at": sorted(task.heads()),
        "heads": sorted(task.scripts.heads),
        "applied": task.progress.applied,
        "would_apply": task.progress.planned,
        "dry_run": options.dry_run,
    }


def _sentences(task: Task, options: Options) -> list[str]:
    if task.progress.said:
        return task.progress.said
    if options.dry_run and task.progress.planned:
        return [
            f"the database is at {_where(task)}; {count_of(len(task.progress.planned))} would be applied:",
            *(f"  {task.scripts.title(revision)}" for revision in task.progress.planned),
        ]
    if not task.progress.applied:
        return [f"nothing to do: the database is at {_where(task)}"]
    done = "undid" if options.action == "down" else "applied"
    return [f"database is at {_where(task)}: {done} {count_of(len(task.progress.applied))}"]


def _where(task: Task) -> str:
    """Return the heads and how far that is from the release's own."""
    heads = task.heads()
    if task.progress.is_ahead:
        return f"{told(heads)} (ahead of this release)"
    behind = len(task.scripts.pending(heads))
    return f"{told(heads)} ({f'{count_of(behind)} behind head' if behind else 'head'})"


def _subject(task: Task, context: Context) -> str:
    return "the database" if len(context.manifest.migrations) == 1 else f"the database {task.name}"
