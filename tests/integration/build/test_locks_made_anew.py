"""What is told of a lock that does not fit is carried out as it is told, and then the release is built."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import uv
from support.builds import clean_environment, releaser
from support.index import Index, make_wheel, serving
from support.tiny_project import make_tiny_project

PROJECT = '[project]\nname = "desk"\nversion = "1.0"\nrequires-python = ">=3.11"\ndependencies = ["plain"]\n'
MAIN = "import plain\n\nif __name__ == '__main__':\n    print(plain.NAME)\n"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    with serving(tmp_path / "served", is_open=True) as index:
        for name in ("plain", "more", "deep"):
            make_wheel(index.folder, name)
        monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
        yield index


def carried_out(project: Path, command: str) -> None:
    """Run the command of a hint as a person would, with this environment's programs."""
    program, *words = shlex.split(command)
    path = {"releaser": Path(sys.executable).parent / "releaser", "uv": Path(uv.find_uv_bin())}[program]
    environ = clean_environment() | {"UV_PYTHON": sys.executable}
    done = subprocess.run([path, *words], cwd=project, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def hint_in(text: str) -> str:
    (hint,) = re.findall(r"hint: (.*)", text)
    return str(hint)


def began(project: Path, files: dict[str, str]) -> Path:
    project.mkdir()
    for name, text in {"main.py": MAIN, **files}.items():
        (project / name).write_text(text)
    return project


def test_a_lock_of_releaser_is_made_anew_once_what_is_asked_for_has_changed(index: Index, tmp_path: Path) -> None:
    asked = {"requirements.txt": "-r base.txt\n-c limits.txt\n", "base.txt": "plain\n", "limits.txt": "plain<2\n"}
    project = began(tmp_path / "project", asked)
    assert releaser(project, "init").returncode == 0
    carried_out(project, "releaser lock")
    (project / "limits.txt").write_text("plain<3\n")
    warned = releaser(project, "check", "--env", "prod")
    carried_out(project, hint_in(warned.stderr))
    (project / "base.txt").write_text("plain\nmore\n")
    warned_again = releaser(project, "check", "--env", "prod")

    carried_out(project, hint_in(warned_again.stderr))

    told = "pylock.toml: what the project asks for has changed since this lock was made"
    assert (told in warned.stderr, told in warned_again.stderr) == (True, True)
    done = releaser(project, "build", "--env", "dev")
    assert (done.returncode, done.stderr) == (0, "")
    assert "install 2 locked dependencies from pylock.toml" in done.stdout


def test_versions_in_a_lock_of_releaser_stay_until_newer_ones_are_asked_for(index: Index, tmp_path: Path) -> None:
    project = began(tmp_path / "project", {"requirements.txt": "plain\n"})
    assert releaser(project, "init").returncode == 0
    carried_out(project, "releaser lock")
    older = index.folder / "plain-1.0-py3-none-any.whl"
    newer = make_wheel(tmp_path / "newer", "plain", version="1.1")
    newer.rename(index.folder / newer.name)

    carried_out(project, "releaser lock")
    kept = (project / "pylock.toml").read_text()
    carried_out(project, "releaser lock --upgrade")

    assert older.name in kept
    assert newer.name in (project / "pylock.toml").read_text()


def test_a_lock_of_uv_that_lacks_what_is_asked_for_is_made_anew_by_uv(index: Index, tmp_path: Path) -> None:
    project = began(tmp_path / "project", {"pyproject.toml": PROJECT})
    carried_out(project, "uv lock")
    assert releaser(project, "init").returncode == 0
    (project / "pyproject.toml").write_text(PROJECT.replace('"plain"', '"plain", "more"'))
    refused = releaser(project, "build", "--env", "dev")

    carried_out(project, hint_in(refused.stderr))

    assert refused.returncode == 3
    assert "uv.lock: this lock cannot be used: the project asks for more, which it does not have" in refused.stderr
    done = releaser(project, "build", "--env", "dev")
    assert (done.returncode, done.stderr) == (0, "")


def test_requirements_with_hashes_are_made_anew_as_they_say_that_they_were_made(index: Index, tmp_path: Path) -> None:
    project = make_tiny_project(tmp_path / "project")
    pyproject = project / "pyproject.toml"
    text = pyproject.read_text()
    pyproject.write_text(text.replace("[project.scripts]", 'dependencies = ["plain"]\n\n[project.scripts]'))
    carried_out(project, "uv pip compile --generate-hashes pyproject.toml -o requirements.txt")
    pyproject.write_text(text.replace("[project.scripts]", 'dependencies = ["plain", "more"]\n\n[project.scripts]'))
    refused = releaser(project, "build", "--env", "dev")
    (command,) = re.findall("`(.*)`", hint_in(refused.stderr))

    carried_out(project, command)

    assert "the project asks for more, which the lock does not have" in refused.stderr
    done = releaser(project, "build", "--env", "dev")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("is_locked", [True, False], ids=["locked", "loose"])
def test_an_extra_that_the_project_does_not_have_is_refused_with_the_nearest(
    index: Index, tmp_path: Path, is_locked: bool
) -> None:
    text = PROJECT + '[project.optional-dependencies]\nserver = ["more"]\n'
    project = began(tmp_path / "project", {"pyproject.toml": text})
    if is_locked:
        carried_out(project, "uv lock")
    assert releaser(project, "init").returncode == 0
    config = project / "rel/config.toml"
    config.write_text(config.read_text().replace('version = "project"', 'extras = ["sever"]\nversion = "project"'))
    refused = releaser(project, "build", "--env", "dev")
    near = re.findall("did you mean '(.*)'", refused.stderr)[0]

    config.write_text(config.read_text().replace('"sever"', f'"{near}"'))

    assert "the project has no extra 'sever'" in refused.stderr
    assert releaser(project, "build", "--env", "dev").returncode == 0


def test_a_lock_of_another_tool_is_left_to_it(index: Index, tmp_path: Path) -> None:
    project = began(tmp_path / "project", {"pyproject.toml": PROJECT})
    carried_out(project, "uv lock")
    assert releaser(project, "init").returncode == 0
    before = {path.name: path.read_bytes() for path in project.iterdir() if path.is_file()}

    refused = releaser(project, "lock")

    assert refused.returncode == 3
    assert "error: uv.lock is the lock of desk, and builds use it" in refused.stderr
    assert hint_in(refused.stderr) == "uv lock"
    assert {path.name: path.read_bytes() for path in project.iterdir() if path.is_file()} == before


def test_what_cannot_be_resolved_leaves_the_lock_as_it_was(index: Index, tmp_path: Path) -> None:
    project = began(tmp_path / "project", {"requirements.txt": "plain\n"})
    assert releaser(project, "init").returncode == 0
    carried_out(project, "releaser lock")
    before = (project / "pylock.toml").read_bytes()
    (project / "requirements.txt").write_text("plain\nnowhere\n")

    failed = releaser(project, "lock")

    assert failed.returncode == 1
    assert "error: what requirements.txt asks for could not be resolved" in failed.stderr
    assert "now: pylock.toml is as it was" in failed.stderr
    assert (project / "pylock.toml").read_bytes() == before
    assert sorted(path.name for path in project.iterdir()) == ["main.py", "pylock.toml", "rel", "requirements.txt"]


def test_a_lock_without_the_hash_of_a_package_is_built_with_a_warning(index: Index, tmp_path: Path) -> None:
    project = began(tmp_path / "project", {"pyproject.toml": PROJECT})
    carried_out(project, "uv lock")
    lock = project / "uv.lock"
    without, count = re.subn(r', hash = "sha256:[0-9a-f]+"', "", lock.read_text())
    lock.write_text(without)
    assert releaser(project, "init").returncode == 0

    done = releaser(project, "build", "--env", "dev")

    assert count == 1
    assert done.returncode == 0, done.stderr
    assert "uv.lock: it has no hash of plain: what is installed for that is not checked" in done.stderr
