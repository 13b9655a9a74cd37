"""Which operations of a revision are known to hurt, and what does the same without harm?

Pure: the operations come from `recorder.py`, and `judge.py` holds them against these rules. A rule keeps its number for
good; `release = {"lint_ok": ["M101"]}` in the revision's file accepts it there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Operation = Mapping[str, Any]

ALL = ("postgresql", "mysql", "sqlite")
_PG = ("postgresql",)
_VOLATILE = re.compile(r"\b(random|clock_timestamp|timeofday|nextval|gen_random\w*|uuid_generate\w*|uuidv\d)\b", re.I)
_CONSTANT = re.compile(r"\(*\s*('(?:[^']|'')*'|[-+]?[\d.]+|null|true|false)\s*\)*(::[\w ]+)?$", re.IGNORECASE)
_TEXT = re.compile(r"(?:VARCHAR|CHARACTER VARYING)\s*\((\d+)\)$", re.IGNORECASE)
_IN_BATCHES_ONLY = (
    *("AlterColumn", "CreateForeignKey", "CreateUniqueConstraint", "DropConstraint", "CreateCheckConstraint"),
    "CreatePrimaryKey",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One operation, or revision, that one rule has something against."""

    rule: str
    """Such as M101; one of squawk's has a name."""
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
class Seen:
    """What the line of revisions has done before the operation at hand."""

    not_null: frozenset[tuple[str, str]] = frozenset()
    """Tables and columns that a validated check keeps from being NULL."""
    waiting: frozenset[tuple[str, str, str]] = frozenset()
    """Tables, constraints and columns of such checks that are not validated yet."""
    made_here: frozenset[tuple[str, str]] = frozenset()
    """Tables and constraints that this revision has added without looking at the rows."""
    skips_foreign_keys: bool = False
    """Whether this revision has told MySQL not to check foreign keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What is held against each operation by itself."""

    number: str
    dialects: tuple[str, ...]
    matches: Callable[[Operation, Seen], bool]
    what: str
    """With {name} and {table}."""
    instead: str
    in_new_tables: bool = False
    """Whether it counts for tables that the revision itself has created."""
    in_post: bool = True
    """Whether it counts in a revision of phase post."""
    breaks_old_code: bool = False
    """Whether the release before cannot run on the database with it."""


