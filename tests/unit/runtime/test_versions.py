from __future__ import annotations

import os
from pathlib import Path

import pytest

from releaser.runtime import versions
from releaser.runtime.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    for name, is_complete in (("1.0.0", True), ("1.1.0", False)):
        folder = tmp_path / "releases" / name
        folder.mkdir(parents=True)
        if is_complete:
            (folder / "manifest.json").write_text("{}")
    (tmp_path / "releases" / ".unpack-4711").mkdir()
    (tmp_path / "releases" / "default").write_text("1.0.0\n")
    return Layout.of(str(tmp_path), "1.0.0", {})


def test_a_version_without_a_manifest_is_not_complete(layout: Layout) -> None:
    found = {version.name: version.is_complete for version in versions.found_versions(layout.root)}
    assert found == {"1.0.0": True, "1.1.0": False}


def test_the_default_boots_until_something_else_is_current(layout: Layout) -> None:
    assert versions.booting_version(layout) == "1.0.0"
    versions.switch(layout, "1.1.0", versions.booting_version(layout))
    assert versions.booting_version(layout) == "1.1.0"
    assert versions.default_version(layout) == "1.0.0"


def test_a_switch_remembers_the_version_before_it(layout: Layout) -> None:
    assert versions.previous_version(layout) == ""
    versions.switch(layout, "1.1.0", versions.booting_version(layout))
    assert versions.previous_version(layout) == "1.0.0"
    versions.switch(layout, "1.1.0", versions.booting_version(layout))
    assert versions.previous_version(layout) == "1.0.0"
    versions.switch(layout, "1.0.0", versions.booting_version(layout))
    assert versions.previous_version(layout) == "1.1.0"


def test_a_switch_leaves_no_temporary_file(layout: Layout) -> None:
    versions.switch(layout, "1.1.0", versions.booting_version(layout))
    assert sorted(path.name for path in Path(layout.var).iterdir()) == ["current", "previous"]


def test_what_cannot_be_written_leaves_the_old_version_current(layout: Layout) -> None:
    versions.switch(layout, "1.1.0", versions.booting_version(layout))
    (Path(layout.var) / f".current.{os.getpid()}").mkdir()
    with pytest.raises(OSError, match="directory"):
        versions.switch(layout, "1.0.0", versions.booting_version(layout))
    assert versions.booting_version(layout) == "1.1.0"
