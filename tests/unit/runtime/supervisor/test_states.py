"""The state table: every pair of state and event has a meaning, and every life ends."""

from __future__ import annotations

import itertools

import pytest

from releaser.runtime.supervisor import states


def test_every_state_has_a_row() -> None:
    assert set(states.TRANSITIONS) == set(states.STATES)


def test_the_table_names_only_known_states_and_events() -> None:
    for row in states.TRANSITIONS.values():
        assert set(row) <= set(states.EVENTS)
        assert set(row.values()) <= set(states.STATES)


def test_a_start_that_goes_well_runs_through_every_step_in_order() -> None:
    seen = [states.PRE_CONFIGURE]
    for event in [states.DONE] * 5 + [states.READY, states.DONE, states.STOP, states.DONE, states.EXITED, states.DONE]:
        seen.append(states.next_state(seen[-1], event))
    assert seen == [
        "pre_configure",
        "configure",
        "unpack",
        "post_configure",
        "pre_start",
        "boot",
        "post_start",
        "running",
        "pre_stop",
        "drain",
        "post_stop",
        "ended",
    ]


@pytest.mark.parametrize("state", states.STATES)
def test_the_end_can_be_reached_from_every_state(state: str) -> None:
    reached = {state}
    while True:
        more = {states.next_state(at, event) for at in reached for event in states.EVENTS} - reached
        if not more:
            break
        reached |= more
    assert states.ENDED in reached


@pytest.mark.parametrize("state", [state for state in states.STATES if state not in ("post_stop", "ended")])
def test_a_stop_and_then_the_end_of_all_work_lead_to_the_end(state: str) -> None:
    for event in (states.STOP, states.DONE, states.EXITED, states.DONE):
        state = states.next_state(state, event)
    assert state == states.ENDED


def test_an_instance_that_ends_while_it_may_be_alive_is_followed_by_post_stop() -> None:
    for state in states.INSTANCE_STATES:
        assert states.next_state(state, states.EXITED) == states.POST_STOP


def test_nothing_leads_back_to_an_earlier_state() -> None:
    order = {state: place for place, state in enumerate(states.STATES)}
    for state, event in itertools.product(states.STATES, states.EVENTS):
        assert order[states.next_state(state, event)] >= order[state]


def test_a_second_interrupt_never_waits_for_a_hook_or_for_the_app() -> None:
    for state in states.INSTANCE_STATES:
        assert states.next_state(state, states.INSIST) == states.KILL
    assert states.next_state(states.POST_STOP, states.INSIST) == states.ENDED


@pytest.mark.parametrize(
    ("state", "is_ready", "word"),
    [
        ("boot", False, "starting"),
        ("pre_start", False, "starting"),
        ("post_start", True, "ready"),
        ("running", True, "running"),
        ("drain", True, "stopping"),
    ],
)
def test_status_shows_one_word_for_a_state(state: str, is_ready: bool, word: str) -> None:
    assert states.describe(state, is_ready) == word


def test_a_fault_of_ours_fails_a_start_ends_an_end_and_leaves_alone_what_serves() -> None:
    assert set(states.AFTER_A_FAULT) == set(states.TRANSITIONS)
    for state, event in states.AFTER_A_FAULT.items():
        following = states.next_state(state, event)
        if state in (states.RUNNING, states.KILL, states.ENDED):
            assert following == state
        elif state == states.POST_START:
            assert following == states.RUNNING
        elif state in (states.PRE_STOP, states.DRAIN, states.POST_STOP):
            assert following in (states.DRAIN, states.POST_STOP, states.ENDED)
        else:
            assert following in (states.ENDED, states.KILL)
