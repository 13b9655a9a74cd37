"""What comes of a database with tenants: each in a process of its own, some at a time, and a table at the end.

A tenant that is known to be at its heads is not given a process. One that fails does not stop the others, unless the
setting `on_failure` is "stop"; the command fails in the end.
"""

from __future__ import annotations

from ...release.failures import DAMAGED, FAILED, USAGE, Failure
from ...release.manifest import Migrations
from ..check import is_at_heads
from ..failures import Interrupted
from ..output.report import Unheard
from ..sessions.signals import LIMIT_OF_PARENT_S, Work
from .pool import Runner, run_all
from .summary import NOT_BEGUN, count_of, state_of, table
from .tenant import Tenant, only

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ...release.context import Context
    from ..options import Options
    from ..output.report import Report
    from ..sessions.signals import Signals

_ABOUT_ONE = ("resolve", "unlock", "down")


class _OfTargets(Work):
    """Targets that are being migrated: each of their processes has the limit of one, and this one has to hear it."""

    limit_s = LIMIT_OF_PARENT_S

    def __init__(self, report: Report) -> None:
        self._report = report

    def doing(self) -> str:
        return "each tenant that is at work rolls back"

    def before_a_line(self) -> str:
        return self._report.before_a_line()

    def known(self) -> tuple[str, str]:
        return "the processes of the tenants are ended with this one; what they have committed stays", ""


class TenantsFailed(Failure):
    """Some tenants failed; `result` is what is known of all of them."""

    result: dict[str, Any]


