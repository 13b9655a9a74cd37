"""What a function may return as tenants, what it is told when it does not, and how their table looks."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from releaser.runtime.migrations.journal.backup import KEPT, copy_name, copy_sqlite
from releaser.runtime.migrations.tenants.summary import table
from releaser.runtime.migrations.tenants.tenant import Tenant, only, read_tenants
from releaser.runtime.release.failures import Failure


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"acme": "sqlite:///a"}, [("acme", "sqlite:///a", "")]),
        ({"acme": {"schema": "a"}}, [("acme", "", "a")]),
        ([{"name": "acme", "url": "sqlite:///a", "schema": None}], [("acme", "sqlite:///a", "")]),
        (({"name": name, "schema": name} for name in ("b", "a")), [("b", "", "b"), ("a", "", "a")]),
        (["acme", "globex"], [("acme", "", ""), ("globex", "", "")]),
        ([], []),
    ],
)
def test_tenants_are_read_in_their_order(value: Any, found: list[tuple[str, str, str]]) -> None:
    targets = read_tenants("shop:urls", value)
    assert [(tenant.name, tenant.url, tenant.schema) for tenant in targets] == found


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "found nothing"),
        ("acme", "found a value of type str"),
        ([7], "number 1: expected a mapping with name, url and schema, found a value of type int"),
        ([{"url": "x"}], "number 1: name: expected text, found nothing"),
        ([{"name": "a b"}], "number 1: name: expected up to 100 characters without spaces"),
        ([{"name": "--all"}], "number 1: name: expected up to 100 characters without spaces and no '-' in front"),
        ([{"name": "a", "url": ""}], "number 1: url of a: expected text, found empty text"),
        ([{"name": "a", "scheme": "x"}], "number 1: unknown key 'scheme'; known are name, url, schema"),
        (["a", "a"], "the name a is there twice"),
        ([{"name": "a", "schema": "s"}, {"name": "b", "schema": "s"}], "a and b are the same schema"),
    ],
)
def test_what_is_wrong_is_told_without_a_value(value: Any, said: str) -> None:
    with pytest.raises(Failure) as refused:
        read_tenants("shop:urls", value)
    assert said in " ".join(refused.value.details)
    assert refused.value.exit_code == 3


def test_everything_wrong_is_told_at_once_up_to_ten() -> None:
    with pytest.raises(Failure) as refused:
        read_tenants("shop:urls", [{"name": "x", "url": 7}] * 30)
    assert len(refused.value.details) == 11
    assert refused.value.details[-1] == "and 20 more"


def test_one_is_chosen_by_its_whole_name() -> None:
    targets = [Tenant("acme"), Tenant("acme-2")]
    assert only(targets, "acme") == targets[:1]
    assert only(targets, "") == targets


def test_the_table_fits_on_eighty_columns_and_counts() -> None:
    rows: list[dict[str, Any]] = [
        {"target": "a" * 30, "state": "nothing to do", "at": ["1975ea83b712"], "applied": []},
        {"target": "b", "state": "failed", "exit_code": 12, "at": [], "applied": ["x", "y"]},
        {"target": "c", "state": "not begun", "at": [], "applied": []},
    ]
    lines = table(rows, ["1975ea83b712"])
    assert max(map(len, lines)) <= 80
    assert lines[-1] == "3 tenants: 1 nothing to do, 1 failed, 1 not begun"
    assert lines[2].split() == ["b", "failed", "(12)", "2"]


def test_the_copies_of_one_tenant_do_not_take_the_place_of_another_s(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as database, database:
        database.execute("CREATE TABLE a (b)")
    names = [copy_name("shop", tenant) for tenant in ("", "acme", "acme-b", "../acme", "ä" * 100)]
    for name in names:
        for _ in range(KEPT + 1):
            copy_sqlite(str(tmp_path / "a.db"), str(tmp_path / "copies"), name)
    found = [path.name for path in (tmp_path / "copies").iterdir()]
    assert len(found) == KEPT * len(names)
    assert [sum(file.startswith(f"{name}-2") for file in found) for name in names] == [KEPT] * len(names)
