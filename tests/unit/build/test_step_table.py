"""Unit tests for the table from a step's type to the function that carries it out."""

from __future__ import annotations

import inspect
from typing import get_args

import pytest

from releaser.build.step_table import TABLE
from releaser.plan.steps import Step


def test_there_is_a_row_for_every_type_of_step_and_no_other() -> None:
    assert set(TABLE) == set(get_args(Step))


@pytest.mark.parametrize("kind", TABLE, ids=lambda kind: kind.__name__)
def test_the_function_of_a_row_is_made_for_its_type_of_step(kind: type) -> None:
    step, stage = inspect.signature(TABLE[kind].carry_out).parameters.values()
    assert (step.annotation.removeprefix("steps."), stage.annotation) == (kind.__name__, "Stage")
