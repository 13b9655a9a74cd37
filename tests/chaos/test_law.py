"""The law finds what it is there to find: words that are not so, databases that are not what they have to be."""

from __future__ import annotations

import pytest
from chaos import law
from chaos.law import Step, Told
from chaos.reference import NOWHERE, Reference, Seen, State, version_at
from chaos.revisions import line_of

LINE = tuple(line_of("postgresql"))


def state(revision: str, count: int) -> State:
    """A state that can be told from every other one, and is the same before a revision as after the one below it."""
    place = LINE.index(next(each for each in LINE if each.identity == revision))
    return State((f"{sum(len(each.changes) for each in LINE[:place]) + count} statements",))


REFERENCE = Reference(
    LINE,
    {
        (revision.identity, count): state(revision.identity, count)
        for revision in LINE
        for count in range(len(revision.changes) + 1)
    },
)


def seen(version: str, more: int = 0) -> Seen:
    """The database at a revision, with so many statements of the next one."""
    following = LINE[0 if version == NOWHERE else int(version[1:])].identity
    return Seen(version, state(following, more))


def told(now: str) -> Told:
    return Told(1, f"error: something\n  now: {now}\n")


UNKNOWN = "r03 is rolled back, unless its commit was under way"


@pytest.mark.parametrize(
    ("now", "found"),
    [
        ("the database is at r02; this run applied 2 revisions, r03 was rolled back", seen("r02")),
        ("the database is at r02; r03 was rolled back", seen("r02")),
        (
            "the database is at r02; this run applied 2 revisions, the first statement of r03 is committed and stays",
            seen("r02", 1),
        ),
        ("the database is at r02; the first 2 statements of r03 are committed and stay", seen("r02", 2)),
        ("the database is at r02; the first statement of r03 may be committed: the answer to it was lost", seen("r02")),
        (f"the database cannot be asked where it is; {UNKNOWN}", seen("r03")),
        (f"the database cannot be asked where it is; this run applied 2 revisions, {UNKNOWN}", seen("r03")),
        (
            "the database is at r02; the first statement of r03 is committed and stays, the first 3 statements may be"
            " committed: the answer to it was lost",
            seen("r02", 3),
        ),
        (
            "the database does not answer; this run applied 2 revisions, r03 is applied if its commit took place, else"
            " the first 2 statements of r03 are committed and stay",
            seen("r03"),
        ),
        ("the database is at no revision; nothing was migrated", seen(NOWHERE)),
    ],
)
def test_what_is_so_may_be_said(now: str, found: Seen) -> None:
    assert law.wrong_about_now(Step(told(now), found), seen(NOWHERE), REFERENCE) == ""


@pytest.mark.parametrize(
    ("now", "found", "wrong"),
    [
        ("the database is at r02; r03 was rolled back", seen("r03"), "said to be at r02, is at r03"),
        ("the database is at r02; r03 was rolled back", seen("r02", 1), "'r03 was rolled back': there are 1: "),
        ("the database is at r02; this run applied 1 revision", seen("r02"), "'this run applied 1 revision': it is 2"),
        ("the database is at r02; the first 2 statements of r03 are committed and stay", seen("r02"), "there are 0"),
        (
            "the database is at r02; the first statement of r03 is committed and stays, the first 3 statements may be"
            " committed: the answer to it was lost",
            seen("r02"),
            "there are 0",
        ),
        ("the database is at r02; nothing was migrated", seen("r02"), "something was"),
        ("the database is at r02; all is well", seen("r02"), "words that the law does not know"),
        (f"the database cannot be asked where it is; {UNKNOWN}", seen("r02", 1), "there are 1"),
        (f"the database cannot be asked where it is; this run applied 1 revision, {UNKNOWN}", seen("r03"), "it is 3"),
    ],
)
def test_what_is_not_so_is_found(now: str, found: Seen, wrong: str) -> None:
    assert wrong in law.wrong_about_now(Step(told(now), found), seen(NOWHERE), REFERENCE)


def test_a_failure_that_says_nothing_of_the_database_is_wrong() -> None:
    silent = Step(Told(1, "error: something\n"), seen("r02"))
    assert law.wrong_about_now(silent, seen("r02"), REFERENCE) == "nothing is said of the database"
    assert law.wrong_about_now(Step(Told(-9, ""), seen("r02")), seen("r02"), REFERENCE) == ""


ASKS = (
    "error: revision r03 was left half-way by app\n  {} committed and will not be undone\n  hint: repair it by hand, {}"
)
WAY_OUT = "then bin/app migrate --resolve r03 retry, or applied if all of it is there\n"


def test_a_question_says_how_much_is_there() -> None:
    asks = Told(12, ASKS.format("2 statements are", WAY_OUT))
    assert law.wrong_about_asking(Step(asks, seen("r02", 2)), REFERENCE) == ""
    assert "there are 1 of r03" in law.wrong_about_asking(Step(asks, seen("r02", 1)), REFERENCE)
    at_most = Told(12, ASKS.format("up to 2 statements are", WAY_OUT))
    assert law.wrong_about_asking(Step(at_most, seen("r02", 1)), REFERENCE) == ""
    assert "there are 3 of r03" in law.wrong_about_asking(Step(at_most, seen("r02", 3)), REFERENCE)


def test_a_question_without_a_way_out_is_wrong() -> None:
    asks = Told(12, ASKS.format("2 statements are", "\n"))
    assert law.wrong_about_asking(Step(asks, seen("r02", 2)), REFERENCE) == "no way out is named"


def test_a_repair_takes_back_what_is_there_or_does_the_rest() -> None:
    step = Step(Told(12, ASKS.format("1 statement is", WAY_OUT)), seen("r02", 1))
    changes = REFERENCE.revision("r03").changes
    assert law.repair_of(step, REFERENCE, forwards=False) == ([changes[0].undo], "retry")
    assert law.repair_of(step, REFERENCE, forwards=True) == ([change.do for change in changes[1:]], "applied")


def test_nothing_is_executed_where_nothing_is_there() -> None:
    step = Step(Told(12, ASKS.format("up to 1 statement is", WAY_OUT)), seen("r02"))
    assert law.repair_of(step, REFERENCE, forwards=True) == ([], "retry")


@pytest.mark.parametrize(
    ("found", "is_locked", "wrong"),
    [
        (seen("r11"), False, "the database is at r11"),
        (Seen("r12", State(("twice",))), False, "differs: "),
        (Seen("r12", REFERENCE.at("r12"), ("ix_bal",)), False, "differs:  ix_bal"),
        (Seen("r12", REFERENCE.at("r12")), True, "the lock is still held"),
    ],
)
def test_an_end_that_is_not_the_references_is_found(found: Seen, is_locked: bool, wrong: str) -> None:
    assert wrong in law.wrong_at_the_end(found, version_at(12), REFERENCE, is_locked=is_locked)


def test_the_end_of_the_reference_is_right() -> None:
    found = Seen("r12", REFERENCE.at("r12"))
    assert law.wrong_at_the_end(found, law.goal_of("up"), REFERENCE, is_locked=False) == ""
