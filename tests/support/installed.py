"""Packages of other people that a test runs inside a release, installed beside it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from uv import find_uv_bin


def install(folder: Path, *requirements: str) -> dict[str, str]:
    """Install into `folder`; return the `.pth` file that puts it on the path of a handmade release."""
    command = [find_uv_bin(), "pip", "install", "--quiet", "--python", sys.executable, "--target", str(folder)]
    subprocess.run([*command, *requirements], check=True)
    return {"installed.pth": f"{folder}\n"}
