"""Which operations of a revision are known to hurt, and what does the same without harm?

Pure: the operations come from `recorder.py`. A rule keeps its number for good; `release = {"lint_ok": ["M101"]}` in the
revision's file accepts it there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Operation = Mapping[str, Any]

_CHANGES_SCHEMA = re.compile(r"\s*(ALTER|CREATE|DROP|RENAME|TRUNCATE)\b", re.IGNORECASE)
_CHANGES_DATA = re.compile(r"\s*(UPDATE|DELETE|INSERT|REPLACE|MERGE)\b", re.IGNORECASE)
_UNBOUNDED = re.compile(r"\s*(UPDATE|DELETE)\b(?!.*\bWHERE\b)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One operation, or revision, that one rule has something against."""

    rule: str
    """Such as M101."""
    revision: str
    path: str
    line: int
    """From 1; 0 for the whole file."""
    what: str
    instead: str
    """What does the same without harm."""

    def sentence(self) -> str:
        """Return the finding on one line, without what to do instead."""
        return f"{self.path}:{self.line or 1}: {self.rule}: {self.what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    number: str
    dialects: tuple[str, ...]
    matches: Callable[[Operation], bool]
    what: str
    """With {name} and {table}."""
    instead: str
    in_new_tables: bool = False
    """Whether it counts for tables that the revision itself has created."""
    in_post: bool = True
    """Whether it counts in a revision of phase post."""


_ALL = ("postgresql", "mysql", "sqlite")
_PG = ("postgresql",)
_RULES = (
    _Rule(
        number="M101",
        dialects=_PG,
        matches=lambda op: op["kind"] == "CreateIndex" and not op["concurrently"],
        what="building the index {name} stops all writing to {table}",
        instead="with op.get_context().autocommit_block(): op.create_index(..., postgresql_concurrently=True)",
    ),
    _Rule(
        number="M102",
        dialects=_PG,
        matches=lambda op: op["concurrently"] and not op["autocommit"],
        what="the index {name} cannot be built or dropped CONCURRENTLY within a transaction",
        instead="put it into: with op.get_context().autocommit_block():",
        in_new_tables=True,
    ),
    _Rule(
        number="M103",
        dialects=_PG,
        matches=lambda op: op["kind"] in ("CreateForeignKey", "CreateCheckConstraint") and not op["not_valid"],
        what="checking the constraint {name} on all rows stops all writing to {table}",
        instead="postgresql_not_valid=True here, and ALTER TABLE ... VALIDATE CONSTRAINT in a revision after it",
    ),
    _Rule(
        number="M104",
        dialects=_PG,
        matches=lambda op: op["kind"] in ("CreateUniqueConstraint", "CreatePrimaryKey"),
        what="building the index of the constraint {name} stops everything that uses {table}",
        instead="create a unique index concurrently, then ALTER TABLE ... ADD CONSTRAINT ... USING INDEX",
    ),
    _Rule(
        number="M201",
        dialects=_ALL,
        matches=lambda op: op["kind"] == "AddColumn" and op["is_required"] and not op["has_default"],
        what="{table}.{name} must be filled and has no default: it fails on rows that exist, and in the old code",
        instead="a server_default; or let it be empty, fill it, and require it in a later release",
    ),
    _Rule(
        number="M202",
        dialects=_PG,
        matches=lambda op: op["kind"] == "AlterColumn" and op["sets_required"],
        what="NOT NULL on {table}.{name} reads all rows while nobody can use the table",
        instead="a check constraint {name} IS NOT NULL, not valid, then validated; then NOT NULL, then drop it",
    ),
    _Rule(
        number="M203",
        dialects=("postgresql", "mysql"),
        matches=lambda op: op["kind"] == "AlterColumn" and op["sets_type"],
        what="another type of {table}.{name} may write the whole table anew while nobody can use it",
        instead="a new column of that type, filled by the app and in batches, and a switch in a later release",
    ),
    _Rule(
        number="M301",
        dialects=_ALL,
        matches=lambda op: op["kind"] == "DropTable",
        what="dropping {table} breaks the old code while both run",
        instead='a release that does not use it any more, then release = {{"phase": "post"}}',
        in_post=False,
    ),
    _Rule(
        number="M302",
        dialects=_ALL,
        matches=lambda op: op["kind"] == "DropColumn",
        what="dropping {table}.{name} breaks the old code while both run",
        instead='a release that does not use it any more, then release = {{"phase": "post"}}',
        in_post=False,
    ),
    _Rule(
        number="M303",
        dialects=_ALL,
        matches=lambda op: op["renames"],
        what="renaming {table} or its column {name} breaks the old code at once, and before it the new code",
        instead="add the new one, let the app write both, move the data, drop the old one in phase post",
    ),
    _Rule(
        number="M601",
        dialects=("sqlite",),
        matches=lambda op: (
            op["kind"] in ("AlterColumn", "CreateForeignKey", "CreateUniqueConstraint", "DropConstraint")
            and not op["batch"]
        ),
        what="SQLite cannot change {table} like this",
        instead="with op.batch_alter_table({table!r}) as batch:",
    ),
)


