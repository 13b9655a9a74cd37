"""Which files are a project's tree: what git does not ignore, and the same by the patterns where there is no git."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from releaser.plan.project.tree import Tree, read_tree


def make(folder: Path, *names: str, ignores: str = "") -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (folder / ".gitignore").write_text(ignores)
    return folder


def git(folder: Path, *words: str) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    subprocess.run(["git", "-C", folder, *words], check=True, capture_output=True, env=environ)


def tree_of(folder: Path, **settings: tuple[str, ...]) -> Tree:
    return read_tree(folder, output=folder / "out", is_whole=not settings.get("named"), **settings)


ODD = ("a.py", "b/c.html", "b/c.log", "local/d.txt", "b/keep.log", "b/local/e.txt")
IGNORES = "*.log\n!keep.log\n/local/\n"


@pytest.mark.parametrize("has_git", [True, False])
def test_what_gitignore_names_is_left_out_with_git_and_without(tmp_path: Path, *, has_git: bool) -> None:
    project = make(tmp_path / "project", *ODD, ignores=IGNORES)
    if has_git:
        git(tmp_path, "init", "-q", str(project))
    assert set(tree_of(project).files) == {".gitignore", "a.py", "b/c.html", "b/keep.log", "b/local/e.txt"}


@pytest.mark.parametrize("has_git", [True, False])
def test_what_is_made_anew_everywhere_is_never_a_part(tmp_path: Path, *, has_git: bool) -> None:
    made = ("out/x", "_build/x", "node_modules/a/b.js", "b/__pycache__/a.pyc", "env/pyvenv.cfg", "env/lib/a.py")
    more = ("rel/config.toml", "dist/a.whl", "a.egg-info/PKG-INFO", "b/c.pyc", ".venv/pyvenv.cfg", "b/build/kept.txt")
    project = make(tmp_path / "project", "a.py", *made, *more)
    if has_git:
        git(tmp_path, "init", "-q", str(project))
    assert set(tree_of(project).files) == {".gitignore", "a.py", "b/build/kept.txt"}


def test_a_folder_that_builds_usually_make_is_a_part_once_git_tracks_it(tmp_path: Path) -> None:
    project = make(tmp_path / "project", "a.py", "build/kept.py")
    git(tmp_path, "init", "-q", str(project))
    git(project, "add", "build")
    assert "build/kept.py" in tree_of(project).files


def test_a_project_that_a_repository_further_up_ignores_is_read_all_the_same(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", str(make(tmp_path, ignores="/project/\n")))
    assert "a.py" in tree_of(make(tmp_path / "project", "a.py")).files


def test_a_repository_inside_is_a_part_as_a_folder(tmp_path: Path) -> None:
    project = make(tmp_path / "project", "a.py", "vendored/b.py", "vendored/c.log")
    git(tmp_path, "init", "-q", str(project))
    git(tmp_path, "init", "-q", str(make(project / "vendored", ignores="*.log\n")))
    assert set(tree_of(project).files) == {".gitignore", "a.py", "vendored/.gitignore", "vendored/b.py"}


def test_what_is_named_goes_in_ignored_or_not_and_exclude_holds_over_it(tmp_path: Path) -> None:
    project = make(tmp_path / "project", *ODD, ignores=IGNORES)
    found = tree_of(project, named=("local/", "b/*.html", "nothing.txt"), exclude=("*.txt",))
    assert set(found.files) == {"b/c.html"}
    assert found.unmatched == (2,)
    assert set(tree_of(project, exclude=("/b/", "!/b/keep.log")).files) == {".gitignore", "a.py", "b/keep.log"}


def test_secrets_pipes_and_broken_links_are_told_and_left_out(tmp_path: Path) -> None:
    project = make(tmp_path / "project", "a.py", ".env", ".env.example", "conf/id_rsa")
    os.mkfifo(project / "pipe")
    (project / "gone").symlink_to("nowhere")
    (project / "linked.py").symlink_to("a.py")
    found = tree_of(project)
    assert set(found.files) == {".gitignore", "a.py", ".env.example", "linked.py"}
    assert found.private == (".env", "conf/id_rsa")
    assert found.unusable == ("gone", "pipe")


def test_a_link_to_a_folder_above_is_followed_once(tmp_path: Path) -> None:
    project = make(tmp_path / "project", "b/c.py")
    (project / "b/up").symlink_to("..")
    assert {"b/c.py"} <= set(tree_of(project).files)
