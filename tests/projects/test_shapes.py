"""Projects in the shapes that people have them in: begun, built and run without an edit, and without pyproject.toml."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import uv
from support.builds import clean_environment, releaser
from support.built import Site, release_in
from support.running import Release, ended

pytestmark = pytest.mark.usefixtures("registry")
ALL = pytest.mark.skipif(
    not {"CI", "RELEASER_ALL_TESTS"} & set(os.environ), reason="more shapes: in CI or with RELEASER_ALL_TESTS"
)
FLASK = """\
from flask import Flask

app = Flask(__name__)


@app.get("/health")
def health():
    return "ok"
"""
TOOL = """\
import click


def main():
    print("made with click", click.__name__)


if __name__ == "__main__":
    main()
"""
NEEDS = '[tool.poetry.dependencies]\npython = "^3.11"\nclick = "^8"\n'
SETUP = """\
from setuptools import setup

setup(name="tool", version="2.0", py_modules=["tool"], install_requires=["click"],
      entry_points={"console_scripts": ["tool = tool:main"]})
"""
POETRY = '[tool.poetry]\nname = "tool"\nversion = "1.0"\ndescription = ""\nauthors = []\n'
PROJECT = '[project]\nname = "tool"\nversion = "1.0"\nrequires-python = ">=3.11"\ndependencies = ["click"]\n'
BACKEND = '[build-system]\nrequires = ["poetry-core"]\nbuild-backend = "poetry.core.masonry.api"\n'
SHAPES: Mapping[str, Mapping[str, str]] = {
    "one script with inline metadata": {"tool.py": '# /// script\n# dependencies = ["click"]\n# ///\n' + TOOL},
    "requirements.txt alone, loose": {"tool.py": TOOL, "requirements.txt": "click>=8\n"},
    "requirements/prod.txt with what it includes": {
        "tool.py": TOOL,
        "requirements/base.txt": "click\n",
        "requirements/prod.txt": "-r base.txt\n",
    },
    "a Pipfile alone": {"tool.py": TOOL, "Pipfile": '[packages]\nclick = "*"\n'},
    "setup.py alone": {"tool.py": TOOL, "setup.py": SETUP},
    "[tool.uv] package = false": {"tool.py": TOOL, "pyproject.toml": PROJECT + "[tool.uv]\npackage = false\n"},
}
MORE: Mapping[str, Mapping[str, str]] = {
    "setup.cfg alone": {
        "tool.py": TOOL,
        "setup.cfg": "[metadata]\nname = tool\nversion = 1.0\n"
        "[options]\npy_modules = tool\ninstall_requires =\n    click\n",
    },
    "a pyproject.toml of tools and requirements.txt": {
        "tool.py": TOOL,
        "pyproject.toml": "[tool.ruff]\nline-length = 100\n",
        "requirements.txt": "click==8.1.8\n",
    },
    "only [tool.poetry], a package": {"tool.py": TOOL, "pyproject.toml": POETRY + NEEDS + BACKEND},
    "Poetry's package-mode = false": {
        "tool.py": TOOL,
        "pyproject.toml": "[tool.poetry]\npackage-mode = false\n" + NEEDS,
    },
    "no build system": {"tool.py": TOOL, "pyproject.toml": PROJECT},
    "a src folder and requirements.txt": {"src/tool.py": TOOL, "requirements.txt": "click\n"},
}


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def made(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run releaser in a project, which must work."""
    done = releaser(project, *words)
    assert done.returncode == 0, done.stderr + done.stdout
    return done


@contextmanager
def begun(project: Path, elsewhere: Path, environment: str = "prod") -> Iterator[Release]:
    """Begin and build a project, and take its release elsewhere and the project away."""
    made(project, "init")
    made(project, "build", "--env", environment, "-q")
    (root,) = (project / "_build" / environment / "rel").iterdir()
    to = shutil.copytree(root, elsewhere / root.name, symlinks=True)
    project.rename(project.with_name("moved away"))
    release = release_in(to, elsewhere.with_name("scratch"))
    release.name = root.name
    with ended(release):
        yield release


def runs_without_an_edit(folder: Path, files: Mapping[str, str]) -> None:
    """Have a tool of one shape begun, built and run to its end."""
    with begun(write(folder / "project", files), folder / "elsewhere") as release:
        running = release.foreground(until="")
        assert running.wait() == 0, running.output() + running.errors()
        assert "made with click click" in running.output()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_project_of_each_shape_is_released_without_an_edit(tmp_path: Path, shape: str) -> None:
    runs_without_an_edit(tmp_path, SHAPES[shape])


