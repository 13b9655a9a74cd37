"""The tables of an upgrade: what each event means in each step, and that one version runs at every end."""

from __future__ import annotations

import itertools

import pytest

from releaser.runtime.supervisor.upgrade import steps, upgrading

TABLES = {"beside": steps.BESIDE, "in_turn": steps.IN_TURN}
FOLLOWS = {
    "beside": """
             prepare  boot    switch  drain   hooks   return  ended
done         boot     .       drain   .       ended   .       .
failed       .        ended   ended   .       ended   .       .
ready        .        switch  .       .       .       .       .
late         .        ended   .       .       .       .       .
lost         .        ended   .       .       .       .       .
gone         .        .       .       hooks   .       .       .
crashed      .        ended   .       .       .       .       .
timeout      .        .       .       .       .       .       .
fault        ended    ended   ended   ended   ended   .       .
fault_alone  ended    ended   ended   ended   ended   .       .
stop         ended    ended   ended   ended   ended   .       .
""",
    "in_turn": """
             prepare  boot    switch  drain   hooks   return  ended
done         drain    .       hooks   .       ended   .       .
failed       .        return  return  .       ended   ended   .
ready        .        switch  .       .       .       ended   .
late         .        return  .       .       .       ended   .
lost         .        return  .       .       .       ended   .
gone         .        .       .       boot    .       .       .
crashed      .        .       .       .       .       .       .
timeout      .        .       .       .       .       .       .
fault        ended    return  return  return  ended   ended   .
fault_alone  ended    return  return  return  ended   ended   .
stop         ended    ended   ended   ended   ended   ended   .
""",
}
"""Every cell: the step that follows, or a dot where the upgrade stays where it is."""
CELLS = [
    (kind, step, event)
    for kind, text in FOLLOWS.items()
    for step, event in itertools.product(
        text.split("\n")[1].split(), [row.split()[0] for row in text.split("\n")[2:-1]]
    )
]
DOES_SOMETHING = [cell for cell in CELLS if steps.after(TABLES[cell[0]], *cell[1:])[1]]


def expected(kind: str, step: str, event: str) -> str:
    head, *rows = (row.split() for row in FOLLOWS[kind].strip().split("\n"))
    found = {row[0]: row for row in rows}[event][1 + head.index(step)]
    return step if found == "." else found


def is_switched(kind: str, step: str) -> bool:
    """Tell whether `var/current` names the new version in that step."""
    return step in ((steps.DRAIN, steps.HOOKS) if kind == "beside" else (steps.HOOKS,))


def test_every_pair_of_a_step_and_an_event_has_a_cell() -> None:
    assert set(CELLS) == set(itertools.product(TABLES, steps.STEPS, steps.EVENTS))


@pytest.mark.parametrize(("kind", "step", "event"), CELLS)
def test_each_event_leads_to_one_step(kind: str, step: str, event: str) -> None:
    assert steps.after(TABLES[kind], step, event)[0] == expected(kind, step, event)


@pytest.mark.parametrize("kind", TABLES)
def test_the_tables_name_only_known_steps_and_events(kind: str) -> None:
    assert tuple(sorted(TABLES[kind])) == tuple(sorted(steps.STEPS))
    for row in TABLES[kind].values():
        assert set(row) <= set(steps.EVENTS)
        assert {step for step, _ in row.values()} <= set(steps.STEPS)


def test_an_upgrade_beside_that_goes_well_stops_the_old_version_after_the_switch() -> None:
    seen = walk("beside", steps.DONE, steps.READY, steps.DONE, steps.GONE, steps.DONE)
    assert seen == ["boot", "switch", "drain", "hooks", "ended"]


def test_an_upgrade_in_turn_that_goes_well_stops_it_before_anything_starts() -> None:
    seen = walk("in_turn", steps.DONE, steps.GONE, steps.READY, steps.DONE, steps.DONE)
    assert seen == ["drain", "boot", "switch", "hooks", "ended"]


