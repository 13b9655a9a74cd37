"""Secrets among the migrations are not copied, and each is named."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from releaser.build.project.left_out import without_private_files


def test_secrets_among_copied_files_are_left_out_and_named(tmp_path: Path) -> None:
    source = tmp_path / "src/migrations"
    for name in ("env.py", "versions/0001.py", "versions/__pycache__/0001.pyc", ".env", "versions/id_rsa"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text("x")
    stage: Any = SimpleNamespace(plan=SimpleNamespace(root=tmp_path), warnings=[])
    shutil.copytree(source, tmp_path / "to", ignore=without_private_files(stage))
    copied = {str(path.relative_to(tmp_path / "to")) for path in (tmp_path / "to").rglob("*") if path.is_file()}
    assert copied == {"env.py", "versions/0001.py"}
    assert [warning.partition(":")[0] for warning in stage.warnings] == [
        "src/migrations/.env",
        "src/migrations/versions/id_rsa",
    ]
