"""What exporters write, and what is done with it before an installer reads it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from releaser.build.dependencies.pins import read_pins, recorded, split_by_index, split_local_projects


def test_the_password_of_an_index_does_not_change_what_is_pinned(tmp_path: Path) -> None:
    keys = set()
    for user in ("", "ada:hunter2@", "ada:hunter3@"):
        path = tmp_path / "requirements.txt"
        path.write_text(f"--index-url https://{user}packages.example/simple\nleaf==1.0 --hash=sha256:00\n")
        keys.add(read_pins(path, is_hashed=True).key)
    path.write_text("--index-url https://other.example/simple\nleaf==1.0 --hash=sha256:00\n")
    assert len(keys) == 1
    assert read_pins(path, is_hashed=True).key not in keys


def test_what_was_resolved_is_recorded_without_indexes_users_and_folders() -> None:
    text = (
        "--index-url https://ada:hunter2@packages.example/simple\nleaf==1.0 \\\n    --hash=sha256:00\n"
        "-e file:///home/ada/shop\nfork @ https://ada:hunter2@packages.example/fork.whl\n"
    )
    assert recorded(text) == ("leaf==1.0 \\\n    --hash=sha256:00\nfork @ https://packages.example/fork.whl\n")


def test_each_requirement_goes_to_the_index_that_its_hash_is_of() -> None:
    text = "leaf==1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\nleaf==1.0 ; os_name == 'nt' --hash=sha256:cc\n"
    rest, others = split_by_index(text, {"sha256:bb": "inner=https://packages.example/simple"})
    assert rest == "leaf==1.0 ; os_name == 'nt' --hash=sha256:cc\n"
    assert others == {"inner=https://packages.example/simple": "leaf==1.0 --hash=sha256:aa --hash=sha256:bb\n"}
    assert split_by_index(text, {}) == (text, {})


def make_project(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").touch()
    return folder


def test_projects_of_the_same_repository_are_found_whatever_their_folders_are_called(tmp_path: Path) -> None:
    names = ("libs/plain", "libs/with a spåce", "libs/50%20off", "libs/extra")
    folders = [make_project(tmp_path / name) for name in names]
    path = tmp_path / "requirements.txt"
    path.write_text(
        "./libs/plain\n-e ./libs/with a spåce ; python_version >= '3'\n    # via tiny\n./libs/50%20off\n"
        f"extra @ file://{tmp_path}/libs/extra\nleaf==1.0 \\\n    --hash=sha256:00\n"
    )
    text, found = split_local_projects(path, tmp_path)
    assert list(found) == folders
    assert text == "    # via tiny\nleaf==1.0 \\\n    --hash=sha256:00\n"


def test_a_project_whose_marker_does_not_hold_is_left_out(tmp_path: Path) -> None:
    for name in ("old", "new"):
        make_project(tmp_path / name)
    lines = tmp_path / "requirements.txt"
    lines.write_text("./old ; python_version < '3.12'\n./new ; python_version >= '3.12'\n")
    tables = tmp_path / "pylock.toml"
    tables.write_text(
        '[[packages]]\nname = "old"\nmarker = "python_version < \'3.12\'"\ndirectory = { path = "old" }\n'
        '[[packages]]\nname = "new"\nmarker = "python_version >= \'3.12\'"\ndirectory = { path = "new" }\n'
    )
    for path in (lines, tables):
        for version, name in (("3.11", "old"), ("3.13", "new")):
            text, found = split_local_projects(path, tmp_path, {"python_version": version})
            assert list(found) == [tmp_path / name]
            assert "old" not in text
            assert "new" not in text


COMMIT = f"gitdep @ git+https://git.example/gitdep.git@{'0123456789' * 4}"


@pytest.mark.parametrize(
    ("texts", "is_asked"),
    [
        (("leaf==1.0 --hash=sha256:00\n",), True),
        (("leaf==1.0 --hash=sha256:00\n", f"{COMMIT}#subdirectory=a ; python_version > '3'\n"), False),
        (("leaf==1.0 --hash=sha256:00\n", "gitdep @ git+https://git.example/gitdep.git@v1.0\n"), True),
        (("leaf==1.0\n", f"{COMMIT}\n"), True),
    ],
    ids=["hashes alone", "a commit", "a tag, which can be moved", "a commit, and something without a hash"],
)
def test_hashes_are_asked_for_unless_only_commits_have_none(
    tmp_path: Path, texts: tuple[str, ...], is_asked: bool
) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text("-r more.txt\n" + "".join(texts[1:]))
    (tmp_path / "more.txt").write_text(texts[0])
    assert read_pins(path, is_hashed=True).is_hashed is is_asked
    assert not read_pins(path, is_hashed=False).is_hashed


def test_files_that_a_pylock_names_are_found_from_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "pylock.toml"
    path.write_text(
        '[[packages]]\nname = "leaf"\narchive = { path = "vendor/leaf.whl" }\n'
        '[[packages]]\nname = "tree"\n'
        'wheels = [{ path = "/srv/tree.whl" }, { url = "https://packages.example/tree.whl" }]\n'
    )
    text, _ = split_local_projects(path, tmp_path / "locks")
    packages = tomllib.loads(text)["packages"]
    assert packages[0]["archive"]["path"] == f"{tmp_path}/locks/vendor/leaf.whl"
    assert packages[1]["wheels"] == [{"path": "/srv/tree.whl"}, {"url": "https://packages.example/tree.whl"}]
