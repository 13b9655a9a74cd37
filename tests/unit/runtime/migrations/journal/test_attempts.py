"""What the lines of the journal say: what was left half-way, and which of a newer release's revisions are there."""

from __future__ import annotations

from typing import Any

import pytest

from releaser.runtime.migrations.journal.attempts import Entry, newest, resolved_by_hand
from releaser.runtime.migrations.journal.dirty import check_may_run_ahead, half_way
from releaser.runtime.release.failures import Failure


def entry(revision: str, state: str, *, direction: str = "up", **more: Any) -> Entry:
    row: dict[str, Any] = dict.fromkeys(Entry.__slots__, "")
    row |= {"release": "app", "version": "2.0", "host": "vm", "began_at": "2026-01-02 03:04:05", "pid": 7}
    row |= {"revision": revision, "state": state, "direction": direction, "outside_tx": 0, "compatible": 1}
    return Entry({**row, **more})


@pytest.mark.parametrize("state", ["running", "failed", "interrupted"])
def test_left_half_way_is_a_state_of_either_direction(state: str) -> None:
    up, down = entry("a", state, outside_tx=1), entry("b", state, direction="down", outside_tx=1)
    assert half_way([up, down], lambda name: name == "b", lambda name: True) == [up, down]
    assert half_way([up, down], lambda name: name == "a", lambda name: True) == []
    assert half_way([up, down], lambda name: name == "b", lambda name: name == "b") == [down]


def test_a_line_that_comes_late_does_not_hide_what_an_attempt_has_left() -> None:
    left = entry("a", "running", outside_tx=1)
    for late in (entry("a", "running"), entry("a", "rolled back"), entry("a", "interrupted")):
        assert newest([left, late]) == {"a": left}
        assert half_way([left, late], lambda name: False, lambda name: True) == [left]
    for after in (entry("a", "done"), entry("a", "resolved"), entry("a", "failed", outside_tx=2)):
        assert newest([left, after]) == {"a": after}
    clean = entry("a", "running")
    assert newest([clean, entry("a", "rolled back")])["a"].state == "rolled back"


def test_what_a_person_has_said_to_have_cleaned_up_is_known_until_it_is_done() -> None:
    attempt, resolved = entry("a", "failed", outside_tx=2), entry("a", "resolved", began_at="2026-01-03 00:00:00")
    told = "an earlier attempt of a left 2 statements, resolved by hand at 2026-01-03 00:00:00 UTC"
    assert resolved_by_hand([attempt]) == {}
    assert resolved_by_hand([attempt, resolved]) == {"a": told}
    assert resolved_by_hand([attempt, resolved, entry("a", "failed")]) == {"a": told}
    assert resolved_by_hand([attempt, resolved, entry("a", "failed"), entry("a", "done")]) == {}
    killed = entry("a", "running", direction="down", outside_tx=1)
    told = "an earlier undo of a left up to 1 statement, resolved by hand at 2026-01-03 00:00:00 UTC"
    assert resolved_by_hand([killed, resolved]) == {"a": told}


def may_run(*entries: Entry, at: str = "b") -> str:
    return check_may_run_ahead(newest(entries), [at], ["a"], lambda name: name == "a", "bin/app migrate")


@pytest.mark.parametrize("state", ["done", "running", "rolled back"])
def test_what_the_version_table_names_is_applied_whatever_the_journal_says(state: str) -> None:
    assert may_run(entry("b", state)).endswith("this release may run on it")
    with pytest.raises(Failure) as refused:
        may_run(entry("b", state, compatible=0))
    assert refused.value.exit_code == 13
    assert refused.value.details == ("b of app 2.0 on vm is not compatible",)


def test_a_revision_whose_undo_was_rolled_back_is_still_there() -> None:
    undo = entry("b", "rolled back", direction="down", compatible=0)
    with pytest.raises(Failure) as refused:
        may_run(entry("b", "done", compatible=0), undo)
    assert refused.value.exit_code == 13


def test_of_a_revision_that_is_half_there_compatible_has_to_be_said_too() -> None:
    half = entry("c", "failed", outside_tx=1, compatible=-1)
    with pytest.raises(Failure) as refused:
        may_run(entry("b", "done"), half)
    assert refused.value.details == ("c of app 2.0 on vm is not said to be compatible",)


def test_a_half_undone_head_of_a_newer_release_is_refused_as_such() -> None:
    with pytest.raises(Failure) as refused:
        may_run(entry("b", "failed", direction="down", outside_tx=1, last_sql="DROP TABLE x"))
    assert refused.value.exit_code == 12
    assert refused.value.hint.startswith(
        "with app 2.0: repair it by hand, then bin/app migrate --resolve b applied, or"
    )
