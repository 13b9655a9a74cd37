"""What lies in a project's packages and cannot be in a wheel."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from releaser.build.project.package_files import check_package_files
from releaser.errors import ProjectError


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a package, a link that leads nowhere, and pipes where no backend looks."""
    project = tmp_path / "services" / "shop"
    (project / "src/shop/data").mkdir(parents=True)
    (project / "src/shop/__init__.py").touch()
    (project / "src/shop/dangling").symlink_to("nowhere")
    for folder in (".git", "var", "_build/prod/shop", "src/shop/.cache", "env"):
        (project / folder).mkdir(parents=True)
        os.mkfifo(project / folder / "pipe")
    (project / "_build/prod/shop/__init__.py").touch()
    (project / "env/pyvenv.cfg").touch()
    return project


def problems(project: Path) -> list[str]:
    try:
        check_package_files(project, project.parents[1], project / "_build")
    except ProjectError as error:
        return [f"{each.where}: {each.what}" for each in error.problems]
    return []


def test_pipes_outside_of_packages_are_nobodys_business(project: Path) -> None:
    assert problems(project) == []


def test_a_pipe_in_a_package_is_refused_by_name(project: Path) -> None:
    os.mkfifo(project / "src/shop/data/pipe")
    assert problems(project) == [
        "services/shop/src/shop/data/pipe: is neither a file nor a folder, and a wheel cannot hold it"
    ]


def test_a_folder_of_a_package_that_cannot_be_read_is_refused_by_name(project: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root can read every folder")
    (project / "src/shop/data").chmod(0)
    found = problems(project)
    (project / "src/shop/data").chmod(0o755)
    assert found == ["services/shop/src/shop/data: cannot be read: permission denied"]
