"""Locks that Poetry and PDM themselves have made are built, without these tools.

The tools come from the package registry, in the versions of the day; what they lock comes from an index on loopback
that wants a password.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uv
from support.builds import clean_environment, files_in, releaser
from support.built import release_in
from support.index import PASSWORD, USER, Index, digest_of, make_wheel, serving
from support.running import ended
from support.tiny_project import CONFIG, make_tiny_project

pytestmark = pytest.mark.skipif(
    not {"CI", "RELEASER_ALL_TESTS"} & set(os.environ),
    reason="installs Poetry and PDM: in CI or with RELEASER_ALL_TESTS",
)
REQUIREMENTS = {"poetry": ("poetry",), "pdm": ("pdm[locked]",)}
CHOSEN = 'entry_point = "tiny.app:main"\nextras = ["fast"]\ngroups = ["worker"]\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A project locked by one of the tools."""

    tool: Path
    project: Path
    env: dict[str, str]

    def run(self, *words: str) -> str:
        done = subprocess.run(
            [self.tool, *words],
            cwd=self.project,
            env=clean_environment() | self.env,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @property
    def lock(self) -> Path:
        return self.project / f"{self.tool.name}.lock"


@pytest.fixture(scope="session")
def tool(registry: None, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that installs a tool into an environment of its own and returns its program."""

    @functools.cache
    def install(name: str) -> Path:
        folder = tmp_path_factory.mktemp(name) / "environment"
        for words in (
            ["venv", "--quiet", "--python", sys.executable, str(folder)],
            ["pip", "install", "--quiet", "--python", str(folder / "bin/python"), *REQUIREMENTS[name]],
        ):
            subprocess.run([uv.find_uv_bin(), *words], check=True)
        return folder / "bin" / name

    return install


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    with serving(tmp_path / "served") as index:
        for name in ("deep", "fast", "worker", "checked"):
            make_wheel(index.folder, name)
        make_wheel(index.folder, "plain", "deep>=1")
        yield index


def write_project(folder: Path, *more: str) -> Path:
    """Write a project that depends on `plain` and on a project beside it, with an extra and two groups."""
    library = make_tiny_project(folder / "library")
    (library / "src/tiny").rename(library / "src/shared")
    pyproject = library / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace("tiny", "shared"))
    project = make_tiny_project(folder / "project", config=CONFIG.replace('entry_point = "tiny.app:main"\n', CHOSEN))
    (project / "requirements.txt").unlink()
    pyproject = project / "pyproject.toml"
    text = pyproject.read_text().replace('requires-python = ">=3.11"\n', f'requires-python = ">=3.11"\n{more[0]}\n')
    groups = '[dependency-groups]\nworker = ["worker"]\ndev = ["checked"]\n'
    pyproject.write_text("\n".join((text, '[project.optional-dependencies]\nfast = ["fast"]\n', groups, *more[1:])))
    return project


def locked_by_poetry(program: Path, index: Index, folder: Path) -> Subject:
    """Poetry has the password in its own configuration."""
    project = write_project(
        folder,
        'dependencies = ["plain", "shared"]',
        '[tool.poetry.dependencies]\nshared = { path = "../library", develop = true }\n',
        f'[[tool.poetry.source]]\nname = "inner"\nurl = "{index.url}"\npriority = "primary"\n',
    )
    user = {"POETRY_HTTP_BASIC_INNER_USERNAME": USER, "POETRY_HTTP_BASIC_INNER_PASSWORD": PASSWORD}
    subject = Subject(tool=program, project=project, env=user)
    subject.run("lock", "--no-interaction")
    return subject


def locked_by_pdm(program: Path, index: Index, folder: Path) -> Subject:
    """PDM has the password in variables that its configuration names."""
    url = index.url_with_password.replace(f"{USER}:{PASSWORD}", "${INNER_USER}:${INNER_PASSWORD}")
    project = write_project(
        folder,
        'dependencies = ["plain", "shared @ file:///${PROJECT_ROOT}/../library"]',
        f'[[tool.pdm.source]]\nname = "pypi"\nurl = "{url}"\n',
    )
    user = {"INNER_USER": USER, "INNER_PASSWORD": PASSWORD}
    subject = Subject(tool=program, project=project, env=user)
    subject.env["PDM_PYTHON"] = sys.executable
    subject.run("lock", "--group", ":all")
    del subject.env["PDM_PYTHON"]
    return subject


@pytest.mark.parametrize("locked_by", [locked_by_poetry, locked_by_pdm], ids=["poetry", "pdm"])
def test_a_lock_of_the_tool_itself_is_built_with_what_was_chosen_and_its_hashes_enforced(
    tool: Callable[[str], Path],
    index: Index,
    tmp_path: Path,
    locked_by: Callable[[Path, Index, Path], Subject],
) -> None:
    program = tool("poetry" if locked_by is locked_by_poetry else "pdm")
    nowhere = {"HOME": str(tmp_path), "UV_CACHE_DIR": str(tmp_path / "uv-cache"), "NO_PROXY": "*"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in nowhere.items():
            patch.setenv(name, value)
        subject = locked_by(program, index, tmp_path)
        before = {path.name for path in subject.project.iterdir()}
        changes = subject.env

        done = releaser(subject.project, "build", "-v", **changes)

        assert done.returncode == 0, done.stderr + done.stdout
        with zipfile.ZipFile(subject.project / "_build/prod/rel/tiny/releases/1.0.0/tiny.pyz") as archive:
            names = {name.removeprefix("site-packages/") for name in archive.namelist()}
        wanted = {"plain.py", "deep.py", "fast.py", "worker.py", "tiny/app.py", "shared/app.py"}
        assert {*wanted, "checked.py"} & names == wanted
        assert {path.name for path in subject.project.iterdir()} - before <= {"_build", "__pycache__"}
        assert PASSWORD not in done.stdout + done.stderr
        made = files_in(subject.project / "_build")
        assert [name for name, content in made.items() if PASSWORD.encode() in content] == []

        digest = digest_of(index.folder / "deep-1.0-py3-none-any.whl")
        subject.lock.write_text(subject.lock.read_text().replace(digest, digest[::-1]))
        failed = releaser(subject.project, "build", **changes)
        assert failed.returncode == 1
        assert "error: the dependencies could not be installed" in failed.stderr
        assert "deep" in failed.stderr


APPLICATION = """\
[project]
name = "desk"
version = "1.0.0"
requires-python = ">=3.11"
dependencies = ["plain"]
"""
OF_THE_TOOL = {
    "poetry": '[tool.poetry]\npackage-mode = false\n[[tool.poetry.source]]\nname = "inner"\nurl = "{url}"\n',
    "pdm": '[tool.pdm]\ndistribution = false\n[[tool.pdm.source]]\nname = "pypi"\nurl = "{url}"\n',
}


@pytest.mark.parametrize("name", ["poetry", "pdm"])
def test_an_application_of_the_tool_builds_and_starts_as_init_begins_it(
    tool: Callable[[str], Path], index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    program = tool(name)
    for variable, value in {"HOME": tmp_path, "UV_CACHE_DIR": tmp_path / "uv-cache", "NO_PROXY": "*"}.items():
        monkeypatch.setenv(variable, str(value))
    project = tmp_path / "project"
    project.mkdir()
    (project / "words.py").write_text("def said():\n    return 'says'\n")
    (project / "main.py").write_text(
        "import deep\nimport plain\nimport words\n\nif __name__ == '__main__':\n"
        "    print(plain.NAME, words.said(), deep.NAME)\n"
    )
    user = {"POETRY_HTTP_BASIC_INNER_USERNAME": USER, "POETRY_HTTP_BASIC_INNER_PASSWORD": PASSWORD}
    url = index.url if name == "poetry" else index.url_with_password
    (project / "pyproject.toml").write_text(APPLICATION + OF_THE_TOOL[name].format(url=url))
    subject = Subject(tool=program, project=project, env=user)
    Subject(tool=program, project=project, env=user | {"PDM_PYTHON": sys.executable}).run("lock")

    written = releaser(project, "init")
    assert written.returncode == 0, written.stderr
    done = releaser(project, "build", "--env", "prod", **subject.env)

    assert done.returncode == 0, done.stderr + done.stdout
    release = release_in((project / "_build/prod/rel/desk").rename(tmp_path / "elsewhere"), tmp_path / "scratch")
    release.name = "desk"
    with ended(release):
        running = release.foreground(until="")
        assert running.wait() == 0, running.errors()
        assert "plain says deep\n" in running.output()
