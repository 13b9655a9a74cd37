"""Whether a version and its interpreter are as they were built."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.artifacts import INTERPRETER, finished

from releaser.runtime.manifest import Manifest, load
from releaser.runtime.tree_check import compare


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A release with two files in its interpreter, and a link, which no list has."""
    root = finished(tmp_path, interpreter={"bin/python3.11": "a program", "lib/python3.11/os.py": "import posix"})
    (root / INTERPRETER / "bin/python3").symlink_to("python3.11")
    return root


def manifest_of(root: Path) -> Manifest:
    return load(str(root / "releases/1.0.0/manifest.json"))


def test_the_files_of_the_interpreter_are_compared_and_counted(root: Path) -> None:
    manifest = manifest_of(root)
    assert compare(str(root), manifest) == ([], len(manifest.files) + 2)


def test_what_was_changed_in_the_interpreter_is_named(root: Path) -> None:
    manifest = manifest_of(root)
    (root / INTERPRETER / "lib/python3.11/os.py").write_text("import other")
    (root / INTERPRETER / "lib/python3.11/more.py").write_text("new")
    (root / INTERPRETER / "bin/python3.11").unlink()
    assert compare(str(root), manifest)[0] == [
        f"{INTERPRETER}/bin/python3.11: missing",
        f"{INTERPRETER}/lib/python3.11/more.py: not part of the release",
        f"{INTERPRETER}/lib/python3.11/os.py: changed",
    ]


def test_an_interpreter_that_is_gone_is_missing_as_a_whole(root: Path) -> None:
    manifest = manifest_of(root)
    (root / INTERPRETER).rename(root / "gone")
    assert compare(str(root), manifest)[0] == [f"{INTERPRETER}: missing"]


def test_a_list_that_was_changed_is_not_as_it_was_built(root: Path) -> None:
    manifest = manifest_of(root)
    (root / "releases/1.0.0/python.sha256").write_text("")
    assert compare(str(root), manifest)[0] == ["python.sha256: changed"]
