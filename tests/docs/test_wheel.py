"""The wheel that people install carries what releaser reads of itself: its pages, its templates, the runtime."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

from uv import find_uv_bin

ROOT = Path(__file__).parents[2]


def test_the_wheel_holds_every_file_of_the_package(tmp_path: Path) -> None:
    command = [find_uv_bin(), "build", "--quiet", "--wheel", "--out-dir", tmp_path, ROOT]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr

    (wheel,) = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())

    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "releaser").rglob("*")
        if path.is_file() and path.suffix != ".pyc" and not path.name.startswith(".")
    }
    assert found - held == set()
    assert any(name.startswith("releaser/docs/reference/") for name in held)
