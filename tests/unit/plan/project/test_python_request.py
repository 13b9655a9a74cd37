"""Which Python do the files of a project name?"""

from __future__ import annotations

from pathlib import Path

import pytest

from releaser.plan.facts import PythonRequest
from releaser.plan.project.python_request import python_request


@pytest.mark.parametrize(
    ("name", "text", "version"),
    [
        (".python-version", "# the team's\n3.12\n3.11\n", "3.12"),
        (".python-version", "cpython-3.12.4\n", "3.12.4"),
        (".python-version", "pypy3.10\n3.13.1\n", "3.13.1"),
        ("runtime.txt", "python-3.11.9\n", "3.11.9"),
        (".tool-versions", "nodejs 20.1.0\npython 3.12.2 3.11.1 # both\n", "3.12.2"),
        ("mise.toml", '[tools]\nnode = "20"\npython = "3.12"\n', "3.12"),
        ("mise.toml", '[tools]\npython = ["3.13", "3.12"]\n', "3.13"),
        (".mise.toml", '[tools]\npython = { version = "3.11" }\n', "3.11"),
        ("Pipfile", '[requires]\npython_version = "3.12"\n', "3.12"),
        ("Pipfile", '[requires]\npython_version = "3.12"\npython_full_version = "3.12.4"\n', "3.12.4"),
    ],
)
def test_a_version_is_read_from_each_of_the_files_that_name_one(
    tmp_path: Path, name: str, text: str, version: str
) -> None:
    (tmp_path / name).write_text(text)

    assert python_request(tmp_path) == PythonRequest(version=version, source=name)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".python-version", "pypy3.10\n"),
        (".python-version", "system\n"),
        (".python-version", "2.7.18\n"),
        ("runtime.txt", "nodejs-20\n"),
        (".tool-versions", "nodejs 3.12\n"),
        ("mise.toml", "= broken"),
        ("mise.toml", '[tools]\npython = "latest"\n'),
        ("Pipfile", "[packages]\n"),
    ],
)
def test_what_names_none_in_numbers_is_passed_over(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)

    assert python_request(tmp_path) is None


def test_the_file_that_is_nearest_to_what_runs_comes_first(tmp_path: Path) -> None:
    (tmp_path / "runtime.txt").write_text("python-3.11.9\n")
    (tmp_path / "Pipfile").write_text('[requires]\npython_version = "3.13"\n')
    (tmp_path / ".python-version").write_text("3.12\n")

    assert python_request(tmp_path) == PythonRequest(version="3.12", source=".python-version")


@pytest.mark.parametrize("top", [".git", "uv.lock"])
def test_a_project_below_the_top_of_a_repository_has_the_python_of_the_nearest_folder_above(
    tmp_path: Path, top: str
) -> None:
    project = tmp_path / "repository" / "apps" / "shop"
    project.mkdir(parents=True)
    (tmp_path / ".python-version").write_text("3.11\n")
    (tmp_path / "repository" / top).touch()
    (tmp_path / "repository" / "runtime.txt").write_text("python-3.13.1\n")
    nothing = python_request(project)
    (tmp_path / "repository" / ".tool-versions").write_text("python 3.12.4\n")

    assert nothing is None, "what lies above the repository is somebody else's, and runtime.txt is its root's alone"
    assert python_request(project) == PythonRequest(version="3.12.4", source="../../.tool-versions")


def test_without_a_repository_nothing_above_is_asked(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / ".python-version").write_text("3.11\n")

    assert python_request(tmp_path / "project") is None
