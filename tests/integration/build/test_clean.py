"""`releaser clean`: what builds have made goes, what releases have written stays until it is told to go."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest
from support.builds import built, read_only, releaser, releaser_where
from support.tiny_project import CONFIG, make_tiny_project


def names_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a build of prod, in which a release has written something, and one of dev."""
    project = make_tiny_project(tmp_path / "project")
    release = built(project)
    (release / "var").mkdir()
    (release / "var/data").write_text("precious")
    built(project, "--env", "dev")
    return project


def test_what_builds_made_goes_and_var_stays(project: Path) -> None:
    answer = releaser(project, "clean")
    assert answer.returncode == 0, answer.stderr
    assert names_in(project / "_build") == {".gitignore", "prod/.lock", "prod/rel/tiny/var/data"}
    assert "removed _build/prod/tiny-1.0.0.tar.gz " in answer.stdout
    assert "removed _build/dev/rel/tiny/ " in answer.stdout
    assert "kept    _build/prod/rel/tiny/var/\n" in answer.stdout
    assert (project / "src/tiny/app.py").exists()

    release = built(project)
    assert (release / "var/data").read_text() == "precious"


def test_one_environment_can_be_named(project: Path) -> None:
    releaser(project, "clean", "--env", "dev")
    assert not (project / "_build/dev").exists()
    assert (project / "_build/prod/rel/tiny/bin/tiny").exists()
    answer = releaser(project, "clean", "--env", "pord")
    assert answer.returncode == 2
    assert "did you mean 'prod'?" in answer.stderr
    assert "now: nothing was removed" in answer.stderr


def test_implode_leaves_nothing(project: Path) -> None:
    answer = releaser(project, "clean", "--implode")
    assert answer.returncode == 0, answer.stderr
    assert not (project / "_build").exists()
    assert releaser(project, "clean").stdout == "nothing to remove\n"


def test_nothing_is_removed_while_a_release_runs_from_there(project: Path) -> None:
    (project / "_build/prod/rel/tiny/var/run").mkdir()
    before = names_in(project / "_build")
    with (project / "_build/prod/rel/tiny/var/run/lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        answer = releaser(project, "clean", "--implode")
    assert answer.returncode == 4
    assert "error: a release is running from " in answer.stderr
    assert "now: nothing was removed" in answer.stderr
    assert before <= names_in(project / "_build")


@pytest.mark.parametrize(
    ("folder", "words", "now"),
    [
        ("_build", (), "nothing was removed"),
        ("_build/dev", ("--implode",), "a part was removed, and the rest is there"),
    ],
)
def test_a_read_only_folder_is_told_with_what_is_left(
    project: Path, folder: str, words: tuple[str, ...], now: str
) -> None:
    before = names_in(project / folder)
    answer = releaser_where(read_only(folder), project, "clean", *words)
    assert answer.returncode == 1
    first, second = answer.stderr.splitlines()
    assert first.startswith("error: cannot clean: read-only file system: ")
    assert second == f"  now: {now}"
    assert names_in(project / folder) == before
    assert releaser(project, "clean", "--implode").returncode == 0


def test_a_folder_that_holds_the_project_is_refused(tmp_path: Path) -> None:
    config = CONFIG.replace("[release.tiny]\n", '[release.tiny]\noutput_dir = ".."\n')
    project = make_tiny_project(tmp_path / "prod", config=config)
    (project / ".lock").write_text("")
    answer = releaser(project, "clean", "--env", "prod")
    assert answer.returncode == 1
    assert "holds the project itself" in answer.stderr
    assert (project / "rel/config.toml").exists()


def test_a_folder_that_no_build_has_made_is_left_alone(tmp_path: Path) -> None:
    project = make_tiny_project(tmp_path)
    (project / "_build/prod").mkdir(parents=True)
    (project / "_build/prod/mine").write_text("x")
    assert releaser(project, "clean", "--implode").stdout == "nothing to remove\n"
    assert (project / "_build/prod/mine").exists()


def test_what_no_build_has_made_stays(project: Path) -> None:
    others = {
        "mine": "x",
        "prod/notes.txt": "x",
        "prod/backup-1.tar.gz": "x",
        "prod/backup-1.sha256": f"{'0' * 64}  backup-1.tar.gz\n",
        "prod/rel/sketches/a": "x",
        ".cache/mine": "x",
    }
    for name, text in others.items():
        (project / "_build" / name).parent.mkdir(exist_ok=True)
        (project / "_build" / name).write_text(text)
    (project / "_build/prod/old-0.9.tar.gz").write_text("of a release that is no longer configured")
    statement = f"{'0' * 64}  old-0.9.provenance.json\n"
    (project / "_build/prod/old-0.9.sha256").write_text(f"{'0' * 64}  old-0.9.tar.gz\n{statement}")
    answer = releaser(project, "clean", "--implode")
    assert answer.returncode == 0, answer.stderr
    assert names_in(project / "_build") == {*others, ".gitignore", "prod/.lock"}
    assert "kept    _build/prod/rel/sketches/\n" in answer.stdout
    assert answer.stdout.endswith("        what no build has made stays\n")


def test_a_folder_called_like_the_cache_is_left_alone(tmp_path: Path) -> None:
    project = make_tiny_project(tmp_path)
    (project / "_build/.cache").mkdir(parents=True)
    (project / "_build/.cache/layers").write_text("mine")
    assert releaser(project, "clean").stdout == "nothing to remove\n"
    assert names_in(project / "_build") == {".cache/layers"}
