"""The wheel that describes an application: what pyproject.toml says of it."""

from __future__ import annotations

import zipfile
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path

import pytest

from releaser.build.project.application_wheel import write_application_wheel
from releaser.errors import BuildError

PYPROJECT = """\
[project]
name = "My.Shop"
version = "1.0-beta1"
requires-python = ">=3.11"
dependencies = ["flask>=3", "tomli; python_version < '3.11'"]

[project.optional-dependencies]
server = ["gunicorn[gevent]>=20; sys_platform == 'linux'"]

[project.scripts]
shop = "app:main"

[project.entry-points."shop.formats"]
plain = "app:plain"
"""


def make(folder: Path, text: str = PYPROJECT) -> Path:
    folder.mkdir()
    (folder / "pyproject.toml").write_text(text)
    (folder / "app.py").write_text("def main(): ...\n")
    return folder


def installed(wheel: Path, folder: Path) -> Distribution:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    (info,) = folder.glob("*.dist-info")
    return PathDistribution(info)


def test_it_says_what_pyproject_says_and_holds_no_file_of_the_app(tmp_path: Path) -> None:
    wheel = write_application_wheel(make(tmp_path / "project"), tmp_path)

    found = installed(wheel, tmp_path / "installed")

    assert wheel.name == "my_shop-1.0b1-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        modes = {info.filename: info.external_attr >> 16 for info in archive.infolist()}
    assert {name.partition("/")[0] for name in modes} == {"my_shop-1.0b1.dist-info"}
    assert set(modes.values()) == {0o100644}
    assert (found.metadata["Name"], found.version, found.metadata["Requires-Python"]) == ("My.Shop", "1.0b1", ">=3.11")
    assert found.requires == [
        "flask>=3",
        'tomli; python_version < "3.11"',
        'gunicorn[gevent]>=20; sys_platform == "linux" and extra == "server"',
    ]
    groups = {(point.group, point.name): point.value for point in found.entry_points}
    assert groups == {("console_scripts", "shop"): "app:main", ("shop.formats", "plain"): "app:plain"}
    assert {str(path) for path in found.files or ()} == set(modes)


def test_the_same_files_are_the_same_bytes(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    wheels = []
    for folder in folders:
        project = make(folder)
        (folder / "wheels").mkdir()
        wheels.append(write_application_wheel(project, folder / "wheels").read_bytes())

    assert wheels[0] == wheels[1]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("1.0-beta1", "one", "'one' in pyproject.toml is no version"),
        ("flask>=3", "flask >>= 3", "'flask >>= 3' in pyproject.toml is no requirement"),
    ],
)
def test_what_cannot_stand_in_a_wheel_is_told(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(BuildError, match=message):
        write_application_wheel(make(tmp_path / "project", PYPROJECT.replace(old, new)), tmp_path)
