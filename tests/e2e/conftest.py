"""Releases of the guestbook, each built once; tests get copies of their own."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.built import Project, copy_project, release_in
from support.running import Release, ended, ending

Place = Callable[..., Release]


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that was built for prod and staging: the example that people copy, so without a warning."""
    project = copy_project(tmp_path_factory.mktemp("story") / "the project")
    for environment in ("prod", "staging"):
        assert "warning" not in project.build("--env", environment).stderr
    return project


@pytest.fixture(scope="session")
def anywhere(project: Project) -> Path:
    """The release of an environment that includes the C library."""
    with (project.root / "rel/config.toml").open("a") as file:
        file.write('\n[environment.anywhere]\nextends = "prod"\ninclude_libc = true\n')
    project.build("--env", "anywhere")
    return project.root / "_build/anywhere/rel/app"


@pytest.fixture
def place(project: Project, tmp_path: Path) -> Iterator[Place]:
    """Return a function that puts a built release somewhere else and ends it with the test."""
    with ending() as kept:

        def put(environment: str = "prod", folder: str = "release") -> Release:
            root = tmp_path / folder
            shutil.copytree(project.root / "_build" / environment / "rel" / "app", root, symlinks=True)
            release = release_in(root, tmp_path / "scratch")
            return kept(release)

        yield put


@pytest.fixture
def unpacked(project: Project, tmp_path: Path) -> Iterator[Release]:
    """The release of the prod archive, unpacked by plain tar."""
    (tmp_path / "elsewhere").mkdir()
    (archive,) = (project.root / "_build" / "prod").glob("app-*.tar.gz")
    with tarfile.open(archive) as tar:
        assert all(member.uid == 0 and member.uname == "" for member in tar)
    import subprocess

    subprocess.run(["tar", "xzf", archive], cwd=tmp_path / "elsewhere", check=True)
    release = release_in(tmp_path / "elsewhere" / "app", tmp_path / "scratch")
    with ended(release):
        yield release
