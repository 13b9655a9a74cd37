"""A build does not pack what an earlier one made, is nothing to git, and names what a wheel lacks."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest
from support.builds import built, releaser
from support.tiny_project import make_tiny_project

FOUND = '{str(p.relative_to("src")): p.read_bytes() for p in found}'
GREEDY = f'{FOUND} | {{str(p): p.read_bytes() for p in sorted(pathlib.Path("WHERE").rglob("*")) if p.is_file()}}'


def packed(release: Path) -> list[str]:
    with zipfile.ZipFile(release / "releases/1.0.0/tiny.pyz") as archive:
        return [name for name in archive.namelist() if "_build/" in name]


def with_backend(project: Path, where: str) -> Path:
    """Have the project's build backend take everything below `where` into the wheel."""
    (backend,) = (path for path in project.glob("*.py") if FOUND in path.read_text())
    backend.write_text(backend.read_text().replace(FOUND, GREEDY.replace("WHERE", where)))
    return project


def test_what_an_earlier_build_made_is_in_no_later_one(tmp_path: Path) -> None:
    project = with_backend(make_tiny_project(tmp_path / "project"), "_build/prod/rel")
    built(project)
    (project / "_build/prod/rel/tiny/var/log").mkdir(parents=True)
    (project / "_build/prod/rel/tiny/var/log/tiny.log").write_text("of the first build")

    done = releaser(project, "build", "--force")

    assert done.returncode == 0, done.stderr
    assert "the wheel holds files of _build/, so it is built of a copy without them" in done.stdout
    assert packed(project / "_build/prod/rel/tiny") == []


def test_a_wheel_that_holds_it_all_the_same_is_refused(tmp_path: Path) -> None:
    project = make_tiny_project(tmp_path / "project")
    built(project)
    absolute = f'{FOUND} | {{"_build/prod/rel/tiny/releases/default": b"1.0.0"}}'
    (backend,) = (path for path in project.glob("*.py") if FOUND in path.read_text())
    backend.write_text(backend.read_text().replace(FOUND, absolute))

    done = releaser(project, "build", "--force")

    assert done.returncode == 1
    said = "the project's wheel holds what an earlier build made: _build/prod/rel/tiny/releases/default\n"
    assert said in done.stderr
    assert "tell the build backend to leave _build/ out" in done.stderr


@pytest.mark.parametrize("is_new", [True, False], ids=["made by the build", "there before"])
def test_git_ignores_a_folder_that_a_build_has_made_and_no_other(tmp_path: Path, *, is_new: bool) -> None:
    project = make_tiny_project(tmp_path / "project")
    subprocess.run(["git", "init", "-q", project], check=True)
    if not is_new:
        (project / "_build").mkdir()
    built(project)
    words = ["git", "-C", project, "check-ignore", "--quiet", "_build/prod/rel"]
    assert (subprocess.run(words, check=False).returncode == 0) is is_new


def test_a_file_of_a_package_that_its_wheel_lacks_is_a_warning(tmp_path: Path) -> None:
    project = make_tiny_project(tmp_path / "project")
    (project / "src/tiny/__init__.py").touch()
    for name in ("templates/a.html", "templates/b.html", "tests/data.json", "fast.c"):
        (project / "src/tiny" / name).parent.mkdir(exist_ok=True)
        (project / "src/tiny" / name).write_text("")
    (backend,) = (path for path in project.glob("*.py") if FOUND in path.read_text())
    backend.write_text(backend.read_text().replace('p.suffix != ".pyc"', 'p.suffix == ".py"'))
    (project / "src/tiny/data/greeting.txt").unlink()
    told = "2 files of the package tiny are not in the project's wheel: tiny/templates/a.html, tiny/templates/b.html; "

    done = releaser(project, "build")

    assert told in done.stderr + done.stdout
    config = project / "rel/config.toml"
    config.write_text(config.read_text().replace("[release.tiny]\n", "[release.tiny]\ninclude_tree = true\n", 1))
    again = releaser(project, "build")
    assert again.returncode == 0
    assert told not in again.stderr + again.stdout
