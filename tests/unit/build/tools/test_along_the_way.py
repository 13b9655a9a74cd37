"""Where setuptools keeps what it makes along the way."""

from __future__ import annotations

import configparser
from pathlib import Path

from releaser.build.tools.along_the_way import make_room, variables


def settings(into: Path) -> configparser.RawConfigParser:
    (path,) = variables(into).values()
    read = configparser.RawConfigParser()
    read.read(path, encoding="utf-8")
    return read


def test_it_is_a_folder_beside_the_wheel_and_not_the_projects(tmp_path: Path) -> None:
    project, into = tmp_path / "the prøject", tmp_path / "wheels/0"
    project.mkdir()
    into.mkdir(parents=True)
    make_room(project, into, {})
    for section, name in (("build", "build_base"), ("egg_info", "egg_base")):
        value = settings(into)[section][name]
        assert not Path(value).is_absolute(), "setuptools refuses that among the files of a project"
        folder = (project / value).resolve()
        assert folder.parent == into
        assert folder.is_dir()


def test_a_file_of_the_callers_own_keeps_its_other_settings(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.cfg"
    theirs.write_text("[build]\nbuild_base = /elsewhere\nparallel = 4\n[bdist_wheel]\npy_limited_api = cp311\n")
    (tmp_path / "wheels").mkdir()
    make_room(tmp_path, tmp_path / "wheels", {"DIST_EXTRA_CONFIG": str(theirs)})
    read = settings(tmp_path / "wheels")
    assert read["build"]["parallel"] == "4"
    assert read["build"]["build_base"] != "/elsewhere"
    assert read["bdist_wheel"]["py_limited_api"] == "cp311"
