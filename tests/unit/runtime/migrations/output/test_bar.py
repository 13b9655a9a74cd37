"""The line at the bottom of the terminal: what it says, and that it fits."""

from __future__ import annotations

import pytest

from releaser.runtime.migrations.output.bar import bar_line


def test_it_says_which_revision_and_how_far() -> None:
    assert bar_line(2, 4, "3f2a add slug", 12.4, 1, 79) == "[#####...............] 2/4 3f2a add slug 12 s, 1 statement"


@pytest.mark.parametrize("columns", [39, 60, 79, 200])
@pytest.mark.parametrize("title", ["3f2a", "3f2a " + "a long title " * 20, "3f2a \u8868\u306e\u5217" * 30])
def test_it_never_reaches_the_last_column(title: str, columns: int) -> None:
    line = bar_line(9, 10, title, 3600.0, 12345, columns)
    assert len(line) + sum(letter > "\u2fff" for letter in line) <= columns


def test_a_title_cannot_move_the_cursor() -> None:
    assert "\x1b" not in bar_line(1, 1, "a\x1b[2J\r\nb", 0.0, 0, 79)
