"""What must never get into a release, by name and by content."""

from __future__ import annotations

from pathlib import Path

import pytest

from releaser.plan.files.private import is_private

# In two parts, so that no scanner takes this file for a key.
KEY = "-----BEGIN OPENSSH " + "PRIVATE KEY-----\nabc\n"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nabc\n"


@pytest.mark.parametrize(
    "name",
    [".env", ".env.production", "id_rsa", "id_ed25519", ".netrc", ".pypirc", "store.P12", "a.pem", "prod.env.local"],
)
def test_a_file_with_a_name_of_secrets_is_private(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("x")
    assert is_private(tmp_path / name)


@pytest.mark.parametrize(
    "name", [".env.example", "id_rsa.pub", "environment.env", "keys.py", "server.key", ".envrc.md"]
)
def test_a_file_that_only_looks_like_one_is_not(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("x")
    assert not is_private(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "text", "private"),
    [
        ("ca.pem", CERTIFICATE, False),
        ("both.pem", CERTIFICATE + KEY, True),
        ("server.key", KEY, True),
        ("public.pem", "-----BEGIN PUBLIC KEY-----\n", False),
    ],
)
def test_the_content_of_a_key_file_decides(tmp_path: Path, name: str, text: str, private: bool) -> None:
    (tmp_path / name).write_text(text)
    assert is_private(tmp_path / name) is private


def test_the_folder_of_a_repository_is_private_and_others_are_not(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "env").mkdir()
    assert is_private(tmp_path / ".git")
    assert not is_private(tmp_path / "env")
