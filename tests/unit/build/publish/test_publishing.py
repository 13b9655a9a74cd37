"""Publishing: old or new at every point, and var is never lost."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from releaser.build.publish.publishing import (
    Exchange,
    carry_var,
    is_running,
    prune_bundles,
    publish_tree,
    repair,
)
from releaser.build.tools.disk import exchange_names


def cannot_exchange(one: Path, other: Path) -> bool:
    return False


def tree(path: Path, version: str, var: str = "") -> Path:
    (path / "releases" / version).mkdir(parents=True)
    (path / "releases" / "default").write_text(f"{version}\n")
    if var:
        (path / "var").mkdir()
        (path / "var" / "data").write_text(var)
    return path


def version_of(path: Path) -> str:
    return (path / "releases" / "default").read_text().strip()


def data_of(path: Path) -> str:
    return (path / "var" / "data").read_text()


@pytest.mark.parametrize("exchange", [exchange_names, cannot_exchange])
def test_the_new_tree_takes_the_name_and_the_old_one_is_kept_aside(tmp_path: Path, exchange: Exchange) -> None:
    new = tree(tmp_path / ".staging-1/rel/shop", "2")
    published = tree(tmp_path / "rel/shop", "1", var="rows")
    aside = tmp_path / ".staging-1/old/shop"
    publish_tree(new, published, aside, exchange)
    assert version_of(published) == "2"
    for replaced in (aside, new):
        carry_var(replaced, published)
    assert data_of(published) == "rows"
    assert list(repair(tmp_path)) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rel"]


def test_the_first_tree_is_published_by_a_rename(tmp_path: Path) -> None:
    new = tree(tmp_path / ".staging-1/rel/shop", "1")
    publish_tree(new, tmp_path / "rel/shop", tmp_path / "aside", exchange_names)
    assert version_of(tmp_path / "rel/shop") == "1"
    assert not new.exists()


def test_exchanging_with_a_name_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(FileNotFoundError):
        exchange_names(tmp_path / "a", tmp_path / "b")


def test_killed_before_the_exchange_the_old_tree_is_untouched(tmp_path: Path) -> None:
    tree(tmp_path / ".staging-1/rel/shop", "2")
    published = tree(tmp_path / "rel/shop", "1", var="rows")
    assert list(repair(tmp_path)) == []
    assert (version_of(published), data_of(published)) == ("1", "rows")
    assert not (tmp_path / ".staging-1").exists()


def test_killed_after_the_exchange_var_is_brought_back(tmp_path: Path) -> None:
    tree(tmp_path / ".staging-1/rel/shop", "1", var="rows")
    published = tree(tmp_path / "rel/shop", "2")
    (sentence,) = repair(tmp_path)
    assert "brought back shop's var" in sentence
    assert (version_of(published), data_of(published)) == ("2", "rows")
    assert not (tmp_path / ".staging-1").exists()


def test_killed_between_two_renames_the_old_tree_is_put_back(tmp_path: Path) -> None:
    tree(tmp_path / ".staging-1/rel/shop", "2")
    tree(tmp_path / ".staging-1/old/shop", "1", var="rows")
    (sentence,) = repair(tmp_path)
    assert "put shop back" in sentence
    assert (version_of(tmp_path / "rel/shop"), data_of(tmp_path / "rel/shop")) == ("1", "rows")
    assert not (tmp_path / ".staging-1").exists()


def test_killed_after_two_renames_var_is_brought_back(tmp_path: Path) -> None:
    tree(tmp_path / ".staging-1/old/shop", "1", var="rows")
    published = tree(tmp_path / "rel/shop", "2")
    assert len(list(repair(tmp_path))) == 1
    assert (version_of(published), data_of(published)) == ("2", "rows")


def test_a_second_var_is_kept_beside_the_release(tmp_path: Path) -> None:
    tree(tmp_path / ".staging-7/rel/shop", "1", var="old rows")
    published = tree(tmp_path / "rel/shop", "2", var="new rows")
    (sentence,) = repair(tmp_path)
    assert "shop-var-saved-7" in sentence
    assert data_of(published) == "new rows"
    assert (tmp_path / "rel/shop-var-saved-7/data").read_text() == "old rows"


@pytest.mark.parametrize(("current", "stays"), [("2", True), ("1", False)])
def test_a_current_that_names_a_version_which_is_gone_is_removed(tmp_path: Path, current: str, stays: bool) -> None:
    replaced = tree(tmp_path / "old", "1", var="rows")
    (replaced / "var" / "current").write_text(f"{current}\n")
    published = tree(tmp_path / "new", "2")
    carry_var(replaced, published)
    assert (published / "var" / "current").exists() is stays


def test_unpacked_bundles_of_earlier_builds_are_removed(tmp_path: Path) -> None:
    for name in ("aa", "bb", ".lock-aa"):
        (tmp_path / "var/bundles" / name).mkdir(parents=True)
    prune_bundles(tmp_path, {"bb"})
    assert sorted(path.name for path in (tmp_path / "var/bundles").iterdir()) == [".lock-aa", "bb"]


def test_a_release_runs_while_its_lock_is_held(tmp_path: Path) -> None:
    assert not is_running(tmp_path)
    (tmp_path / "var/run").mkdir(parents=True)
    lock = os.open(tmp_path / "var/run/lock", os.O_RDWR | os.O_CREAT)
    assert not is_running(tmp_path)
    fcntl.flock(lock, fcntl.LOCK_EX)
    assert is_running(tmp_path)
    os.close(lock)
    assert not is_running(tmp_path)
