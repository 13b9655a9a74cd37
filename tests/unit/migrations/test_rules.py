"""What the rules have against recorded operations."""

from __future__ import annotations

from typing import Any

import pytest

from releaser.migrations.rules import lint

PLAIN: dict[str, Any] = {
    "kind": "ExecuteSQL",
    "table": "",
    "name": "",
    "is_required": False,
    "has_default": False,
    "sets_required": False,
    "sets_type": False,
    "renames": False,
    "concurrently": False,
    "not_valid": False,
    "sql": "",
    "autocommit": False,
    "batch": False,
}


def operation(kind: str, table: str = "users", **more: Any) -> dict[str, Any]:
    return {**PLAIN, "kind": kind, "table": table, "name": "x", **more}


def rules_of(*operations: dict[str, Any], dialect: str = "postgresql", **release: Any) -> list[str]:
    recorded = {
        "path": "a.py",
        "revision": "a",
        "release": release,
        "operations": [{**one, "line": number} for number, one in enumerate(operations, 1)],
        "problem": "",
    }
    return [f"{finding.line} {finding.rule}" for finding in lint(recorded, dialect)]


@pytest.mark.parametrize(
    ("wrong", "right", "rule"),
    [
        (operation("CreateIndex"), operation("CreateIndex", concurrently=True, autocommit=True), "M101"),
        (operation("CreateIndex", concurrently=True), operation("CreateTable"), "M102"),
        (operation("CreateForeignKey"), operation("CreateForeignKey", not_valid=True), "M103"),
        (operation("CreateUniqueConstraint"), operation("DropConstraint"), "M104"),
        (
            operation("AddColumn", is_required=True),
            operation("AddColumn", is_required=True, has_default=True),
            "M201",
        ),
        (operation("AlterColumn", sets_required=True), operation("AlterColumn"), "M202"),
        (operation("AlterColumn", sets_type=True), operation("AlterColumn"), "M203"),
        (operation("DropTable"), operation("DropIndex"), "M301"),
        (operation("DropColumn"), operation("AddColumn"), "M302"),
        (operation("RenameTable", renames=True), operation("AlterColumn"), "M303"),
    ],
)
def test_each_rule_has_something_against_one_thing_and_nothing_against_the_safe_one(
    wrong: dict[str, Any], right: dict[str, Any], rule: str
) -> None:
    assert f"1 {rule}" in rules_of(wrong)
    assert rules_of(right) == []


def test_tables_made_in_the_revision_itself_are_empty_and_unknown_to_the_old_code() -> None:
    assert rules_of(operation("CreateTable"), operation("CreateIndex"), operation("AddColumn", is_required=True)) == []


def test_what_contracts_is_right_in_phase_post() -> None:
    assert rules_of(operation("DropColumn"), phase="post") == []


def test_an_author_accepts_a_finding_by_its_number() -> None:
    assert rules_of(operation("CreateIndex"), operation("DropTable"), lint_ok=["M101"]) == ["2 M301"]


def test_data_and_schema_do_not_go_together() -> None:
    update = operation("ExecuteSQL", sql="UPDATE users SET x = 1")
    assert rules_of(operation("AddColumn"), update) == ["2 M401"]
    assert rules_of(operation("AddColumn"), {**update, "sql": "UPDATE users SET x = 1 WHERE id < 9"}) == []
    assert rules_of(update) == []
    assert rules_of(operation("AddColumn"), update, dialect="mysql") == ["1 M501", "2 M401"]


def test_what_mysql_commits_by_itself_cannot_be_rolled_back() -> None:
    assert rules_of(operation("AddColumn"), operation("AddColumn"), dialect="mysql") == ["1 M501"]
    assert rules_of(operation("AddColumn"), dialect="mysql") == []


def test_an_autocommit_block_stands_alone() -> None:
    index = operation("CreateIndex", concurrently=True, autocommit=True)
    assert rules_of(index) == []
    assert rules_of(operation("AddColumn"), index) == ["2 M501"]


def test_sqlite_changes_columns_in_batches() -> None:
    assert rules_of(operation("AlterColumn"), dialect="sqlite") == ["1 M601"]
    assert rules_of(operation("AlterColumn", batch=True), dialect="sqlite") == []
