"""What is there against a line of recorded revisions, and on which of them may the release before still run?

Pure. The revisions are judged in their order, since one may have prepared what another does: NOT NULL reads no row of a
column on which a validated check says the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .rules import RULES, Finding, Operation, Rule, Seen
from .statements import operations_of

_SCHEMA = (
    *("AddColumn", "DropColumn", "AlterColumn", "RenameTable", "RenameColumn", "CreateTable", "DropTable"),
    *("CreateIndex", "DropIndex", "CreateForeignKey", "CreateCheckConstraint", "CreateUniqueConstraint"),
    *("CreatePrimaryKey", "DropConstraint", "CreateExcludeConstraint", "ValidateConstraint", "AddEnumValue"),
    *("CreateTableComment", "DropTableComment", "Other"),
)
_GOES_UNNOTICED = (
    *("CreateTable", "AddColumn", "ValidateConstraint", "CreateTableComment", "DropTableComment", "Harmless"),
    *("SkipForeignKeyChecks", "KeepForeignKeyChecks"),
)
_CHANGES_SCHEMA = re.compile(r"\s*(ALTER|CREATE|DROP|RENAME|TRUNCATE)\b", re.IGNORECASE)
_CHANGES_DATA = re.compile(r"\s*(UPDATE|DELETE|INSERT|REPLACE|MERGE)\b", re.IGNORECASE)
_UNBOUNDED = re.compile(r"\s*(UPDATE|DELETE)\b(?!.*\bWHERE\b)", re.IGNORECASE | re.DOTALL)
_IS_NOT_NULL = re.compile(r"[\s(\"`]*(\w+)[\"`]?\s+IS\s+NOT\s+NULL[\s)]*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What is known of one revision."""

    revision: str
    findings: tuple[Finding, ...]
    """By line, without what its author accepts."""
    compatible: bool | None
    """Whether the release before may run on the database with it, as its author says, or else as its operations tell;
    None: nobody can tell but the author."""
    phase: str
    path: str


def judge(line: Iterable[Mapping[str, Any]], dialect: str, accepted: Iterable[str] = ()) -> tuple[Judgement, ...]:
    """Return what there is to say of each recorded revision of a line, from the base on.

    `accepted` are rules that are accepted in all of them.
    """
    seen = Seen()
    judgements = []
    for recorded in line:
        judgement, seen = _judged(recorded, dialect, frozenset(accepted), seen)
        judgements.append(judgement)
    return tuple(judgements)


def _judged(recorded: Mapping[str, Any], dialect: str, accepted: frozenset[str], seen: Seen) -> tuple[Judgement, Seen]:
    said = recorded.get("release") or {}
    phase = said.get("phase", "pre")
    path, revision = recorded["path"], recorded["revision"]
    operations = _told(recorded["operations"])
    new_tables: set[str] = set()
    findings: list[Finding] = []
    breaks = False

    def add(rule: str, line: int, what: str, instead: str) -> None:
        findings.append(Finding(rule=rule, revision=revision, path=path, line=line, what=what, instead=instead))

    for operation in operations:
        if operation["kind"] == "CreateTable":
            new_tables.add(operation["table"])
        for rule in RULES:
            if not _counts(rule, operation, seen, dialect, new_tables):
                continue
            breaks |= rule.breaks_old_code
            if rule.in_post or phase != "post":
                names = {"name": operation["name"] or "without a name", "table": operation["table"]}
                add(rule.number, operation["line"], rule.what.format(**names), rule.instead.format(**names))
        seen = _after(operation, seen)
    _of_the_whole(operations, dialect, new_tables, add)
    if recorded["problem"]:
        what = f"cannot be followed without a database: {recorded['problem']}"
        add("M901", 0, what, "look at it with care")
    known = accepted | set(said.get("lint_ok", ()))
    findings.sort(key=lambda one: (one.line, one.rule))
    compatible = said.get("compatible")
    if compatible is None and not recorded["problem"]:
        goes_unnoticed = all(_goes_unnoticed(operation, new_tables) for operation in operations)
        compatible = False if breaks else True if goes_unnoticed else None
    judgement = Judgement(
        revision=revision,
        findings=tuple(one for one in findings if one.rule not in known),
        compatible=compatible,
        phase=phase,
        path=path,
    )
    return judgement, replace(seen, made_here=frozenset(), skips_foreign_keys=False)


