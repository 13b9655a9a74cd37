"""Every target counts what it has run, and leaves its figures for `./dev fuzz`."""

from __future__ import annotations

import pytest
from support.fuzzing import write_report

_failures: list[dict[str, str]] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed:
        _failures.append({"test": report.nodeid, "text": report.longreprtext})


def pytest_sessionfinish() -> None:
    write_report(_failures)
