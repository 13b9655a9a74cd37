"""How the result of a migration is told: what came of one database, as sentences and for JSON.

Runs inside the app's bundle, after `releaser.runtime.bundle.activation.activate`.
"""

from __future__ import annotations

from .database.progress import count_of, told
from .database.task import Task
from .lasting import lasting
from .listing import list_revisions, told_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..release.context import Context
    from ..release.manifest import Migrations
    from .options import Options
    from .output.report import Report
    from .sessions.signals import Signals
    from .tenants.tenant import Tenant


def migrate_database(
    context: Context,
    record: Migrations,
    url: str,
    options: Options,
    signals: Signals,
    report: Report,
    applied: list[str],
    tenant: Tenant | None = None,
) -> tuple[dict[str, Any], list[str]]:
    """Migrate one database; return the result for machines and its lines for people.

    The revisions that were applied are added to `applied`, also when it fails.

    Raises:
        Failure: it did not work.
    """
    with lasting():
        task = Task(context, record, url, options, report, tenant)
    try:
        task.go(signals)
    finally:
        applied += task.progress.applied
    return _result(task, options), task.sql() if options.sql and task.progress.planned else _sentences(task, options)


def migrations(
    context: Context,
    record: Migrations,
    url: str,
    options: Options,
    signals: Signals,
    report: Report,
    tenant: Tenant | None = None,
) -> tuple[dict[str, Any], list[str]]:
    """Return the revisions of one database and whether they are applied, for machines and as lines.

    Raises:
        Failure: the database cannot be asked.
    """
    with lasting():
        task = Task(context, record, url, options, report, tenant)
    task.go(signals)
    rows = list_revisions(task)
    lines = [f"the database is at {_where(task)}", *told_of(rows)]
    at = {"database": task.name, "at": sorted(task.heads()), "heads": sorted(task.scripts.heads)}
    return {**at, "revisions": rows}, lines


def _result(task: Task, options: Options) -> dict[str, Any]:
    return {
        "database": task.name,
        "at": sorted(task.heads()),
        "heads": sorted(task.scripts.heads),
        "applied": task.progress.applied,
        "would_apply": task.progress.planned,
        "dry_run": options.is_dry_run,
    }


def _sentences(task: Task, options: Options) -> list[str]:
    if task.progress.told:
        return task.progress.told
    if options.is_dry_run and task.progress.planned:
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
