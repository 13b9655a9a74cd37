from __future__ import annotations

from pathlib import Path

import pytest

from releaser.runtime.commands.rpc_command import rpc, split_words
from releaser.runtime.release.context import Context
from releaser.runtime.release.failures import USAGE, Failure
from releaser.runtime.release.layout import Layout


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(Layout.of(str(tmp_path), "1.0.0", {}), "app", {})


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["a:b"], ("a:b", [])),
        (["a:b", "c", "-d"], ("a:b", ["c", "-d"])),
        (["a.x", "b", "c:d"], ("a.x:b", ["c:d"])),
    ],
)
def test_both_spellings_name_a_function(context: Context, words: list[str], expected: tuple[str, list[str]]) -> None:
    assert split_words(context, "rpc", words) == expected


@pytest.mark.parametrize("duration", ["", "-1", "1..2", "x", "٣", "5d", "s"])
def test_what_is_no_duration_is_refused(context: Context, duration: str) -> None:
    with pytest.raises(Failure, match="expected a duration") as caught:
        rpc(context, ["--timeout", duration, "a:b"])
    assert caught.value.exit_code == USAGE


@pytest.mark.parametrize("duration", ["1", "1.5s", "200ms", "2m", "1h"])
def test_what_is_a_duration_comes_as_far_as_the_connection(context: Context, duration: str) -> None:
    with pytest.raises(Failure, match=r"^app is not running$"):
        rpc(context, ["--json", f"--timeout={duration}", "--", "a:b"])
