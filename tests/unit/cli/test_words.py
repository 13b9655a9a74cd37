"""A word of the command line that no path can be is a wrong command line, whichever command gets it."""

from __future__ import annotations

import pytest

from releaser.cli.exit_codes import USAGE
from releaser.cli.main import run

LONG = "a" * 300


@pytest.mark.parametrize(
    "words",
    [
        ("init", LONG),
        ("init", "--dry-run", f"../{LONG}"),
        ("verify", LONG),
        ("verify", "--allowed-signers", LONG, "x.tar.gz"),
        ("verify", f"--allowed-signers={LONG}", "x.tar.gz"),
        ("build", "--sign", LONG),
        ("inspect", "a/" * 2500),
    ],
    ids=lambda words: " ".join(words)[:30].replace("/", "_"),
)
def test_a_word_that_is_longer_than_a_path_can_be_is_told_in_one_line(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == USAGE

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert "bytes" in line
