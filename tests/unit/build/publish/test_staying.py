"""Which versions stay in the tree of a new build, and how they get there."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from pathlib import Path

import pytest

from releaser.build.publish import staying


def add_version(root: Path, version: str, python: str = "") -> Path:
    folder = root / "releases" / version
    (folder / "hooks").mkdir(parents=True)
    (folder / "hooks/10-x").write_text("#!/bin/sh\n")
    (folder / "hooks/10-x").chmod(0o755)
    (folder / "link").symlink_to("hooks/10-x")
    manifest = {"python": {"bundled": python}, "bundle": {"id": f"id-{version}"}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    if python:
        (root / python / "bin").mkdir(parents=True, exist_ok=True)
        (root / python / "bin/python3").write_text("python")
    return folder


def chosen(root: Path, new: str, running: dict[str, str] | None = None) -> list[str]:
    return [each.version for each in staying.staying_versions(root, new, running or {})]


def test_nothing_stays_of_a_release_that_neither_runs_nor_was_upgraded(tmp_path: Path) -> None:
    add_version(tmp_path, "1.0.0")
    assert staying.running_versions(tmp_path) == {}
    assert chosen(tmp_path, "1.1.0") == []


def test_what_current_names_stays_unless_it_is_built_anew_or_not_there(tmp_path: Path) -> None:
    add_version(tmp_path, "1.0.0")
    (tmp_path / "var").mkdir()
    (tmp_path / "var/current").write_text("1.0.0\n")
    assert chosen(tmp_path, "1.1.0") == ["1.0.0"]
    assert chosen(tmp_path, "1.0.0") == []
    (tmp_path / "var/current").write_text("0.9.0\n")
    assert chosen(tmp_path, "1.1.0") == []


def test_what_runs_stays(tmp_path: Path) -> None:
    add_version(tmp_path, "1.0.0")
    add_version(tmp_path, "1.1.0")
    assert chosen(tmp_path, "1.2.0", {"1.0.0": "it runs", "0.1.0": "it runs"}) == ["1.0.0"]


def test_while_something_runs_that_does_not_say_what_every_version_may_be_it(tmp_path: Path) -> None:
    add_version(tmp_path, "1.0.0")
    add_version(tmp_path, "1.1.0")
    (tmp_path / "var/run").mkdir(parents=True)
    lock = os.open(tmp_path / "var/run/lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    assert sorted(staying.running_versions(tmp_path)) == ["1.0.0", "1.1.0"]
    os.close(lock)


def test_a_version_comes_along_with_its_interpreter_as_the_same_files(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    folder = add_version(old, "1.0.0", "python-3.12.1-aa")
    add_version(new, "1.1.0", "python-3.12.1-bb")
    staying.bring_along(old, new, ["1.0.0"], ["1.0.0"])
    there = new / "releases/1.0.0"
    assert (there / "hooks/10-x").stat().st_ino == (folder / "hooks/10-x").stat().st_ino
    assert (there / "link").readlink() == Path("hooks/10-x")
    assert (new / "python-3.12.1-aa/bin/python3").read_text() == "python"
    shutil.rmtree(old)
    assert (there / "hooks/10-x").read_text() == "#!/bin/sh\n"
    assert staying.bundles_of(new, ["1.0.0"]) == {"id-1.0.0"}


def test_an_interpreter_stays_with_which_the_version_runs_that_is_built_anew(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    add_version(old, "1.0.0", "python-3.12.1-aa")
    add_version(new, "1.0.0", "python-3.12.1-bb")
    staying.bring_along(old, new, [], ["1.0.0"])
    assert sorted(path.name for path in new.glob("python-*")) == ["python-3.12.1-aa", "python-3.12.1-bb"]


def test_where_links_cannot_be_made_it_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise PermissionError(1, "not permitted")

    old, new = tmp_path / "old", tmp_path / "new"
    folder = add_version(old, "1.0.0")
    (new / "releases").mkdir(parents=True)
    monkeypatch.setattr(os, "link", refuse)
    staying.bring_along(old, new, ["1.0.0"], [])
    copied = new / "releases/1.0.0/hooks/10-x"
    assert copied.stat().st_ino != (folder / "hooks/10-x").stat().st_ino
    assert copied.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("text", ["", "[]", "{", '{"python": []}', '{"python": {"bundled": "../../etc"}}'])
def test_a_manifest_that_cannot_be_read_brings_no_interpreter(tmp_path: Path, text: str) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    add_version(old, "1.0.0")
    (old / "releases/1.0.0/manifest.json").write_text(text)
    (new / "releases").mkdir(parents=True)
    staying.bring_along(old, new, ["1.0.0"], ["1.0.0"])
    assert sorted(path.name for path in new.iterdir()) == ["releases"]
