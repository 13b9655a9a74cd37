"""The servers, as the package registry has them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REQUIREMENTS = Path(__file__).parent / "requirements.txt"


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the servers of requirements.txt for this Python."""
    folder = tmp_path_factory.mktemp("servers")
    words = ["pip", "install", "--quiet", "--python", sys.executable, "--target", str(folder), "-r", str(REQUIREMENTS)]
    done = subprocess.run([sys.executable, "-m", "uv", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        assert "CI" not in os.environ, done.stderr
        pytest.skip("the package registry is not reached")
    return folder
