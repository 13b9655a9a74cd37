"""Each rule of the lint on real revisions: what it is against, and that what it says to do instead passes, and runs."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.driving import run
from support.migrated import revision

from releaser.migrations.linting import Linting, lint_revisions
from releaser.migrations.rules import RULES, Finding

if TYPE_CHECKING:
    from conftest import Subject

PACKAGES = Path(sysconfig.get_path("purelib"))
TABLES = (
    'op.create_table("owner", sa.Column("id", sa.Integer, primary_key=True))',
    'op.create_table("item", sa.Column("id", sa.Integer, primary_key=True), sa.Column("owner_id", sa.Integer),'
    ' sa.Column("name", sa.String(20)), sa.Column("old", sa.Integer))',
)
ROWS = (
    'op.execute("INSERT INTO owner (id) VALUES (1)")',
    "op.execute(\"INSERT INTO item (id, owner_id, name) VALUES (1, 1, 'a')\")",
)
BLOCK = "with op.get_context().autocommit_block():"

WRONG: Mapping[str, Mapping[str, Sequence[str]]] = {
    "postgresql": {
        "M101": ['op.create_index("ix", "item", ["name"])'],
        "M102": ['op.create_index("ix", "item", ["name"], postgresql_concurrently=True)'],
        "M103": ['op.create_foreign_key("fk", "item", "owner", ["owner_id"], ["id"])'],
        "M104": ['op.create_unique_constraint("uq", "item", ["name"])'],
        "M105": [
            'op.create_check_constraint("ck", "item", "id > 0", postgresql_not_valid=True)',
            'op.execute("ALTER TABLE item VALIDATE CONSTRAINT ck")',
        ],
        "M106": ["op.execute(\"ALTER TYPE mood ADD VALUE 'fine'\")"],
        "M201": ['op.add_column("item", sa.Column("size", sa.Integer, nullable=False))'],
        "M202": ['op.alter_column("item", "name", nullable=False)'],
        "M203": ['op.alter_column("item", "old", type_=sa.BigInteger, existing_type=sa.Integer)'],
        "M204": ['op.add_column("item", sa.Column("key", sa.Uuid, server_default=sa.func.gen_random_uuid()))'],
        "M301": ['op.drop_table("item")'],
        "M302": ['op.drop_column("item", "old")'],
        "M303": ['op.alter_column("item", "old", new_column_name="new")'],
        "M401": [
            'op.add_column("item", sa.Column("size", sa.Integer))',
            'item = sa.table("item", sa.column("size"))',
            "op.get_bind().execute(item.update().values(size=1))",
        ],
        "M501": [
            'op.add_column("item", sa.Column("size", sa.Integer))',
            BLOCK,
            '    op.create_index("ix", "item", ["size"], postgresql_concurrently=True)',
        ],
        "M901": ['name = op.get_bind().execute(sa.text("SELECT name FROM item")).scalar_one()', "name.upper()"],
    },
    "mysql": {
        "M103": ['op.create_foreign_key("fk", "item", "owner", ["owner_id"], ["id"])'],
        "M201": ['op.add_column("item", sa.Column("size", sa.Integer, nullable=False))'],
        "M203": ['op.alter_column("item", "old", type_=sa.BigInteger, existing_type=sa.Integer)'],
        "M301": ['op.drop_table("item")'],
        "M302": ['op.drop_column("item", "old")'],
        "M303": ['op.rename_table("item", "thing")'],
        "M401": ['op.add_column("item", sa.Column("a", sa.Integer))', 'op.execute("UPDATE item SET a = 1")'],
        "M501": [
            'op.add_column("item", sa.Column("a", sa.Integer))',
            'op.add_column("item", sa.Column("b", sa.Integer))',
        ],
    },
    "sqlite": {
        "M201": ['op.add_column("item", sa.Column("size", sa.Integer, nullable=False))'],
        "M301": ['op.drop_table("item")'],
        "M302": ['op.drop_column("item", "old")'],
        "M303": ['op.rename_table("item", "thing")'],
        "M401": ['op.add_column("item", sa.Column("a", sa.Integer))', 'op.execute("DELETE FROM item")'],
        "M601": ['op.alter_column("item", "name", nullable=False)'],
        "M602": ['op.add_column("item", sa.Column("made_at", sa.DateTime, server_default=sa.func.now()))'],
    },
}

POST = 'release = {"phase": "post"}'
RIGHT: Mapping[str, Sequence[Sequence[str]]] = {
    "postgresql": [
        [BLOCK, '    op.create_index("ix", "item", ["name"], postgresql_concurrently=True)'],  # M101, M102, M501
        ['op.create_foreign_key("fk", "item", "owner", ["owner_id"], ["id"], postgresql_not_valid=True)'],  # M103
        ['op.execute("ALTER TABLE item VALIDATE CONSTRAINT fk")'],  # M103, M105
        [BLOCK, '    op.create_index("uq", "item", ["name"], unique=True, postgresql_concurrently=True)'],  # M104
        ['op.execute("ALTER TABLE item ADD CONSTRAINT uq UNIQUE USING INDEX uq")'],
        [BLOCK, "    op.execute(\"ALTER TYPE mood ADD VALUE 'fine'\")"],  # M106
        ['op.add_column("item", sa.Column("size", sa.Integer, nullable=False, server_default="1"))'],  # M201
        ['op.create_check_constraint("ck", "item", "name IS NOT NULL", postgresql_not_valid=True)'],  # M202
        ['op.execute("ALTER TABLE item VALIDATE CONSTRAINT ck")'],
        ['op.alter_column("item", "name", nullable=False)', 'op.drop_constraint("ck", "item")'],
        ['op.alter_column("item", "name", type_=sa.Text, existing_type=sa.String(20))'],
        ['op.add_column("item", sa.Column("old_wide", sa.BigInteger))'],  # M203, M303
        ['op.add_column("item", sa.Column("key", sa.Uuid))'],  # M204
        ['op.alter_column("item", "key", server_default=sa.func.gen_random_uuid())'],
        ['op.execute("UPDATE item SET old_wide = old, key = gen_random_uuid() WHERE id BETWEEN 1 AND 1000")'],  # M401
        ['op.drop_column("item", "old")', POST],  # M302
        ['op.drop_constraint("fk", "item")', 'op.drop_table("owner")', POST],  # M301
    ],
    "mysql": [
        [
            'op.execute("SET foreign_key_checks = 0")',
            'op.create_foreign_key("fk", "item", "owner", ["owner_id"], ["id"])',
            'op.execute("SET foreign_key_checks = 1")',
        ],
        ['op.add_column("item", sa.Column("size", sa.Integer, nullable=False, server_default="1"))'],
        ['op.add_column("item", sa.Column("old_wide", sa.BigInteger))'],
        ['op.execute("UPDATE item SET old_wide = old WHERE id BETWEEN 1 AND 1000")'],
        ['op.drop_column("item", "old")', POST],
        ['op.drop_constraint("fk", "item", type_="foreignkey")', POST],
        ['op.drop_table("owner")', POST],
    ],
    "sqlite": [
        ['op.add_column("item", sa.Column("size", sa.Integer, nullable=False, server_default="1"))'],
        ['with op.batch_alter_table("item") as batch:', '    batch.alter_column("name", nullable=False)'],
        [
            'with op.batch_alter_table("item") as batch:',
            '    batch.add_column(sa.Column("made_at", sa.DateTime, server_default=sa.func.now()))',
        ],
        ['op.execute("UPDATE item SET size = 2 WHERE id BETWEEN 1 AND 1000")'],
        ['op.drop_column("item", "old")', POST],
        ['op.drop_table("owner")', POST],
    ],
}


def written(lines: Sequence[Sequence[str]]) -> dict[str, str]:
    """Return the texts of a line of revisions; what begins with `release` is said beside the functions."""
    texts = {}
    for number, body in enumerate(lines, 1):
        before = f"r{number - 1:03}" if number > 1 else None
        said = "\n".join(line for line in body if line.startswith("release"))
        upgrade = [line for line in body if not line.startswith("release")]
        texts[f"r{number:03}"] = revision(f"r{number:03}", before, "x", *upgrade) + f"\n{said}\n"
    return texts


def linted(folder: Path, lines: Sequence[Sequence[str]], dialect: str, **more: object) -> list[Finding]:
    folder.mkdir()
    files = []
    for name, text in written(lines).items():
        files.append(folder / f"{name}.py")
        files[-1].write_text(text)
    judgements, of_squawk, trouble = lint_revisions(
        files,
        python=Path(sys.executable),
        site_packages=PACKAGES,
        dialect=dialect,
        linting=Linting(**more),  # type: ignore[arg-type]
    )
    assert trouble == ""
    return [*(finding for one in judgements for finding in one.findings), *of_squawk]


def squawk_program() -> Path:
    found = shutil.which("squawk", path=f"{Path(sys.executable).parent}:/usr/bin")
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("squawk-cli is not installed")
    return Path(str(found))


def test_squawk_says_what_our_rules_did_not_at_the_same_line(tmp_path: Path) -> None:
    (tmp_path / ".squawk.toml").write_text('excluded_rules = ["prefer-timestamp-tz"]\n')
    lines: list[Sequence[str]] = [
        ['op.execute("DROP INDEX ix")', 'op.drop_column("item", "old")'],
        ['op.add_column("item", sa.Column("at", sa.DateTime))'],
        [BLOCK, '    op.create_index("ix", "item", ["name"], postgresql_concurrently=True)'],
        ['op.execute("DROP INDEX ix")', 'release = {"lint_ok": ["require-concurrent-index-deletion"]}'],
        ['op.drop_column("item", "old")', POST],
    ]
    found = linted(tmp_path / "versions", lines, "postgresql", squawk=squawk_program(), root=tmp_path)
    assert [(one.revision, one.line, one.rule) for one in found] == [
        ("r001", 10, "M302"),
        ("r001", 9, "require-concurrent-index-deletion"),
    ]
    assert found[1].sentence().endswith("blocking other accesses until the index drop can complete.")
    assert found[1].instead == "Drop the index `CONCURRENTLY`."


def test_a_squawk_that_cannot_be_asked_is_no_error_and_told(tmp_path: Path) -> None:
    other = tmp_path / "squawk"
    other.write_text("#!/bin/sh\necho cawk\n")
    other.chmod(0o755)
    (tmp_path / "a.py").write_text(revision("a", None, "x", 'op.drop_table("item")'))
    judgements, found, trouble = lint_revisions(
        [tmp_path / "a.py"],
        python=Path(sys.executable),
        site_packages=PACKAGES,
        dialect="postgresql",
        linting=Linting(squawk=other, root=tmp_path),
    )
    assert [one.rule for one in judgements[0].findings] == ["M301"]
    assert (found, trouble) == ((), f"{other} gave no answer that is understood: JSONDecodeError")


def test_every_rule_is_among_what_is_wrong_here() -> None:
    for rule in RULES:
        for dialect in rule.dialects:
            assert rule.number in WRONG[dialect], dialect


@pytest.mark.parametrize("dialect", WRONG)
def test_each_rule_finds_what_it_is_against_and_nothing_else(dialect: str, tmp_path: Path) -> None:
    found: dict[str, list[str]] = {}
    for finding in linted(tmp_path / "versions", list(WRONG[dialect].values()), dialect):
        found.setdefault(finding.revision, []).append(finding.rule)
    # M401 is one change of the schema and one of data, which on MySQL is M501 as well.
    wanted = {"M401": ["M501", "M401"]} if dialect == "mysql" else {}
    expected = [wanted.get(rule, [rule]) for rule in WRONG[dialect]]
    assert [found.get(f"r{number:03}", []) for number in range(1, len(expected) + 1)] == expected


@pytest.mark.parametrize("kind", ["postgresql", "mariadb", "sqlite"])
def test_what_is_said_to_do_instead_passes_and_runs(
    make_subject: Callable[[str], Subject], kind: str, tmp_path: Path
) -> None:
    dialect = "mysql" if kind == "mariadb" else kind
    mood = ["op.execute(\"CREATE TYPE mood AS ENUM ('bad')\")"] if kind == "postgresql" else []
    tables: list[Sequence[str]] = [[one] for one in (*TABLES, *mood, *ROWS)]
    assert linted(tmp_path / "versions", [*tables, *RIGHT[dialect]], dialect) == []
    subject = make_subject(kind)
    release = subject.release(written([*tables, *RIGHT[dialect]]))
    done = run(release.command("migrate"), environ=subject.environ)
    assert done.returncode == 0, done.stdout + done.stderr
    assert subject.tables() >= {"item"}
    assert "owner" not in subject.tables()
