"""Every target counts what it has run, and leaves its figures for `./dev fuzz`."""

from __future__ import annotations

import os

import pytest
from support.fuzzing import FACTOR, write_report

_failures: list[dict[str, str]] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what has no examples to draw where more of them are wanted: it would be the same each time."""
    if FACTOR in os.environ:
        items[:] = [item for item in items if _draws(item)]


def _draws(item: pytest.Item) -> bool:
    return bool(getattr(getattr(item, "obj", None), "is_hypothesis_test", False))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed:
        _failures.append({"test": report.nodeid, "text": report.longreprtext})


def pytest_sessionfinish() -> None:
    write_report(_failures)
