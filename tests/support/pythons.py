"""Programs that say they are some Python, where one is looked for; none of them runs a line of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


def put_python(program: Path, full_version: str, implementation: str = "cpython") -> Path:
    """Write a program that answers the question which Python it is."""
    program.parent.mkdir(parents=True, exist_ok=True)
    answer = json.dumps([str(program), full_version, implementation, "linux-x86_64"])
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{answer}\nEND\n")
    program.chmod(0o755)
    return program


def hide_pythons(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nothing be found but what is put into `path`, `pyenv/versions` and `uv` in `folder`, and the shell's own."""
    for name in ("sh", "cat"):
        (folder / "path").mkdir(parents=True, exist_ok=True)
        (folder / "path" / name).symlink_to(f"/bin/{name}")
    monkeypatch.setenv("PATH", str(folder / "path"))
    monkeypatch.setenv("PYENV_ROOT", str(folder / "pyenv"))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(folder / "uv"))