def walk(kind: str, *events: str) -> list[str]:
    seen = [steps.PREPARE]
    for event in events:
        seen.append(steps.after(TABLES[kind], seen[-1], event)[0])
    return seen[1:]


def actions(kind: str, step: str, event: str) -> tuple[str, ...]:
    return steps.after(TABLES[kind], step, event)[1]


@pytest.mark.parametrize(("kind", "step", "event"), DOES_SOMETHING)
def test_what_may_make_the_next_thing_happen_comes_last(kind: str, step: str, event: str) -> None:
    assert not set(actions(kind, step, event)[:-1]) & set(steps.GOES_ON)


@pytest.mark.parametrize(("kind", "step", "event"), DOES_SOMETHING)
def test_before_the_switch_nothing_that_goes_wrong_ends_with_the_new_version(kind: str, step: str, event: str) -> None:
    done = set(actions(kind, step, event))
    if not is_switched(kind, step) and (step, event) != (steps.SWITCH, steps.DONE):
        assert not done & {steps.HAND_OVER, steps.END_SWITCHED, steps.END_WELL, steps.RUN_HOOKS}


@pytest.mark.parametrize(("kind", "step", "event"), DOES_SOMETHING)
def test_after_the_switch_nothing_that_goes_wrong_ends_the_new_version(kind: str, step: str, event: str) -> None:
    if is_switched(kind, step):
        ends = {steps.REMOVE_NEW, steps.ROLL_BACK, steps.START_OLD, steps.END_UNTOUCHED, steps.GIVE_UP}
        assert not set(actions(kind, step, event)) & ends


@pytest.mark.parametrize(("kind", "step", "event"), DOES_SOMETHING)
def test_whoever_asked_is_told_of_every_end_once(kind: str, step: str, event: str) -> None:
    tells = {steps.END_WELL, steps.END_SWITCHED, steps.END_UNTOUCHED, steps.END_RETURNED, steps.GIVE_UP, steps.LEAVE}
    found = [action for action in actions(kind, step, event) if action in tells]
    ends = steps.after(TABLES[kind], step, event)[0] == steps.ENDED and event != steps.STOP  # `abandon` tells of a stop
    assert len(found) == (1 if ends else 0)


@pytest.mark.parametrize("step", [step for step in steps.STEPS if step != steps.RETURN])
def test_one_that_is_beside_the_old_version_never_starts_it_again(step: str) -> None:
    assert steps.RETURN not in {following for following, _ in steps.BESIDE[step].values()}


@pytest.mark.parametrize(("kind", "step"), [*itertools.product(TABLES, steps.STEPS)])
def test_a_new_instance_that_was_started_is_removed_when_the_release_stops_before_the_switch(
    kind: str, step: str
) -> None:
    is_started = step in (steps.BOOT, steps.SWITCH)
    assert (steps.REMOVE_NEW in actions(kind, step, steps.STOP)) == is_started


def test_every_action_of_the_tables_is_one_that_an_upgrade_can_do() -> None:
    named = {
        action for table in TABLES.values() for row in table.values() for _, cell in row.values() for action in cell
    }
    assert named == set(upgrading.ACTIONS)


@pytest.mark.parametrize(
    ("kind", "step", "text"),
    [
        ("beside", "boot", "waiting for the new version to become ready"),
        ("in_turn", "boot", "waiting for the new version to become ready"),
        ("beside", "switch", "waiting for the new version to become ready"),
        ("beside", "drain", "waiting for the old version to end"),
        ("in_turn", "drain", "stopping the old version"),
        ("beside", "hooks", "running the post_upgrade hooks"),
        ("in_turn", "hooks", "running the post_upgrade hooks"),
        ("in_turn", "return", "starting the old version again"),
        ("beside", "prepare", ""),
        ("beside", "ended", ""),
    ],
)
def test_status_shows_one_sentence_for_a_step(kind: str, step: str, text: str) -> None:
    assert steps.describe(TABLES[kind], step) == text
