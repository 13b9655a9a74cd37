"""What every test may use."""

from __future__ import annotations

import os
import signal
import sys
import zlib
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

# A shell that starts the tests in the background, or nohup(1), ignores these for them and for everything they start.
OFTEN_IGNORED = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGQUIT: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_DFL,
}
for number, handler in OFTEN_IGNORED.items():
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)

SHARE = "RELEASER_SHARE_OF_TESTS"
"""`2/3`: of the files that are dealt out to the Pythons of `.ci/run`, those of the second one of three."""
BY_EVERY_PYTHON = (
    *("test_", "unit/", "zoo/", "properties/", "integration/runtime/"),
    "integration/migrations/test_matrix.py",
)
"""Where an interpreter makes the difference. The others are about servers, disks and kills, and take many minutes."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the files that another Python runs."""
    share = os.environ.get(SHARE)
    if not share:
        return
    number, count = map(int, share.split("/"))
    here = Path(__file__).parent
    is_dealt = {item: _is_dealt_to(item.path.relative_to(here).as_posix(), number, count) for item in items}
    config.hook.pytest_deselected(items=[item for item in items if not is_dealt[item]])
    items[:] = [item for item in items if is_dealt[item]]


def _is_dealt_to(path: str, number: int, count: int) -> bool:
    return path.startswith(BY_EVERY_PYTHON) or zlib.crc32(path.encode()) % count == number - 1
