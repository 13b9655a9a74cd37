"""Modules that ask for time zones are found."""

from __future__ import annotations

import pytest

from releaser.build.dependencies.time_zones import zoneinfo_line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("import os\nimport os, zoneinfo\n", 2),
        ("def f():\n    from zoneinfo import ZoneInfo\n", 2),
        ("from .zoneinfo import mine\n", 0),
        ("text = 'zoneinfo'\n", 0),
        ("this is no Python: zoneinfo\n", 0),
    ],
)
def test_the_line_that_imports_time_zones_is_found(text: str, line: int) -> None:
    assert zoneinfo_line(text.encode()) == line
