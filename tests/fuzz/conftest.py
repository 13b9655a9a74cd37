"""Every target counts what it has run, and leaves its figures for `./dev fuzz`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from support.fuzzing import FACTOR, write_report

DRAWN_BY = (3, 12)
_failures: list[dict[str, str]] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what has no examples to draw where more of them are wanted: it would be the same each time.

    In CI the examples are drawn by one Python: they are the same for each.
    """
    if FACTOR in os.environ:
        items[:] = [item for item in items if _draws(item)]
    elif os.environ.get("CI") and sys.version_info[:2] != DRAWN_BY:
        items[:] = [item for item in items if Path(__file__).parent not in item.path.parents or not _draws(item)]


def _draws(item: pytest.Item) -> bool:
    return bool(getattr(getattr(item, "obj", None), "is_hypothesis_test", False))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed:
        _failures.append({"test": report.nodeid, "text": report.longreprtext})


def pytest_sessionfinish() -> None:
    write_report(_failures)
