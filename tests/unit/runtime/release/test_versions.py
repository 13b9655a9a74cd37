from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from releaser.runtime.release import versions
from releaser.runtime.release.layout import Layout


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


@pytest.mark.parametrize(
    "written",
    [
        b"../var/evil\n",
        b"/evil\n",
        b".\n",
        b"..\n",
        b".hidden\n",
        b"\n",
        b"",
        b"1.0.0\0\n",
        b"1.0.0\r\n",
        b"\x7fELF\xff\n",
        b"x" * 201,
        b"x" * 100_000,
        b"\x1b[31m1.0.0\n",
    ],
)
def test_what_is_no_name_of_a_version_is_none_wherever_it_stands(layout: Layout, written: bytes) -> None:
    files = [Path(layout.var, "current"), Path(layout.var, "previous"), Path(layout.root, "releases/default")]
    Path(layout.var).mkdir()
    for file in files:
        file.write_bytes(written)
    assert versions.booting_version(layout) == ""
    assert versions.previous_version(layout) == ""
    assert versions.default_version(layout) == ""


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_folder(path: Path) -> None:
    path.mkdir()


def a_link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_link_to_nothing(path: Path) -> None:
    path.symlink_to("nothing")


@pytest.mark.parametrize("put", [a_pipe, a_folder, a_link_to_itself, a_device, a_link_to_nothing])
def test_what_is_no_file_names_no_version_and_the_default_does_not_boot_instead(
    layout: Layout, put: Callable[[Path], None]
) -> None:
    Path(layout.var).mkdir()
    put(Path(layout.current))
    put(Path(layout.var, "previous"))
    assert versions.booting_version(layout) == ""
    assert versions.previous_version(layout) == ""
