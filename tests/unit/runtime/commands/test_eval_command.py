from __future__ import annotations

import pytest

from releaser.runtime.commands.eval_command import is_target


@pytest.mark.parametrize("text", ["a:b", "shop.tasks:clean", "a:B.c"])
def test_a_function_is_told_from_code(text: str) -> None:
    assert is_target(text)


@pytest.mark.parametrize("text", ["a", "a : b", "a: b", "x[1:2]", "lambda: 0", "'a:b'", "print('a:b')", "a:b()"])
def test_code_is_told_from_a_function(text: str) -> None:
    assert not is_target(text)