def lint(recorded: Mapping[str, Any], dialect: str) -> tuple[Finding, ...]:
    """Return what there is against one recorded revision, by line, without what its author accepts."""
    said = recorded.get("release") or {}
    path, revision, operations = recorded["path"], recorded["revision"], recorded["operations"]
    is_post = said.get("phase") == "post"
    new_tables: set[str] = set()
    findings: list[Finding] = []
    for operation in operations:
        if operation["kind"] == "CreateTable":
            new_tables.add(operation["table"])
        for rule in _RULES:
            if dialect not in rule.dialects or not rule.matches(operation):
                continue
            if (operation["table"] in new_tables and not rule.in_new_tables) or (is_post and not rule.in_post):
                continue
            names = {"name": operation["name"] or "without a name", "table": operation["table"]}
            findings.append(
                Finding(
                    rule=rule.number,
                    revision=revision,
                    path=path,
                    line=operation["line"],
                    what=rule.what.format(**names),
                    instead=rule.instead.format(**names),
                )
            )
    findings += _of_the_whole(path, revision, operations, dialect, new_tables)
    if recorded["problem"]:
        findings.append(
            Finding(
                rule="M901",
                revision=revision,
                path=path,
                line=0,
                what=f"cannot be followed without a database: {recorded['problem']}",
                instead="look at it with care",
            )
        )
    accepted = set(said.get("lint_ok", ()))
    return tuple(sorted((one for one in findings if one.rule not in accepted), key=lambda one: (one.line, one.rule)))


def _of_the_whole(
    path: str, revision: str, operations: Sequence[Operation], dialect: str, new_tables: set[str]
) -> list[Finding]:
    """Return what is only wrong with operations together."""
    findings = []
    schema = [operation for operation in operations if _is_schema(operation)]
    data = [operation for operation in operations if _CHANGES_DATA.match(operation["sql"])]
    for operation in operations:
        if schema and _UNBOUNDED.match(operation["sql"]) and not _names(operation["sql"], new_tables):
            findings.append(
                Finding(
                    rule="M401",
                    revision=revision,
                    path=path,
                    line=operation["line"],
                    what="all rows are changed in the transaction that changes the schema, and nobody can use them",
                    instead="a revision of its own, in batches",
                )
            )
    kept = [operation for operation in operations if operation["autocommit"]]
    if dialect == "mysql" and (len(schema) > 1 or (schema and data)):
        findings.append(
            Finding(
                rule="M501",
                revision=revision,
                path=path,
                line=schema[0]["line"],
                what=f"{len(schema)} changes of the schema commit by themselves: a failure half-way is not rolled back",
                instead="one change of the schema in a revision, data in another",
            )
        )
    elif dialect == "postgresql" and kept and len(kept) < len(operations):
        findings.append(
            Finding(
                rule="M501",
                revision=revision,
                path=path,
                line=kept[0]["line"],
                what="an autocommit block commits what came before it: a failure after it is not rolled back",
                instead="the block alone in a revision",
            )
        )
    return findings


def _is_schema(operation: Operation) -> bool:
    if operation["kind"] in ("ExecuteSQL", "BulkInsert"):
        return bool(_CHANGES_SCHEMA.match(operation["sql"]))
    return True


def _names(sql: str, tables: set[str]) -> bool:
    """Tell whether a statement names one of the tables."""
    return any(re.search(rf"\b{re.escape(table)}\b", sql) for table in tables)