RULES = (
    Rule(
        number="M101",
        dialects=_PG,
        matches=lambda op, seen: op["kind"] == "CreateIndex" and not op["concurrently"],
        what="building the index {name} stops all writing to {table}",
        instead="with op.get_context().autocommit_block(): op.create_index(..., postgresql_concurrently=True)",
    ),
    Rule(
        number="M102",
        dialects=_PG,
        matches=lambda op, seen: op["concurrently"] and not op["autocommit"],
        what="the index {name} cannot be built or dropped CONCURRENTLY within a transaction",
        instead="put it into: with op.get_context().autocommit_block():",
        in_new_tables=True,
    ),
    Rule(
        number="M103",
        dialects=_PG,
        matches=lambda op, seen: (
            op["kind"] in ("CreateForeignKey", "CreateCheckConstraint") and not op["not_valid"] and not op["batch"]
        ),
        what="checking the constraint {name} on all rows stops all writing to {table}",
        instead="postgresql_not_valid=True here, and ALTER TABLE ... VALIDATE CONSTRAINT in a revision after it",
    ),
    Rule(
        number="M103",
        dialects=("mysql",),
        matches=lambda op, seen: op["kind"] == "CreateForeignKey" and not seen.skips_foreign_keys,
        what="adding the foreign key {name} copies {table}, and nobody can write to it meanwhile",
        instead='op.execute("SET foreign_key_checks = 0") before it, and = 1 after it; rows that exist are not checked',
    ),
    Rule(
        number="M104",
        dialects=_PG,
        matches=lambda op, seen: op["kind"] in ("CreateUniqueConstraint", "CreatePrimaryKey"),
        what="building the index of the constraint {name} stops everything that uses {table}",
        instead="create a unique index concurrently, then ALTER TABLE ... ADD CONSTRAINT ... USING INDEX",
    ),
    Rule(
        number="M105",
        dialects=_PG,
        matches=lambda op, seen: op["kind"] == "ValidateConstraint" and (op["table"], op["name"]) in seen.made_here,
        what="validating {name} in the revision that adds it keeps {table} locked while all rows are read",
        instead="ALTER TABLE ... VALIDATE CONSTRAINT in a revision after it",
    ),
    Rule(
        number="M106",
        dialects=_PG,
        matches=lambda op, seen: op["kind"] == "AddEnumValue" and not op["autocommit"],
        what="the value {name} of {table} cannot be used in the transaction that adds it, or, before 12, not be added",
        instead="with op.get_context().autocommit_block(): op.execute(...), alone in a revision",
    ),
    Rule(
        number="M201",
        dialects=ALL,
        matches=lambda op, seen: op["kind"] == "AddColumn" and op["is_required"] and not _is_filled(op),
        what="{table}.{name} must be filled and has no default: it fails on rows that exist, and in the old code",
        instead="a server_default; or let it be empty, fill it, and require it in a later release",
        breaks_old_code=True,
    ),
    Rule(
        number="M202",
        dialects=_PG,
        matches=lambda op, seen: (
            op["kind"] == "AlterColumn" and op["sets_required"] and (op["table"], op["name"]) not in seen.not_null
        ),
        what="NOT NULL on {table}.{name} reads all rows while nobody can use the table",
        instead=(
            'op.create_check_constraint(..., "{name} IS NOT NULL", postgresql_not_valid=True); VALIDATE CONSTRAINT in'
            " the revision after it; then NOT NULL, which trusts it"
        ),
    ),
    Rule(
        number="M203",
        dialects=("postgresql", "mysql"),
        matches=lambda op, seen: op["kind"] == "AlterColumn" and op["sets_type"] and not _is_wider_text(op),
        what="another type of {table}.{name} may write the whole table anew while nobody can use it",
        instead="a new column of that type, filled by the app and in batches, and a switch in a later release",
    ),
    Rule(
        number="M204",
        dialects=_PG,
        matches=lambda op, seen: (
            op["kind"] == "AddColumn" and (op["is_computed"] or _VOLATILE.search(op["default"]) is not None)
        ),
        what="{table}.{name} has a value of its own in each row: the table is written anew while nobody can use it",
        instead="add it without a default; op.alter_column(..., server_default=...); fill the rows in batches",
    ),
    Rule(
        number="M301",
        dialects=ALL,
        matches=lambda op, seen: op["kind"] == "DropTable",
        what="dropping {table} breaks the old code while both run",
        instead='a release that does not use it any more, then release = {{"phase": "post"}}',
        in_post=False,
        breaks_old_code=True,
    ),
    Rule(
        number="M302",
        dialects=ALL,
        matches=lambda op, seen: op["kind"] == "DropColumn",
        what="dropping {table}.{name} breaks the old code while both run",
        instead='a release that does not use it any more, then release = {{"phase": "post"}}',
        in_post=False,
        breaks_old_code=True,
    ),
    Rule(
        number="M303",
        dialects=ALL,
        matches=lambda op, seen: bool(op["renames"]),
        what="renaming {table} or its column {name} breaks the old code at once, and before it the new code",
        instead="add the new one, let the app write both, move the data, drop the old one in phase post",
        breaks_old_code=True,
    ),
    Rule(
        number="M601",
        dialects=("sqlite",),
        matches=lambda op, seen: op["kind"] in _IN_BATCHES_ONLY and not op["batch"],
        what="SQLite cannot change {table} like this",
        instead="with op.batch_alter_table({table!r}) as batch:",
        in_new_tables=True,
    ),
    Rule(
        number="M602",
        dialects=("sqlite",),
        matches=lambda op, seen: op["kind"] == "AddColumn" and not op["batch"] and not _is_constant(op),
        what="SQLite adds no column to {table} whose default it has to compute, once there are rows",
        instead="with op.batch_alter_table({table!r}) as batch: batch.add_column(...)",
        in_new_tables=True,
    ),
)


def _is_filled(operation: Operation) -> bool:
    return bool(operation["has_default"] or operation["is_computed"])


def _is_constant(operation: Operation) -> bool:
    return not operation["is_computed"] and (
        not operation["has_default"] or _CONSTANT.match(operation["default"].strip()) is not None
    )


def _is_wider_text(operation: Operation) -> bool:
    """Tell whether PostgreSQL needs to look at no row, since each text that fitted still does."""
    before, after = _TEXT.match(operation["existing_type"]), _TEXT.match(operation["type"])
    if before is None:
        return False
    if after is not None:
        return int(after[1]) >= int(before[1])
    return operation["type"].upper() in ("TEXT", "VARCHAR", "CHARACTER VARYING")