def _told(operations: Sequence[Operation]) -> list[Operation]:
    """Return the operations, with what is known of a text in its place."""
    told: list[Operation] = []
    for operation in operations:
        if operation["kind"] != "ExecuteSQL":
            told.append(operation)
            continue
        where = {name: operation[name] for name in ("line", "autocommit", "batch")}
        told += [{**one, **where} for one in operations_of(operation["sql"])]
    return told


def _counts(rule: Rule, operation: Operation, seen: Seen, dialect: str, new_tables: set[str]) -> bool:
    if dialect not in rule.dialects or (operation["table"] in new_tables and not rule.in_new_tables):
        return False
    return rule.matches(operation, seen)


def _after(operation: Operation, seen: Seen) -> Seen:
    """Return what has been done once `operation` is."""
    kind, table, name = operation["kind"], operation["table"], operation["name"]
    match kind:
        case "CreateCheckConstraint":
            column = _IS_NOT_NULL.match(operation["condition"])
            here = seen.made_here | ({(table, name)} if operation["not_valid"] else frozenset())
            seen = replace(seen, made_here=here)
            if column is None:
                return seen
            if operation["not_valid"]:
                return replace(seen, waiting=seen.waiting | {(table, name, column[1])})
            return replace(seen, not_null=seen.not_null | {(table, column[1])})
        case "CreateForeignKey" if operation["not_valid"]:
            return replace(seen, made_here=seen.made_here | {(table, name)})
        case "ValidateConstraint":
            found = {(where, column) for where, check, column in seen.waiting if (where, check) == (table, name)}
            return replace(seen, not_null=seen.not_null | found)
        case "SkipForeignKeyChecks" | "KeepForeignKeyChecks":
            return replace(seen, skips_foreign_keys=kind == "SkipForeignKeyChecks")
        case _:
            return seen


def _goes_unnoticed(operation: Operation, new_tables: set[str]) -> bool:
    """Tell whether code that knows nothing of it reads and writes as before."""
    kind = operation["kind"]
    if operation["table"] in new_tables:
        return not operation["renames"]
    if kind == "CreateIndex":
        return not operation["is_unique"]
    return kind in _GOES_UNNOTICED or bool(operation["only_comments"]) or _is_about_new(operation, new_tables)


def _is_about_new(operation: Operation, new_tables: set[str]) -> bool:
    """Tell whether a statement fills a table that the revision itself has made."""
    found = re.match(r"\s*INSERT\s+INTO\s+[\"`]?(\w+)", operation["sql"], re.IGNORECASE)
    return found is not None and found[1] in new_tables


def _of_the_whole(
    operations: Sequence[Operation], dialect: str, new_tables: set[str], add: Callable[[str, int, str, str], None]
) -> None:
    """Add what is only wrong with operations together."""
    schema = [operation for operation in operations if _is_schema(operation)]
    data = [operation for operation in operations if _is_data(operation)]
    for operation in operations:
        if schema and _UNBOUNDED.match(operation["sql"]) and not _names(operation["sql"], new_tables):
            add(
                "M401",
                operation["line"],
                "all rows are changed in the transaction that changes the schema, and nobody can use them",
                "a revision of its own, in batches",
            )
    kept = [operation for operation in operations if operation["autocommit"]]
    if dialect == "mysql" and (len(schema) > 1 or (schema and data)):
        add(
            "M501",
            schema[0]["line"],
            f"{len(schema)} changes of the schema commit by themselves: a failure half-way is not rolled back"
            if len(schema) > 1
            else "the change of the schema commits by itself: a failure half-way is not rolled back",
            "one change of the schema in a revision, data in another",
        )
    elif dialect == "postgresql" and kept and any(_is_undone(operation) for operation in operations):
        add(
            "M501",
            kept[0]["line"],
            "an autocommit block commits what came before it: a failure after it is not rolled back",
            "the block alone in a revision",
        )


def _is_undone(operation: Operation) -> bool:
    return not operation["autocommit"] and operation["kind"] != "Harmless"


def _is_schema(operation: Operation) -> bool:
    return operation["kind"] in _SCHEMA or bool(_CHANGES_SCHEMA.match(operation["sql"]))


def _is_data(operation: Operation) -> bool:
    return operation["kind"] == "BulkInsert" or bool(_CHANGES_DATA.match(operation["sql"]))


def _names(sql: str, tables: set[str]) -> bool:
    """Tell whether a statement names one of the tables."""
    return any(re.search(rf"\b{re.escape(table)}\b", sql) for table in tables)
