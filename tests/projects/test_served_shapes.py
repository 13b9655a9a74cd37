"""Small web apps in the shapes that people write go from `releaser init` to an answered request without an edit.

Dependencies come from the package registry, by way of uv's cache; a machine that reaches none skips these tests.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uv
from support.builds import clean_environment, releaser
from support.built import Site, release_in
from support.running import Release, ended
from support.shapes import APP, SHAPES, write_shape

pytestmark = pytest.mark.usefixtures("registry")
FEW = ("of_poetry", "of_pipenv", "member", "script")
"""Those that are tried everywhere; the others in CI and with RELEASER_ALL_TESTS."""
TRIED = list(SHAPES) if {"CI", "RELEASER_ALL_TESTS"} & set(os.environ) else FEW


def begun(folder: Path, *told: str) -> None:
    """Write the first configuration, which must tell these lines."""
    written = releaser(folder, "init")
    assert written.returncode == 0, written.stderr
    assert written.stderr == ""
    assert [line for line in told if line not in written.stdout.splitlines()] == [], written.stdout


def installed_in(bundle: Path) -> set[str]:
    """Return the names of the packages in a bundle."""
    with zipfile.ZipFile(bundle) as archive:
        found = (re.match(r"site-packages/([^/]+)-[^-/]+\.dist-info/METADATA$", name) for name in archive.namelist())
        return {match[1] for match in found if match}


@contextmanager
def serving(folder: Path, environment: str, scratch: Path) -> Iterator[Release]:
    """Start the release that was built in `folder`, in the background, and stop it."""
    (root,) = (folder / "_build" / environment / "rel").iterdir()
    release = release_in(root, scratch)
    release.name = root.name
    with ended(release):
        site = Site(release)
        started = release.run("start")
        assert started.returncode == 0, started.stdout + started.stderr
        assert site.page() == f"hello from {scratch.name}"
        yield release
        assert release.run("stop").returncode == 0


@pytest.mark.parametrize("name", TRIED)
def test_a_project_is_begun_built_and_serves_without_an_edit(tmp_path: Path, name: str) -> None:
    shape = SHAPES[name]
    folder = write_shape(name, tmp_path / "project")
    before = {path.name for path in folder.iterdir()}
    begun(folder, *shape.told)

    done = releaser(folder, "build", "--env", "prod")

    assert done.returncode == 0, done.stderr
    assert shape.warned in done.stderr
    assert bool(done.stderr) == bool(shape.warned), done.stderr
    made = {path.name for path in folder.iterdir() if path.suffix != ".egg-info"} - before
    assert made <= {"rel", "_build"}
    committed = "".join(path.read_text() for path in (folder / "rel").rglob("*") if path.is_file())
    assert [text for text in (str(tmp_path), sys.prefix, sys.base_prefix) if text in committed] == []
    with serving(folder, "prod", tmp_path / name) as release:
        versions = {path.name for path in (release.root / "releases").iterdir()} - {"default"}
        assert versions == {shape.version}
        installed = installed_in(release.root / "releases" / shape.version / f"{release.name}.pyz")
        if count := re.search(r"install (\d+) locked", done.stdout):
            assert len(installed) == int(count[1]) + 1, "those of the lock, and the project"
        else:
            assert "resolve and install what" in done.stdout


@pytest.mark.parametrize("name", ["pipfile_alone", *(("script", "setup_py") if len(TRIED) > len(FEW) else ())])
def test_releaser_lock_is_what_the_warning_says_and_the_next_build_uses_it(tmp_path: Path, name: str) -> None:
    folder = write_shape(name, tmp_path / "project")
    begun(folder)
    inputs = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    warned = releaser(folder, "check", "--env", "dev")
    (hint,) = re.findall(r"hint: (releaser lock) writes one, pylock.toml", warned.stderr)

    locked = releaser(folder, *hint.split()[1:])

    assert locked.returncode == 0, locked.stderr
    assert {path: path.read_bytes() for path in inputs} == inputs, "what the author wrote is as it was"
    done = releaser(folder, "build", "--env", "dev")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"install \d locked (dependency|dependencies) from pylock.toml", done.stdout)
    with serving(folder, "dev", tmp_path / name):
        pass


@pytest.mark.parametrize(
    "files",
    [
        {"requirements.txt": "bottle\n", "app.py": APP},
        {
            "pyproject.toml": '[project]\nname = "unserved"\nversion = "1"\nrequires-python = ">=3.11"\n'
            'dependencies = ["bottle"]\n',
            "app.py": APP,
        },
    ],
    ids=["requirements", "pyproject"],
)
def test_a_server_that_is_lacking_is_added_as_it_is_told(tmp_path: Path, files: dict[str, str]) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text.replace("{name}", "unserved"))
    refused = releaser(folder, "init")
    (command,) = re.findall("hint: `(.*?)`, then `releaser init` once more", refused.stderr)

    environ = clean_environment() | {"UV_PYTHON": sys.executable}
    environ["PATH"] = f"{Path(uv.find_uv_bin()).parent}:{environ['PATH']}"
    added = subprocess.run(["sh", "-c", command], cwd=folder, env=environ, capture_output=True, text=True, check=False)

    assert refused.returncode == 3
    assert added.returncode == 0, added.stderr
    begun(folder)
    done = releaser(folder, "build", "--env", "dev")
    assert done.returncode == 0, done.stderr
    with serving(folder, "dev", tmp_path / "unserved"):
        pass


def test_the_root_of_a_repository_names_the_apps_below_it_and_the_way_there(tmp_path: Path) -> None:
    top = tmp_path / "repository"
    for name, files in {
        "services/web": {"requirements.txt": "bottle\nwaitress\n", "app.py": APP.replace("{name}", "monorepo")},
        "services/worker": {
            "pyproject.toml": '[project]\nname = "worker"\nversion = "1"\n',
            "main.py": "def main(): ...",
        },
        "libs/words": {"words.py": "WORDS = 1\n"},
        "docs": {"conf.py": "def main(): ...\n"},
    }.items():
        (top / name).mkdir(parents=True)
        for file, text in files.items():
            (top / name / file).write_text(text)
    (top / "README.md").touch()

    refused = releaser(top, "init")
    built_nothing = releaser(top, "build")
    (command,) = re.findall("`(releaser init .*)`", refused.stderr)
    begun_there = releaser(top, *command.split()[1:])
    told_the_way = releaser(top, "build")
    (way,) = re.findall("hint: `cd (.*)`", told_the_way.stderr)

    apps = "services/web (waitress-serve --listen 127.0.0.1:${PORT:-8000} app:app); services/worker (main:main)"
    assert (refused.returncode, built_nothing.returncode, told_the_way.returncode) == (3, 3, 3)
    assert f"these look like apps: {apps}; `releaser init services/web`" in refused.stderr
    assert apps in built_nothing.stderr
    assert begun_there.returncode == 0, begun_there.stderr
    assert sorted(path.name for path in top.iterdir()) == ["README.md", "docs", "libs", "services"]
    done = releaser(top / way, "build", "--env", "dev")
    assert done.returncode == 0, done.stderr
    with serving(top / way, "dev", tmp_path / "monorepo"):
        pass
