"""What exporters write, and what is done with it before an installer reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from releaser.build.pins import split_pdm_lock, without_users

PDM_LOCK = """\
[metadata]
groups = ["default", "worker", "dev"]

[[package]]
name = "leaf"
version = "1.0"
groups = ["default"]

[[package]]
name = "shared"
path = "../a library"
groups = ["worker"]

[[package]]
name = "wheel"
path = "vendor/wheel-1.0-py3-none-any.whl"
groups = ["default"]
"""


@pytest.mark.parametrize(("chosen", "is_needed"), [((), False), (("Worker",), True), (("dev",), False)])
def test_a_pdm_lock_is_exported_without_projects_named_by_their_folders(
    tmp_path: Path, chosen: tuple[str, ...], is_needed: bool
) -> None:
    library = tmp_path / "a library"
    library.mkdir()
    (library / "pyproject.toml").touch()
    text, local = split_pdm_lock(PDM_LOCK, tmp_path / "project", chosen)
    assert [name in text for name in ("leaf", "shared", "wheel")] == [True, False, True]
    assert local == (f"file://{tmp_path}/a%20library\n" if is_needed else "")


def test_users_are_taken_out_of_trusted_hosts() -> None:
    text = "--trusted-host ada:hunter2@127.0.0.1:8080\n--trusted-host other.example\nleaf==1.0\n"
    assert without_users(text) == "--trusted-host 127.0.0.1:8080\n--trusted-host other.example\nleaf==1.0\n"
