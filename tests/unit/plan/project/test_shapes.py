"""A project's files of another shape are named before anything is read from them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.locks import lock_in

from releaser.build.dependencies.pins import split_local_projects
from releaser.errors import ProjectError
from releaser.plan.project.locks.finding import LockUnusable
from releaser.plan.project.pyproject import UnusableProject, read_project, read_pyproject

PROJECT = '[project]\nname = "tiny"\nversion = "1.0.0"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("project = 3\n", "project is not a table"),
        ("[[project]]\n", "project is not a table"),
        ('[project]\nname = "a\\nb"\n', "project.name is not text on one line"),
        (PROJECT + "dependencies = 3\n", "project.dependencies is not an array of texts"),
        (PROJECT + "dynamic = 3\n", "project.dynamic is not an array of texts"),
        ("tool = 3\n" + PROJECT, "tool is not a table"),
        (PROJECT + "[tool]\nhatch = 3\n", "tool.hatch is not a table"),
        (PROJECT + "[tool.hatch.version]\npath = 3\n", "tool.hatch.version.path is not text on one line"),
        (PROJECT + "[x]\na = " + "[" * 5000, "nested too deeply"),
        (".".join(["a"] * 20_000) + " = 1\n" + PROJECT, "nested too deeply"),
        (PROJECT + "[" + " . ".join(["a"] * 20_000) + "]\n", "nested too deeply"),
        (PROJECT + "[x]\ny = { z = 1, " + ".".join(['"a b"'] * 20_000) + " = 1 }\n", "nested too deeply"),
        (PROJECT + "\0", "it cannot be read"),
        (PROJECT + "x = " + "9" * 5000, "it cannot be read"),
    ],
)
def test_a_pyproject_of_another_shape_is_unusable(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)

    with pytest.raises(UnusableProject, match=said):
        read_project(tmp_path)


def test_dots_in_a_text_are_no_depth(tmp_path: Path) -> None:
    dots = ".".join(["a"] * 500)
    (tmp_path / "pyproject.toml").write_text(f"{PROJECT}description = '{dots}'\n[x]\ny = ['{dots}', \"{dots}\"]\n")

    assert read_project(tmp_path).name == "tiny"


def test_a_pipe_in_its_place_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pyproject.toml")

    with pytest.raises(UnusableProject, match="not a regular file"):
        read_pyproject(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "packages = 3\n",
        "[[packages]]\ndirectory = 3\n",
        "[[packages]]\n[packages.directory]\n",
        "[[packages]]\nwheels = [3]\n",
        "a = " + "[" * 5000,
        ".".join(["a"] * 20_000) + " = 1",
        "\0",
    ],
)
def test_a_lock_of_another_shape_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "pylock.toml"
    path.write_text(text)

    with pytest.raises(ProjectError, match=r"cannot use pylock\.toml: "):
        split_local_projects(path, tmp_path)
    for name, listed in (("pylock.toml", "packages"), ("poetry.lock", "package"), ("uv.lock", "package")):
        (tmp_path / name).write_text(text.replace("packages", listed))
        with pytest.raises(LockUnusable):
            lock_in(tmp_path, name)


def test_a_lock_with_its_tables_in_any_order_is_read(tmp_path: Path) -> None:
    path = tmp_path / "pylock.toml"
    path.write_text('[tool.a.b]\n[tool.x]\n[tool.a]\n[y]\n[tool]\n[tool.a.c]\n[[packages]]\nname = "z"\n')

    assert split_local_projects(path, tmp_path)[1] == ()
