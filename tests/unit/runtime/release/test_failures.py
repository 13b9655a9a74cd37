"""A failure of a running release is told in lines that end where they should."""

from __future__ import annotations

from releaser.runtime.release.failures import Failure


def test_no_line_of_a_failure_ends_early_or_moves_the_cursor() -> None:
    failure = Failure("no 'a\nb'", details=("x\x1b[2J\ty",), now="\r", hint="\u2028")

    assert failure.lines() == [
        "error: no 'a\\nb'",
        "  x\\x1b[2J\ty",
        "  now: \\r",
        "      hint: \\x2028",
    ]


def test_a_name_that_is_no_utf8_stays_what_it_is() -> None:
    assert Failure("no \udcff").lines() == ["error: no \udcff"]
