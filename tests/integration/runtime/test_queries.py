"""What probes call every second stays small: the modules that a query imports, as the interpreter counts them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.running import Release, ended, make_release

MOST_OF_OURS = 13
"""Ten modules, and the `__init__` of each of their three rooms; one costs a tenth of a millisecond, of ten."""
OF_THE_LIBRARY = "import __future__, _socket, io, os"
"""More than a bare interpreter has: `os` with its own, which are more of them with each Python, and the socket."""


@pytest.fixture
def release(tmp_path: Path) -> Iterator[Release]:
    app = {"app.py": "import threading\n\ndef main():\n    threading.Event().wait()\n"}
    with ended(make_release(tmp_path / "release", tmp_path / "scratch", modules=app)) as release:
        release.foreground()
        yield release


def imported(release: Release, *words: str) -> tuple[subprocess.CompletedProcess[str], set[str]]:
    """Run an interpreter as the launcher does; return with it the modules that it says it has imported."""
    argv = [sys.executable, "-I", "-S", "-X", "importtime", *words]
    done = subprocess.run(argv, env=release.env, capture_output=True, text=True, timeout=60, check=True)
    rows = [line.split("|") for line in done.stderr.splitlines() if line.startswith("import time:")]
    return done, {row[2].strip() for row in rows[1:]}  # the first one is the heading


@pytest.mark.parametrize("query", ["ping", "pid", "status"])
def test_a_query_imports_no_more_modules_than_it_needs(release: Release, query: str) -> None:
    entry = release.root / "releases/1.0.0/runtime/__main__.py"
    _, bare = imported(release, "-c", OF_THE_LIBRARY)
    done, found = imported(release, str(entry), str(release.root), "1.0.0", query)
    assert done.stdout
    ours = {name for name in found if name.partition(".")[0] == "releaser"}
    assert "releaser.runtime.protocol.client" in ours
    assert found - ours <= bare
    assert len(ours) <= MOST_OF_OURS, sorted(ours)
