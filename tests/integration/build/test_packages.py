"""What moves between machines: `archive` and `executable`, each the same bytes elsewhere."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from support.builds import built, releaser
from support.tiny_project import CONFIG, make_tiny_project

from releaser.artifacts.zstandard import zstd


def project_with(folder: Path, settings: str) -> Path:
    return make_tiny_project(folder, config=CONFIG.replace("[environment.prod]\n", f"[environment.prod]\n{settings}\n"))


def made_by(folder: Path, settings: str) -> dict[str, bytes]:
    """Build, and return the content of every file beside the tree."""
    target = built(project_with(folder, settings)).parents[1]
    return {path.name: path.read_bytes() for path in target.iterdir() if path.is_file() and path.name[0] != "."}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """All that one build can make: a tar.zst and a file that runs."""
    return made_by(tmp_path_factory.mktemp("packages") / "project", 'archive = "tar.zst"\nexecutable = true')


def packages_of(made: dict[str, bytes]) -> set[str]:
    """Return the names of what can be unpacked or run, without what describes it."""
    return {name for name in made if name.endswith((".tar.gz", ".tar.zst", ".run"))}


def names_in(content: bytes) -> set[str]:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        return set(archive.getnames())


def test_a_tar_zst_takes_the_place_of_the_tar_gz(made: dict[str, bytes], tmp_path: Path) -> None:
    assert packages_of(made) == {"tiny-1.0.0.tar.zst", "tiny-1.0.0.run"}
    names = names_in(zstd.decompress(made["tiny-1.0.0.tar.zst"]))
    assert {"tiny/bin/tiny", "tiny/releases/1.0.0/manifest.json"} <= names


def test_a_package_of_another_format_does_not_stay_beside(tmp_path: Path) -> None:
    project = project_with(tmp_path / "project", "executable = true")
    built(project)
    target = project / "_build/prod"
    (target / "tiny-0.9.0.tar.gz").touch()
    done = releaser(project_with(project, 'archive = "tar.zst"'), "build")
    assert done.returncode == 0, done.stderr
    assert packages_of({path.name: b"" for path in target.iterdir()}) == {"tiny-1.0.0.tar.zst", "tiny-0.9.0.tar.gz"}
    for name in ("tiny-1.0.0.tar.gz", "tiny-1.0.0.run"):
        assert f"removed {name}, which an earlier build made, and this one does not" in done.stdout


def test_the_same_project_gives_the_same_packages_elsewhere(made: dict[str, bytes], tmp_path: Path) -> None:
    assert made_by(tmp_path / "other" / "place", 'archive = "tar.zst"\nexecutable = true') == made


def test_the_file_that_runs_is_the_whole_release(made: dict[str, bytes], tmp_path: Path) -> None:
    file = tmp_path / "tiny-1.0.0.run"
    file.write_bytes(made["tiny-1.0.0.run"])
    file.chmod(0o755)
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path / "home"), "RELEASE_PYTHON": os.path.realpath(sys.executable)}
    answer = subprocess.run([file, "foreground", "you"], env=env, capture_output=True, text=True, cwd="/")
    assert answer.returncode == 0, answer.stderr
    assert "tiny says hello you" in answer.stdout
    assert (tmp_path / "tiny.var/bundles").is_dir()


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ("archive = false", set()),
        ("archive = false\nexecutable = true", {"tiny-1.0.0.run"}),
        ("", {"tiny-1.0.0.tar.gz"}),
        ("executable = true\ndev_mode = true", set()),
    ],
)
def test_what_was_not_asked_for_is_not_made(tmp_path: Path, settings: str, names: set[str]) -> None:
    assert packages_of(made_by(tmp_path, settings)) == names


def test_the_end_of_a_build_names_all_that_was_made(tmp_path: Path) -> None:
    answer = releaser(project_with(tmp_path, "executable = true"), "build")
    assert "_build/prod/tiny-1.0.0.tar.gz" in answer.stdout
    assert "_build/prod/tiny-1.0.0.run" in answer.stdout
