"""A hint that appends a line, carried out by a shell."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from releaser.init.appending import append_command


@pytest.mark.parametrize("before", [None, "", "flask\n", "flask>=3", "flask\r\n"])
def test_the_line_is_one_of_its_own(tmp_path: Path, before: str | None) -> None:
    file = tmp_path / "requirements.txt"
    if before is not None:
        file.write_bytes(before.encode())
    subprocess.run(["sh", "-c", append_command(tmp_path, file.name, "gunicorn")], cwd=tmp_path, check=True)
    lines = [line.strip() for line in file.read_text().splitlines() if line.strip()]
    assert lines == [*(before or "").split(), "gunicorn"]
