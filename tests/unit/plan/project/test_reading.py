"""What lies where a file of the project would is read if it is one, and named if not; nothing is waited for."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from support.locks import lock_in

from releaser.errors import ProjectError
from releaser.init.findings import find
from releaser.plan.files.named import look_at
from releaser.plan.files.private import is_private
from releaser.plan.project.locks.finding import NAMES, LockUnusable
from releaser.plan.project.pyproject import read_project
from releaser.plan.project.reading import Unreadable, content_of

PROJECT = '[project]\nname = "shop"\ndynamic = ["version"]\n'
Place = Callable[[Path], object]
PLACES: dict[str, tuple[Place, str]] = {
    "a pipe": (os.mkfifo, "not a regular file"),
    "a folder": (Path.mkdir, "a folder, and no file"),
    "a loop": (lambda path: path.symlink_to(path.name), "cannot be read: too many levels of symbolic links"),
    "a link to nothing": (lambda path: path.symlink_to("nothing"), "a link that leads nowhere"),
    "a file that fails": (lambda path: path.symlink_to("/proc/self/mem"), "cannot be read: input/output error"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "not a regular file"),
}


@pytest.mark.parametrize("what", PLACES)
@pytest.mark.parametrize("name", [name for name, _ in NAMES])
def test_what_has_the_name_of_a_lock_and_cannot_be_read_is_not_taken_for_none(
    tmp_path: Path, name: str, what: str
) -> None:
    place, why = PLACES[what]
    place(tmp_path / name)

    for named in ("", name):
        with pytest.raises(LockUnusable) as caught:
            lock_in(tmp_path, named)
        assert caught.value.lock.shown == name
        assert why in caught.value.lock.why


def test_a_lock_of_the_workspace_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.uv.workspace]\nmembers = ['a']\n")
    (tmp_path / "uv.lock").mkdir()
    (tmp_path / "a").mkdir()

    with pytest.raises(LockUnusable):
        lock_in(tmp_path / "a")


@pytest.mark.parametrize("what", PLACES)
def test_init_refuses_a_lock_that_cannot_be_read(tmp_path: Path, what: str) -> None:
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    place, why = PLACES[what]
    place(tmp_path / "uv.lock")

    with pytest.raises(ProjectError, match=r"cannot use uv\.lock: .*" + why):
        find(tmp_path)


@pytest.mark.parametrize("what", PLACES)
@pytest.mark.parametrize("name", ["setup.cfg", "Procfile", "Dockerfile", "alembic.ini", "manage.py", "shop.py"])
def test_what_has_the_name_of_another_file_of_the_project_is_as_none_and_not_waited_for(
    tmp_path: Path, name: str, what: str
) -> None:
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    PLACES[what][0](tmp_path / name)

    assert find(tmp_path).name == "shop"
    assert read_project(tmp_path).version == ""


@pytest.mark.parametrize("what", ["a pipe", "a file that fails", "a link to nothing"])
def test_a_hook_and_a_key_that_cannot_be_read_are_not_waited_for(tmp_path: Path, what: str) -> None:
    PLACES[what][0](tmp_path / "hook")
    PLACES[what][0](tmp_path / "ours.pem")

    fact = look_at(tmp_path, ["hook"])["hook"]

    assert (fact.kind, fact.readable) in {("other", True), ("file", False), ("missing", True)}
    assert is_private(tmp_path / "ours.pem") is (what != "a pipe")


def test_a_file_that_never_ends_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "uv.lock"
    with path.open("wb") as file:
        file.truncate(65 * 1024 * 1024)

    with pytest.raises(Unreadable, match="it is larger than 64 MiB"):
        content_of(path)
