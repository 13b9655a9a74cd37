"""The exit code and the failure told at the end, for every way that a life can go."""

from __future__ import annotations

import pytest

from releaser.runtime.release.failures import Failure
from releaser.runtime.supervisor import states
from releaser.runtime.supervisor.outcome import Outcome


@pytest.mark.parametrize(
    ("state", "code", "expected", "is_failure"),
    [
        (states.BOOT, 0, 1, True),
        (states.BOOT, 3, 3, True),
        (states.POST_START, 0, 0, False),
        (states.POST_START, 3, 3, True),
        (states.RUNNING, 0, 0, False),
        (states.RUNNING, 7, 7, True),
        (states.RUNNING, 137, 137, True),
        (states.DRAIN, 0, 0, False),
        (states.DRAIN, 143, 0, False),
        (states.DRAIN, 3, 3, False),
    ],
)
def test_the_exit_code_is_the_apps_own_and_0_after_an_orderly_stop(
    state: str, code: int, expected: int, is_failure: bool
) -> None:
    outcome = Outcome()
    outcome.instance_ended("app 1.0.0", state, code)
    assert outcome.exit_code == expected
    assert (outcome.failure is not None) == is_failure


def test_an_app_that_had_to_be_killed_ends_with_137() -> None:
    outcome = Outcome()
    outcome.was_killed = True
    outcome.instance_ended("app 1.0.0", states.KILL, 137)
    assert outcome.exit_code == 137


def test_the_first_failure_is_the_one_that_is_told() -> None:
    outcome = Outcome()
    outcome.fail(Failure("the post_start hook 20-a exited with 3"))
    outcome.instance_ended("app 1.0.0", states.DRAIN, 0)
    assert outcome.failure is not None
    assert outcome.failure.message == "the post_start hook 20-a exited with 3"
    assert outcome.exit_code == 1


def test_a_signal_is_named_in_the_message() -> None:
    outcome = Outcome()
    outcome.instance_ended("app 1.0.0", states.RUNNING, 139)
    assert outcome.failure is not None
    assert "killed by signal 11" in outcome.failure.message
