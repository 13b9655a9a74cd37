"""The folder that a wheel is built from: without `rel/` where setuptools would take that for a package."""

from __future__ import annotations

from pathlib import Path

import pytest

from releaser.build.project.flat_layout import finds_packages_by_itself, folder_to_build

PLAIN = '[project]\nname = "shop"\n'


def make(folder: Path, text: str = PLAIN, *names: str) -> Path:
    for name in ("rel/config.toml", "_build/x", "build/lib/old.py", "shop.egg-info/PKG-INFO", "shop.py", *names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    (folder / "pyproject.toml").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PLAIN, True),
        (f'{PLAIN}[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n', True),
        (f'{PLAIN}[build-system]\nbuild-backend = "hatchling.build"\n', False),
        (f'{PLAIN}[tool.setuptools]\npy-modules = ["shop"]\n', False),
        (f'{PLAIN}[tool.setuptools.packages.find]\nwhere = ["."]\n', False),
        (f"{PLAIN}[tool.setuptools]\nzip-safe = false\n", True),
    ],
)
def test_only_setuptools_without_a_list_looks_for_packages_by_itself(tmp_path: Path, text: str, expected: bool) -> None:
    assert finds_packages_by_itself(make(tmp_path, text)) is expected


def test_a_project_with_src_is_built_where_it_is(tmp_path: Path) -> None:
    project = make(tmp_path / "project", PLAIN, "src/shop.py")

    assert folder_to_build(project, tmp_path / "links", (project / "rel",)) == project


def test_what_belongs_to_releaser_and_what_builds_have_made_is_not_there(tmp_path: Path) -> None:
    project = make(tmp_path / "project")

    folder = folder_to_build(project, tmp_path / "links", (project / "rel", project / "_build"))

    assert folder == tmp_path / "links"
    assert sorted(path.name for path in folder.iterdir()) == ["pyproject.toml", "shop.py"]
    assert (folder / "shop.py").resolve() == project / "shop.py"


def test_a_project_below_the_folder_that_holds_rel_is_built_where_it_is(tmp_path: Path) -> None:
    project = make(tmp_path / "services" / "shop")

    assert folder_to_build(project, tmp_path / "links", (tmp_path / "rel", tmp_path / "_build")) == project
