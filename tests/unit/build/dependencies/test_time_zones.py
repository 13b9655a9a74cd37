"""Code that asks for time zones is found, and the package that brings them is copied whole."""

from __future__ import annotations

from pathlib import Path

from releaser.build.dependencies.time_zones import asks_for_zones, copy_package


def test_the_first_module_that_names_zoneinfo_is_found(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/plain.py").write_text("import os\n")
    (tmp_path / "a/notes.txt").write_text("zoneinfo\n")
    assert asks_for_zones((tmp_path,)) is None
    (tmp_path / "b.py").write_text("def f():\n    from zoneinfo import ZoneInfo\n")
    assert asks_for_zones((tmp_path,)) == tmp_path / "b.py"


def test_the_package_is_copied_with_its_metadata_and_nothing_of_this_machine(tmp_path: Path) -> None:
    version = copy_package(tmp_path)
    (metadata,) = tmp_path.glob("tzdata-*.dist-info")
    assert metadata.name == f"tzdata-{version}.dist-info"
    assert (tmp_path / "tzdata/zoneinfo/Europe/Oslo").read_bytes().startswith(b"TZif")
    assert not {"INSTALLER", "REQUESTED", "direct_url.json"} & {path.name for path in metadata.iterdir()}
    assert not list(tmp_path.rglob("*.pyc"))
    listed = {line.partition(",")[0] for line in (metadata / "RECORD").read_text().splitlines()}
    assert listed == {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
