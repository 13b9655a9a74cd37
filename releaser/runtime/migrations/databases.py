"""Which databases of the release are meant, and what comes of them: one after the other, in the manifest's order.

One that fails stops those behind it, and its exit code is the command's. Alembic is imported for the first one that
has something to do, and not before.
"""

from __future__ import annotations

from ..release.failures import USAGE, Failure
from .check import is_at_heads
from .failures import PENDING
from .lasting import lasting
from .output.report import Report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ..release.context import Context
    from ..release.manifest import Migrations
    from .options import Options
    from .output.report import Tolerant
    from .sessions.signals import Signals


def chosen(records: Sequence[Migrations], options: Options, command: str) -> list[Migrations]:
    """Return the databases that `options` names, all of them if it names none, in the manifest's order.

    Raises:
        Failure: there is no such database, or one has to be named; exit code 2.
    """
    known = [record.name for record in records]
    for name in options.names:
        if name not in known:
            raise _unknown(name, known, command)
    found = [record for record in records if record.name in options.names or not options.names]
    if options.tenant:
        found = [record for record in found if record.targets]
        if not found:
            raise Failure(
                f"cannot run {command}: no database that is meant has tenants (`targets`)",
                USAGE,
                now="nothing was migrated",
            )
    if len(found) > 1 and (options.to != "head" or options.action != "apply" or options.tenant):
        raise Failure(
            f"cannot run {command}: {', '.join(record.name for record in found)} have each a line of revisions",
            USAGE,
            now="nothing was migrated",
            hint=f"name one: {command} {found[0].name} ...",
        )
    return found


def run(
    context: Context,
    command: str,
    wanted: Sequence[tuple[Migrations, str]],
    options: Options,
    signals: Signals,
    output: Tolerant,
    applied: list[dict[str, Any]],
) -> list[str]:
    """Carry out `command`, migrate or migrations, for each database and its URL; return the lines of the result.

    Progress goes to `output`. What was applied is added to `applied`, also when it fails.

    Raises:
        Failure: one of them failed; it is told which ones are done, and which were not begun.
    """
    names = [record.name for record, _ in wanted]
    results: list[dict[str, Any]] = []
    lines: list[str] = []
    for number, (record, url) in enumerate(wanted):
        prefix = f"{record.name}: " if len(names) > 1 else ""
        report = Report(output, prefix)
        try:
            if record.targets:
                from .tenants.tenants import Tenants

                result, told = Tenants(context, command, record, url, options, report).go(signals, applied)
            else:
                result, told = _one(context, command, record, url, options, signals, report, applied)
        except Failure as failure:
            if len(names) > 1:
                _tell_the_others(failure, record.name, names[:number], names[number + 1 :])
            if hasattr(failure, "result") and options.as_json:
                print(_as_json([*results, failure.result]))
            raise
        results.append(result)
        lines += [f"-- {record.name}"] if prefix and options.sql else []
        lines += [line if options.sql or line.startswith(" ") else f"{prefix}{line}" for line in told]
    if options.check:
        _refuse_pending(context, results, lines)
    return [_as_json(results)] if options.as_json else lines


def _as_json(results: Sequence[dict[str, Any]]) -> str:
    import json

    return json.dumps({"databases": results})


def _one(
    context: Context,
    command: str,
    record: Migrations,
    url: str,
    options: Options,
    signals: Signals,
    report: Report,
    applied: list[dict[str, Any]],
) -> tuple[dict[str, Any], list[str]]:
    if record.command is not None:
        from . import by_command

        if command == "migrate":
            return by_command.migrate_by_command(context, record, url, options, signals, report, applied)
        return by_command.migrations(context, record, report)
    if command == "migrate" and (options.action, options.to) == ("apply", "head") and is_at_heads([record], [url]):
        return _nothing_to_do(record, options)
    with lasting():
        from . import results

    if command == "migrate":
        revisions: list[str] = []
        try:
            return results.migrate_database(context, record, url, options, signals, report, revisions)
        finally:
            if revisions:
                applied.append({"database": record.name, "target": "", "revisions": revisions, **options.direction()})
    return results.migrations(context, record, url, options, signals, report)


def _nothing_to_do(record: Migrations, options: Options) -> tuple[dict[str, Any], list[str]]:
    """Return what `migration_told.migrate` returns when nothing is pending."""
    heads = sorted(record.heads)
    result = {"database": record.name, "at": heads, "heads": heads, "applied": [], "would_apply": []}
    lines = [f"nothing to do: the database is at {', '.join(heads)} (head)"]
    return {**result, "dry_run": options.is_dry_run}, lines


def _tell_the_others(failure: Failure, name: str, done: Sequence[str], left: Sequence[str]) -> None:
    """Add to a failure which database it is about, and what is true of the others."""
    failure.message = f"{name}: {failure.message}"
    parts = [failure.now] if failure.now else []
    if done:
        parts.append(f"done before it: {', '.join(done)}")
    if left:
        parts.append(f"not begun: {', '.join(left)}")
    failure.now = "; ".join(parts)


def _refuse_pending(context: Context, results: Sequence[dict[str, Any]], lines: Sequence[str]) -> None:
    """Raise the failure that `--check` ends with if something is pending."""
    single = [each for result in results for each in result.get("targets", [result])]
    pending = sum(len(each.get("would_apply", ())) for each in single)
    if pending:
        raise Failure(
            "1 revision is pending" if pending == 1 else f"{pending} revisions are pending",
            PENDING,
            details=tuple(line for line in lines if line.startswith("  ") or len(single) > 1),
            now="nothing was migrated",
            hint=f"bin/{context.name} migrate applies them",
        )


def _unknown(name: str, known: Sequence[str], command: str) -> Failure:
    import difflib

    near = difflib.get_close_matches(name, known, n=1)
    return Failure(
        f"cannot run {command}: this release has no database '{name}'",
        USAGE,
        now="nothing was migrated",
        hint=f"did you mean '{near[0]}'?" if near else f"it has {', '.join(known)}",
    )
