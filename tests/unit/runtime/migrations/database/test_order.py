"""Which revisions an order means, and what is told of a destination that it cannot have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from support.migrated import ACCOUNTS, record_of, revision

from releaser.runtime.migrations.database.order import Order
from releaser.runtime.migrations.database.scripts import Scripts
from releaser.runtime.release.failures import Failure

LABEL = "branch_labels = ('shop',)\n"
MERGE = revision("m005", None, "merge").replace("down_revision = None", "down_revision = ('p004', 'q005')")
BRANCHED = {
    **ACCOUNTS,
    "p004": revision("p004", "a003", "one") + LABEL,
    "q004": revision("q004", "a003", "other"),
    "q005": revision("q005", "q004", "more of the other"),
    "m005": MERGE,
}


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Scripts:
    return scripts_of(tmp_path_factory.mktemp("release"), BRANCHED)


def scripts_of(folder: Path, revisions: Mapping[str, str]) -> Scripts:
    (folder / "versions").mkdir()
    for name, text in revisions.items():
        (folder / "versions" / f"{name}.py").write_text(text)
    record = record_of("default", revisions, env="", scripts=str(folder))
    return Scripts(record, str(folder), "")


def order_of(scripts: Scripts, **more: Any) -> Order:
    fields: dict[str, Any] = {"is_dry_run": False, "owner": ("app", "1.0.0"), "lock_wait_s": 1.0, "before": None}
    return Order(scripts, **{**fields, **more})


def steps(order: Order, *heads: str) -> list[str]:
    return [step.revision.revision for step in order.steps(frozenset(heads))]


@pytest.mark.parametrize(
    ("to", "heads", "found"),
    [
        ("+1", [], ["a001"]),
        ("+3", [], ["a001", "a002", "a003"]),
        ("+1", ["p004"], ["q004"]),
        ("+2", ["p004"], ["q004", "q005"]),
        ("+1", ["p004", "q005"], ["m005"]),
        ("p004", ["q004"], ["p004"]),
        ("a002", ["a003"], []),
    ],
)
def test_a_number_of_revisions_is_that_many(scripts: Scripts, to: str, heads: list[str], found: list[str]) -> None:
    assert steps(order_of(scripts, to=to), *heads) == found


@pytest.mark.parametrize(
    ("more", "heads", "message", "hint"),
    [
        (
            {"to": "+1"},
            ["a003"],
            "cannot go 1 revision further: after a003 the line branches into p004 and q004",
            "bin/app migrate --to p004 names one of them",
        ),
        ({"to": "+2"}, ["a002"], "cannot go 2 revisions further: after a003 the line branches into", "--to p004"),
        ({"to": "+9"}, ["q005", "p004"], "cannot go 9 revisions further: there is only 1 to go", ""),
        (
            {"to": "m005", "action": "down"},
            ["a003"],
            "cannot go back to m005: the database is at a003, m005 is above it",
            "bin/app migrate --to m005 goes forward",
        ),
        (
            {"to": "q004", "action": "down"},
            ["p004"],
            "cannot go back to q004: the database is at p004, q004 is not applied",
            "bin/app migrate --to q004 goes forward",
        ),
        (
            {"to": "a001", "action": "down", "is_one_of_several": True, "tenant": "acme"},
            [],
            "cannot go back to a001: the database is at no revision, a001 is above it",
            "bin/app migrate default --target acme --to a001 goes forward",
        ),
    ],
)
def test_a_destination_that_cannot_be_had_is_told_as_of_the_argument(
    scripts: Scripts, more: dict[str, Any], heads: list[str], message: str, hint: str
) -> None:
    with pytest.raises(Failure, match=re.escape(message)) as refused:
        steps(order_of(scripts, **more), *heads)
    assert refused.value.exit_code == 2
    assert hint in refused.value.hint


@pytest.mark.parametrize(
    ("to", "message", "hint"),
    [
        ("a", "cannot migrate to 'a': it is the beginning of a001, a002, a003", "more characters of the id"),
        ("a01", "cannot migrate to 'a01': this release has no such revision", "did you mean 'a001'?"),
        ("zzz", "cannot migrate to 'zzz': this release has no such revision", "`migrations` lists"),
        ("shop", "'shop' is the label of a branch, and a revision is named by its id", "`migrations` lists"),
        ("shop@head", "'shop' is the label of a branch", "`migrations` lists"),
        ("a003-1", "expected the id of a revision, or +2 for two further than", "`migrations` lists"),
    ],
)
def test_what_names_no_revision_is_told_with_what_would(scripts: Scripts, to: str, message: str, hint: str) -> None:
    with pytest.raises(Failure, match=re.escape(message)) as refused:
        order_of(scripts, to=to)
    assert refused.value.exit_code == 2
    assert hint in refused.value.hint


def test_a_beginning_that_many_have_does_not_list_all_of_them(tmp_path: Path) -> None:
    line = {f"r0{n}": revision(f"r0{n}", f"r0{n - 1}" if n > 1 else None, "x") for n in range(1, 10)}
    with pytest.raises(Failure, match=r"beginning of r01, r02, r03, r04, r05 and 4 more$"):
        order_of(scripts_of(tmp_path, line), to="r0")


def test_a_database_that_is_further_is_as_at_least_wants_it(scripts: Scripts) -> None:
    with pytest.raises(Failure, match="cannot go forward to a002: the database is at p004, a002 is below it"):
        order_of(scripts, to="a002").check_not_passed(frozenset({"p004"}))
    order_of(scripts, to="a002").check_not_passed(frozenset({"a002"}))
    order_of(scripts, to="a002").check_not_passed(frozenset({"from a newer release"}))
    order_of(scripts, to="a002", is_at_least=True).check_not_passed(frozenset({"p004"}))
    order_of(scripts, to="a002", is_at_start=True).check_not_passed(frozenset({"p004"}))
