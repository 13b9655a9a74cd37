"""What the rules have against recorded operations."""

from __future__ import annotations

from typing import Any

import pytest

from releaser.migrations.judge import Judgement, judge
from releaser.migrations.recorder import PLAIN
from releaser.migrations.statements import operations_of


def operation(kind: str, table: str = "users", **more: Any) -> dict[str, Any]:
    return {**PLAIN, "autocommit": False, "kind": kind, "table": table, "name": "x", **more}


def sql(text: str, **more: Any) -> dict[str, Any]:
    return operation("ExecuteSQL", "", sql=text, **more)


def judged(*line: list[dict[str, Any]], dialect: str = "postgresql", **release: Any) -> tuple[Judgement, ...]:
    recorded = [
        {
            "path": f"{number}.py",
            "revision": str(number),
            "release": release,
            "operations": [{**one, "line": number} for number, one in enumerate(operations, 1)],
            "problem": "",
        }
        for number, operations in enumerate(line, 1)
    ]
    return judge(recorded, dialect)


def rules_of(*operations: dict[str, Any], dialect: str = "postgresql", **release: Any) -> list[str]:
    (judgement,) = judged(list(operations), dialect=dialect, **release)
    return [f"{finding.line} {finding.rule}" for finding in judgement.findings]


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
        (sql("ALTER TYPE mood ADD VALUE 'fine'"), sql("ALTER TYPE mood ADD VALUE 'fine'", autocommit=True), "M106"),
        (operation("AddColumn", is_computed=True), operation("AddColumn", has_default=True, default="now()"), "M204"),
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
    now = operation("AddColumn", has_default=True, default="CURRENT_TIMESTAMP")
    assert rules_of(now, dialect="sqlite") == ["1 M602"]
    assert rules_of({**now, "batch": True}, dialect="sqlite") == []
    assert rules_of({**now, "default": "'x'"}, dialect="sqlite") == []


def test_what_a_text_does_is_known_by_its_first_words() -> None:
    for text, rule in {
        "CREATE INDEX ix ON users (x)": "M101",
        "create unique index concurrently ix on public.users (x)": "M102",
        'ALTER TABLE "users" ADD CONSTRAINT c FOREIGN KEY (x) REFERENCES y (z)': "M103",
        "ALTER TABLE users ADD CONSTRAINT c UNIQUE (x)": "M104",
        "ALTER TYPE mood ADD VALUE 'fine'": "M106",
        "ALTER TABLE users ADD COLUMN a int, ADD b text NOT NULL": "M201",
        "ALTER TABLE users ALTER COLUMN x SET NOT NULL": "M202",
        "ALTER TABLE users ALTER x TYPE bigint": "M203",
        "ALTER TABLE users ADD x uuid DEFAULT gen_random_uuid()": "M204",
        "DROP TABLE IF EXISTS users": "M301",
        "-- why not\nALTER TABLE users DROP COLUMN x": "M302",
        "ALTER TABLE users RENAME COLUMN x TO y": "M303",
    }.items():
        assert rules_of(sql(text)) == [f"1 {rule}"], text


def test_what_a_text_says_in_quotes_is_not_done() -> None:
    assert rules_of(sql("INSERT INTO notes VALUES ('a; DROP TABLE users; b')")) == []
    assert rules_of(sql("DO $$ BEGIN; DROP TABLE users; END $$")) == []
    assert [one["kind"] for one in operations_of("SELECT ';'; DROP TABLE a; ")] == ["Harmless", "DropTable"]


def test_not_null_is_safe_where_a_validated_check_says_the_same() -> None:
    check = operation("CreateCheckConstraint", name="c", condition="x IS NOT NULL", not_valid=True)
    validate = sql("ALTER TABLE users VALIDATE CONSTRAINT c")
    required = operation("AlterColumn", sets_required=True)
    assert [len(one.findings) for one in judged([check], [validate], [required])] == [0, 0, 0]
    assert [len(one.findings) for one in judged([check], [required])] == [0, 1]
    both = judged([check, validate])[0].findings
    assert [finding.rule for finding in both] == ["M105"]


def test_a_foreign_key_of_mysql_is_added_without_checking() -> None:
    key = operation("CreateForeignKey")
    assert rules_of(key, dialect="mysql") == ["1 M103"]
    assert rules_of(sql("SET foreign_key_checks = 0"), key, dialect="mysql") == []
    assert rules_of(sql("SET foreign_key_checks = 0"), sql("SET foreign_key_checks=1"), key, dialect="mysql") == [
        "3 M103"
    ]


def test_a_text_that_becomes_longer_is_no_other_type() -> None:
    def changed(before: str, after: str) -> list[str]:
        return rules_of(operation("AlterColumn", sets_type=True, existing_type=before, type=after))

    assert changed("VARCHAR(20)", "VARCHAR(40)") == changed("VARCHAR(20)", "TEXT") == []
    assert changed("VARCHAR(20)", "VARCHAR(10)") == changed("INTEGER", "BIGINT") == ["1 M203"]


@pytest.mark.parametrize(
    ("operations", "compatible"),
    [
        ([], True),
        ([operation("AddColumn"), operation("CreateIndex")], True),
        ([operation("CreateTable"), operation("CreateUniqueConstraint"), sql("INSERT INTO users VALUES (1)")], True),
        ([sql("ALTER TABLE users ADD COLUMN a int")], True),
        ([operation("AlterColumn", only_comments=True)], True),
        ([operation("AddColumn", is_required=True)], False),
        ([operation("DropColumn")], False),
        ([operation("CreateIndex", is_unique=True)], None),
        ([sql("UPDATE users SET x = 1 WHERE id < 9")], None),
        ([operation("AddColumn"), sql("CREATE TRIGGER x")], None),
    ],
)
def test_whether_the_release_before_may_run_is_told_by_the_operations_where_they_can(
    operations: list[dict[str, Any]], compatible: bool | None
) -> None:
    assert judged(operations)[0].compatible is compatible


def test_what_the_author_says_of_two_versions_holds() -> None:
    assert judged([operation("DropColumn")], phase="post", compatible=True)[0].compatible is True
    assert judged([operation("AddColumn")], compatible=False)[0].compatible is False
    assert judged([operation("DropColumn")], phase="post")[0].compatible is False


def test_a_rule_that_is_accepted_everywhere_says_nothing() -> None:
    recorded = {"path": "a", "revision": "a", "operations": [operation("CreateIndex", line=1)], "problem": ""}
    assert judge([recorded], "postgresql", ["M101"])[0].findings == ()
