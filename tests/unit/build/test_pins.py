"""What exporters write, and what is done with it before an installer reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from releaser.build.pins import read_pins, split_pdm_lock, without_users

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


def test_the_password_of_an_index_does_not_change_what_is_pinned(tmp_path: Path) -> None:
    keys = set()
    for user in ("", "ada:hunter2@", "ada:hunter3@"):
        path = tmp_path / "requirements.txt"
        path.write_text(f"--index-url https://{user}packages.example/simple\nleaf==1.0 --hash=sha256:00\n")
        keys.add(read_pins(path, is_hashed=True).key)
    path.write_text("--index-url https://other.example/simple\nleaf==1.0 --hash=sha256:00\n")
    assert len(keys) == 1
    assert read_pins(path, is_hashed=True).key not in keys


def test_users_are_taken_out_of_trusted_hosts() -> None:
    text = "--trusted-host ada:hunter2@127.0.0.1:8080\n--trusted-host other.example\nleaf==1.0\n"
    assert without_users(text) == "--trusted-host 127.0.0.1:8080\n--trusted-host other.example\nleaf==1.0\n"
