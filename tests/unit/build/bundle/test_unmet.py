"""What a project asks for, and what was installed from its lock."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.requirements import Requirement

from releaser.build.bundle.unmet import is_known, unmet
from releaser.plan.facts import Lock

INSTALLED = {"leaf": "1.5", "big-tree": "2.0rc1"}


def told(requirements: list[str], *extras: str, python: str = "3.12") -> list[tuple[str, str]]:
    found = unmet(requirements, INSTALLED, {"python_version": python}, of="Shop", extras=extras)
    return [(str(each.requirement), each.found) for each in found]


@pytest.mark.parametrize(
    "met",
    [
        "leaf",
        "Leaf>=1,<2",
        "big_tree>=1.0",
        "leaf @ https://packages.example/leaf.whl",
        "gone; python_version < '3.12'",
        "gone; extra == 'web'",
        "Shop[fast]",
        "~~~",
    ],
)
def test_what_is_there_or_not_asked_for_on_this_python_is_met(met: str) -> None:
    assert told([met]) == []


def test_what_is_missing_or_of_another_version_is_not() -> None:
    assert told(["leaf>=1.6", "gone>=2", "leaf<2"]) == [("leaf>=1.6", "1.5"), ("gone>=2", "")]
    assert told(["gone; python_version < '3.12'"], python="3.11") == [('gone; python_version < "3.12"', "")]


def test_extras_count_when_they_are_chosen_also_by_way_of_others() -> None:
    requirements = ["fast-json; extra == 'fast'", "shop[Fast,web]; extra == 'all'", "shop[all]; extra == 'web'"]
    assert told(requirements, "web") == [('fast-json; extra == "fast"', "")]
    assert told(requirements, "other") == []


UV_LOCK = """\
[[package]]
name = "shop"
version = "1.0"
source = { editable = "." }

[package.metadata]
requires-dist = [{ name = "leaf", specifier = ">=2" }, { name = "left-out" }]
"""


@pytest.mark.parametrize(
    ("requirement", "known"), [("leaf>=2", True), ("Left_Out", True), ("leaf>=3", False), ("other", False)]
)
def test_a_uv_lock_that_was_made_for_a_requirement_may_hold_something_else(
    tmp_path: Path, requirement: str, known: bool
) -> None:
    path = tmp_path / "uv.lock"
    path.write_text(UV_LOCK)
    lock = Lock(path=path, shown="uv.lock", kind="uv", sha256="", packages=2)
    assert is_known(Requirement(requirement), lock) is known