class Tenants:
    """The tenants of one database, and one command for them."""

    def __init__(
        self, context: Context, command: str, record: Migrations, url: str, options: Options, report: Report
    ) -> None:
        self._context = context
        self._command = command
        self._record = record
        self._url = url
        self._options = options
        self._report = report
        self._rows: dict[str, dict[str, Any]] = {}
        self._lines: dict[str, list[str]] = {}
        self._failures: dict[str, Failure] = {}

    def go(self, signals: Signals, applied: list[dict[str, Any]]) -> tuple[dict[str, Any], list[str]]:
        """Carry the command out; return the result for machines and its lines for people.

        What was applied is added to `applied`, also when it fails.

        Raises:
            TargetsFailed: some of them failed, or the command was interrupted.
            Failure: there is no list of tenants, or none of the name that was asked for.
        """
        if self._options.action in _ABOUT_ONE and not self._options.tenant:
            raise Failure(
                f"cannot {self._options.action} for every tenant of {self._record.name} at once",
                USAGE,
                now="nothing was migrated",
                hint="--target NAME takes one of them",
            )
        tenants = only(self._ask(), self._options.tenant)
        self._check_distinct(tenants)
        for tenant in tenants:
            self._rows[tenant.name] = {"target": tenant.name, "state": NOT_BEGUN, "at": [], "applied": []}
        interrupted = 0
        try:
            with signals.during(_OfTargets(self._report)):
                self._run(tenants)
        except Interrupted as error:
            interrupted = error.number
        except Unheard:
            raise Failure(
                "stopped: whoever asked for the migration has gone", now="each tenant is at a whole revision"
            ) from None
        finally:
            direction = self._options.direction()
            applied += [
                {"database": self._record.name, "target": name, "revisions": row["applied"], **direction}
                for name, row in self._rows.items()
                if row["applied"]
            ]
        if interrupted or self._failures:
            raise self._failed(interrupted)
        return self._result(), self._told(tenants)

    def _ask(self) -> list[Tenant]:
        """Return the tenants, from a process of their own.

        Raises:
            Failure: the callable failed, took too long, or returned something else.
        """
        function = self._record.targets
        runner = Runner("", "_tenants", {"function": function})
        run_all(
            self._context,
            [runner],
            at_once=1,
            on_line=lambda runner, line: self._report.line(f"{function}: {line}"),
            on_end=lambda runner: True,
            check_heard=self._report.check_heard,
            timeout_s=self._record.targets_timeout_s,
        )
        if "targets" in runner.answer:
            return [Tenant(**each) for each in runner.answer["targets"]]
        if "failure" in runner.answer:
            raise _failure_of(runner.answer["failure"])
        why = f"{function} ended its process with exit code {runner.exit_code}"
        if runner.is_late:
            why = f"{function} did not return within {self._record.targets_timeout_s:g} s"
        raise Failure(f"cannot ask for the tenants: {why}", DAMAGED, now="nothing was migrated")

    def _check_distinct(self, tenants: Sequence[Tenant]) -> None:
        """Refuse tenants that env.py cannot tell apart.

        Raises:
            Failure: it connects to one URL and reads no name, and two tenants have the same.
        """
        if not self._record.url_is_used:
            return
        seen: dict[tuple[str, str], str] = {}
        for tenant in tenants:
            place = (tenant.url or self._url, tenant.schema)
            if place in seen:
                raise Failure(
                    f"the tenants {seen[place]} and {tenant.name} are the same database",
                    DAMAGED,
                    now="nothing was migrated",
                    hint="give each an url or a schema, or have env.py read context.get_x_argument",
                )
            seen[place] = tenant.name

    def _run(self, tenants: Sequence[Tenant]) -> None:
        runners = []
        for tenant in tenants:
            self._report.check_heard()
            if self._is_at_heads(tenant):
                heads = sorted(self._record.heads)
                self._rows[tenant.name] |= {"state": "nothing to do", "at": heads, "would_apply": []}
                self._lines[tenant.name] = [f"nothing to do: the database is at {', '.join(heads)} (head)"]
                continue
            order = {
                "command": self._command,
                "database": self._record.name,
                "url": tenant.url or self._url,
                "target": tenant.to_dict(),
                "options": self._options.to_dict(),
            }
            runners.append(Runner(tenant.name, "_tenant", order))
        run_all(
            self._context,
            runners,
            at_once=self._record.targets_at_once,
            on_line=lambda runner, line: self._report.line(f"{runner.name}: {line}"),
            on_end=self._note,
            check_heard=self._report.check_heard,
        )

    def _is_at_heads(self, tenant: Tenant) -> bool:
        options = self._options
        if self._command != "migrate" or (options.action, options.to) != ("apply", "head"):
            return False
        record = self._record
        if tenant.schema:
            record = Migrations(**{**record.to_dict(), "version_table_schema": tenant.schema})
        return is_at_heads([record], [tenant.url or self._url])

    def _note(self, runner: Runner) -> bool:
        """Note what came of a tenant; tell whether others may still begin."""
        row = self._rows[runner.name]
        row["applied"] = runner.answer.get("applied", [])
        if "result" in runner.answer:
            result = runner.answer["result"]
            row |= {name: value for name, value in result.items() if name not in ("database", "heads", "dry_run")}
            self._lines[runner.name] = runner.answer["lines"]
            row["state"] = state_of(row, self._options)
            return True
        failure = Failure(f"its process ended with exit code {runner.exit_code} and gave no answer", FAILED)
        if "failure" in runner.answer:
            failure = _failure_of(runner.answer["failure"])
        self._failures[runner.name] = failure
        row |= {"state": "failed", "exit_code": failure.exit_code, "error": failure.message, "now": failure.now}
        return self._record.on_failure != "stop"

    def _result(self) -> dict[str, Any]:
        rows = list(self._rows.values())

        def union(name: str) -> list[str]:
            return sorted({revision for row in rows for revision in row.get(name, ())})

        result = {"database": self._record.name, "at": union("at"), "heads": sorted(self._record.heads)}
        if self._command == "migrate":
            result |= {"applied": union("applied"), "would_apply": union("would_apply")}
            return {**result, "dry_run": self._options.is_dry_run, "targets": rows}
        return {**result, "targets": rows}

    def _told(self, tenants: Sequence[Tenant]) -> list[str]:
        """Return the result for people: of one tenant all of it, of many a table."""
        if self._options.sql:
            return [line for tenant in tenants for line in (f"-- {tenant.name}", *self._lines[tenant.name])]
        if self._options.tenant:
            return self._lines[self._options.tenant]
        if not tenants:
            return [f"nothing to do: {self._record.targets} returned no tenants"]
        return table(list(self._rows.values()), self._record.heads)

    def _failed(self, interrupted: int) -> TenantsFailed:
        rows = list(self._rows.values())
        for line in table(rows, self._record.heads):
            self._report.line(line)
        details = []
        for name, failure in self._failures.items():
            details += [f"{name}: {failure.message}", *(f"  {detail}" for detail in failure.details)]
            details += [f"  now: {failure.now}"] if failure.now else []
            details += [f"    hint: {failure.hint}"] if failure.hint else []
        codes = {failure.exit_code for failure in self._failures.values()}
        message = f"{len(self._failures)} of {count_of(len(rows))} failed"
        exit_code = codes.pop() if len(codes) == 1 else FAILED
        if interrupted:
            message, exit_code = f"interrupted by {Interrupted(interrupted)}", 128 + interrupted
        left = sum(row["state"] == NOT_BEGUN for row in rows)
        good = len(rows) - left - len(self._failures)
        found = TenantsFailed(
            message,
            exit_code,
            tuple(details),
            now=f"{count_of(good)} done, {left} not begun; each of the others is as said above",
            hint=f"bin/{self._context.name} {self._command} {self._record.name} goes on where this one stopped",
        )
        found.result = self._result()
        return found


def _failure_of(told: dict[str, Any]) -> Failure:
    return Failure(**{**told, "details": tuple(told["details"])})