@ALL
@pytest.mark.parametrize("shape", MORE)
def test_a_project_of_more_shapes_is_released_without_an_edit(tmp_path: Path, shape: str) -> None:
    runs_without_an_edit(tmp_path, MORE[shape])


def test_a_web_app_of_requirements_is_locked_by_the_hint_built_and_serves(tmp_path: Path) -> None:
    project = write(tmp_path / "project", {"app.py": FLASK, "requirements.txt": "flask\ngunicorn\n"})
    said = made(project, "init").stdout
    assert "  releaser lock                    pylock.toml: what is installed, with hashes" in said
    before = (project / "requirements.txt").read_bytes()
    warned = made(project, "check").stderr
    assert "hint: releaser lock writes one, pylock.toml" in warned
    made(project, "lock")
    assert (project / "requirements.txt").read_bytes() == before
    again = made(project, "lock")
    assert "pylock.toml is as it was" in again.stdout
    assert made(project, "check").stderr == ""
    (project / "rel").rename(tmp_path / "rel")
    with begun(project, tmp_path / "elsewhere") as release:
        assert not list(release.root.glob("releases/*/resolved.txt"))
        site = Site(release)
        running = release.foreground()
        assert site.page("/health") == "ok"
        assert release.run("stop").returncode == 0
        assert running.wait() == 0, running.errors()


def test_the_hint_for_dependencies_that_setuptools_reads_from_requirements_leaves_them_and_builds(
    tmp_path: Path,
) -> None:
    pyproject = (
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "tool"\nversion = "1.0"\ndynamic = ["dependencies"]\n[project.scripts]\ntool = "tool:main"\n'
        '[tool.setuptools]\npy-modules = ["tool"]\n'
        '[tool.setuptools.dynamic]\ndependencies = { file = ["requirements.txt"] }\n'
    )
    files = {"tool.py": TOOL, "pyproject.toml": pyproject, "requirements.txt": "click>=8\n"}
    project = write(tmp_path / "project", files)
    made(project, "init")
    assert "hint: releaser lock writes one" in made(project, "check").stderr
    made(project, "lock")
    assert (project / "requirements.txt").read_text() == files["requirements.txt"]
    done = made(project, "build", "--env", "prod")
    assert "install 1 locked dependency from pylock.toml" in done.stdout
    assert done.stderr == ""


def test_a_member_of_a_workspace_is_begun_where_it_lies_and_its_root_names_it(tmp_path: Path) -> None:
    member = '[project]\nname = "server"\nversion = "1.0"\nrequires-python = ">=3.11"\ndependencies = ["click"]\n'
    files = {
        "pyproject.toml": '[tool.uv.workspace]\nmembers = ["services/server"]\n',
        "services/server/pyproject.toml": member,
        "services/server/tool.py": TOOL,
    }
    root = write(tmp_path / "root", files)
    environ = clean_environment() | {"UV_PYTHON": sys.executable}
    subprocess.run([uv.find_uv_bin(), "lock", "-q"], cwd=root, env=environ, check=True)
    refused = releaser(root, "init")
    assert refused.returncode == 3
    assert "these look like apps: services/server (tool:main); `releaser init services/server`" in refused.stderr
    made(root, "init", "services/server")
    said = releaser(root, "build")
    assert (said.returncode, "`cd services/server`" in said.stderr) == (3, True), said.stderr
    done = made(root / "services/server", "build", "--env", "prod")
    assert "install 1 locked dependency from uv.lock" in done.stdout


def test_a_release_is_built_with_the_python_that_the_project_names(tmp_path: Path) -> None:
    others = [minor for minor in ("3.11", "3.12", "3.13") if minor != f"3.{sys.version_info[1]}"]
    found = next((each for each in others if shutil.which(f"python{each}") or _of_pyenv(each)), "")
    if not found:
        pytest.skip("there is no other Python on this machine")
    script = "import sys\n\n\ndef main():\n    print(sys.version)\n"
    project = write(tmp_path / "project", {"tool.py": script, ".python-version": f"{found}\n"})
    with begun(project, tmp_path / "elsewhere") as release:
        running = release.foreground(until="")
        assert running.wait() == 0, running.errors()
        assert any(line.startswith(f"{found}.") for line in running.output().splitlines())
    written = (tmp_path / "moved away/rel/config.toml").read_text()
    assert str(Path.home()) not in written


def _of_pyenv(minor: str) -> bool:
    return any((Path.home() / ".pyenv/versions").glob(f"{minor}.*/bin/python3"))
