"""Where dependencies come from: each lock, projects of the same repository, folders with wheels, private indexes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uv
from support.builds import built, files_in, releaser
from support.index import PASSWORD, USER, Index, digest_of, hashed, make_wheel, serving
from support.tiny_project import CONFIG, make_tiny_project

from releaser.build.tools.commands import runner
from releaser.build.tools.installers import Installer, install_locked


def modules(release: Path) -> set[str]:
    with zipfile.ZipFile(release / "releases/1.0.0/tiny.pyz") as archive:
        names = [name for name in archive.namelist() if name.startswith("site-packages/")]
    return {name.removeprefix("site-packages/") for name in names if name.endswith(".py")}


def with_settings(project: Path, settings: str) -> None:
    text = CONFIG.replace('entry_point = "tiny.app:main"\n', f'entry_point = "tiny.app:main"\n{settings}\n')
    (project / "rel/config.toml").write_text(text)


def run_uv(folder: Path, *words: str) -> None:
    subprocess.run([uv.find_uv_bin(), *words], cwd=folder, check=True, capture_output=True, timeout=60)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = make_tiny_project(tmp_path / "project")
    (project / "requirements.txt").unlink()
    return project


def test_folders_with_wheels_are_enough_without_a_network(project: Path) -> None:
    (project / "requirements.txt").write_text(hashed(make_wheel(project / "vendor", "leaf")))
    with_settings(project, 'find_links = ["vendor"]')
    assert "leaf.py" in modules(built(project, "--offline"))


def test_the_project_and_its_lock_may_lie_in_folders_of_their_own(tmp_path: Path) -> None:
    project = make_tiny_project(tmp_path / "whole/services/tiny")
    root = tmp_path / "whole"
    (project / "rel").rename(root / "rel")
    (root / "locks").mkdir()
    (root / "locks/prod.txt").write_text(hashed(make_wheel(root / "vendor", "leaf")))
    with_settings(root, 'project = "services/tiny"\nlock = "locks/prod.txt"\nfind_links = ["vendor"]')
    assert {"leaf.py", "tiny/app.py"} <= modules(built(root, "--offline"))


def test_offline_asks_no_index_and_says_so_when_something_is_missing(project: Path) -> None:
    wheel = make_wheel(project / "elsewhere", "leaf-of-no-index")
    (project / "requirements.txt").write_text(hashed(wheel).replace("leaf", "leaf-of-no-index", 1))
    done = releaser(project, "build", "--offline")
    assert done.returncode == 1
    assert "the dependencies could not be installed" in done.stderr
    assert "now: nothing was built" in done.stderr


def test_extras_and_groups_are_installed_when_they_are_named(project: Path) -> None:
    for name in ("plain", "fast", "worker"):
        make_wheel(project / "vendor", name)
    text = (
        (project / "pyproject.toml")
        .read_text()
        .replace('requires-python = ">=3.11"', 'requires-python = ">=3.11"\ndependencies = ["plain"]')
    )
    more = '\n[project.optional-dependencies]\nfast = ["fast"]\n\n[dependency-groups]\nworker = ["worker"]\n'
    (project / "pyproject.toml").write_text(text + more)
    settings = 'find_links = ["vendor"]\n'
    with_settings(project, settings)
    assert {"plain.py", "fast.py", "worker.py"} & modules(built(project, "--offline")) == {"plain.py"}
    with_settings(project, settings + 'extras = ["fast"]\ngroups = ["worker"]')
    found = modules(built(project, "--offline"))
    assert {"plain.py", "fast.py", "worker.py"} <= found


def test_extras_with_a_lock_that_knows_none_are_refused(project: Path) -> None:
    (project / "requirements.txt").write_text("# nothing\n")
    with_settings(project, 'extras = ["fast"]\nfind_links = ["nowhere"]')
    done = releaser(project, "build")
    assert done.returncode == 3
    assert "requirements.txt holds what it was locked with, and knows of no extras" in done.stderr
    assert "the folder nowhere does not exist" in done.stderr


def test_a_pylock_is_installed(project: Path) -> None:
    wheel = make_wheel(project / "vendor", "leaf")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (project / "pylock.toml").write_text(
        'lock-version = "1.0"\ncreated-by = "a test"\n\n[[packages]]\nname = "leaf"\nversion = "1.0"\n'
        f'wheels = [{{ path = "vendor/{wheel.name}", hashes = {{ sha256 = "{digest}" }} }}]\n'
    )
    assert "leaf.py" in modules(built(project, "--offline"))


def test_a_lock_that_is_older_than_what_the_project_asks_for_is_refused(project: Path) -> None:
    lock = hashed(make_wheel(project / "vendor", "leaf"))
    (project / "requirements.txt").write_text(lock)
    with_settings(project, 'find_links = ["vendor"]')
    pyproject = (project / "pyproject.toml").read_text()
    for dependencies, answer in (
        ('["leaf>=99"]', "the project asks for leaf>=99, and the lock has leaf 1.0"),
        ('["leaf", "gone"]', "the project asks for gone, which the lock does not have"),
    ):
        text = pyproject.replace("[project]\n", f"[project]\ndependencies = {dependencies}\n")
        (project / "pyproject.toml").write_text(text)
        done = releaser(project, "build", "--offline")
        assert done.returncode == 3
        assert f"  requirements.txt: {answer}\n" in done.stderr
        assert "now: nothing was built" in done.stderr


def test_a_pylock_may_name_projects_of_the_same_repository(project: Path, tmp_path: Path) -> None:
    library = make_tiny_project(tmp_path / "a library")
    text = (library / "pyproject.toml").read_text()
    (library / "pyproject.toml").write_text(text.replace('name = "tiny"', 'name = "shared"').split("[project.scr")[0])
    (library / "src/tiny").rename(library / "src/shared")
    wheel = make_wheel(project / "vendor", "leaf")
    (project / "pylock.toml").write_text(
        'lock-version = "1.0"\ncreated-by = "hand"\n'
        f'[[packages]]\nname = "shared"\ndirectory = {{ path = "../{library.name}" }}\n'
        '[[packages]]\nname = "old"\nmarker = "python_version < \'3\'"\ndirectory = { path = "../gone" }\n'
        '[[packages]]\nname = "leaf"\nversion = "1.0"\n'
        f'archive = {{ path = "vendor/{wheel.name}", hashes = {{ sha256 = "{digest_of(wheel)}" }} }}\n'
    )
    assert {"leaf.py", "shared/app.py", "tiny/app.py"} <= modules(built(project, "--offline"))


def test_a_package_may_be_called_bin_beside_console_scripts(project: Path) -> None:
    (project / "src/bin").mkdir()
    (project / "src/bin/__init__.py").touch()
    (project / "scripts").mkdir()
    (project / "scripts/run.py").write_text("#!/usr/bin/env python3\nprint('run')\n")
    (project / "requirements.txt").write_text("# no dependencies\n")
    with_settings(project, "")
    found = modules(built(project))
    assert "bin/__init__.py" in found
    assert "bin/run.py" not in found


def test_a_member_of_a_workspace_is_built_with_those_it_depends_on(project: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"
    make_tiny_project(library)
    (library / "src/tiny").rename(library / "src/shared")
    for path in ("pyproject.toml", "requirements.txt"):
        (library / path).write_text((library / path).read_text().replace("tiny", "shared"))
    text = (
        (project / "pyproject.toml")
        .read_text()
        .replace('requires-python = ">=3.11"', 'requires-python = ">=3.11"\ndependencies = ["shared"]')
    )
    (project / "pyproject.toml").write_text(text + "\n[tool.uv.sources]\nshared = { workspace = true }\n")
    (tmp_path / "pyproject.toml").write_text('[tool.uv.workspace]\nmembers = ["project", "library"]\n')
    run_uv(tmp_path, "lock", "--offline")
    assert {"shared/app.py", "tiny/app.py"} <= modules(built(project, "--offline"))
    assert not (library / "_build").exists()
    developed = built(project, "--env", "dev")
    assert str(library / "src") in (developed / "releases/1.0.0/manifest.json").read_text()
    closed = built(project, "--env", "closed")
    with zipfile.ZipFile(closed / "releases/1.0.0/tiny.pyz") as archive:
        assert "site-packages/shared/app.pyc" in archive.namelist()


def lock_of(kind: str, wheel: Path) -> str:
    """Return a lock of a tool that pins one wheel, and something that is for another system."""
    digest = f"sha256:{digest_of(wheel)}"
    if kind == "Pipfile.lock":
        entries = {"leaf": {"version": "==1.0", "hashes": [digest]}}
        entries["away"] = {"version": "==1.0", "markers": "sys_platform == 'win32'", "hashes": [digest]}
        return json.dumps({"_meta": {}, "default": entries, "develop": {"unused": {"version": "==1.0"}}})
    file = f'files = [{{ file = "{wheel.name}", hash = "{digest}" }}]\n'
    return f'[[package]]\nname = "leaf"\nversion = "1.0"\n{file}[[package]]\nname = "unused"\nversion = "1.0"\n{file}'


@pytest.mark.parametrize("kind", ["poetry.lock", "pdm.lock", "Pipfile.lock"])
def test_the_lock_of_another_tool_is_read_as_it_stands_and_its_hashes_are_enforced(project: Path, kind: str) -> None:
    text = (project / "pyproject.toml").read_text()
    asked = '[project]\ndependencies = ["leaf", "away ; sys_platform == \'win32\'"]\n'
    (project / "pyproject.toml").write_text(text.replace("[project]\n", asked))
    with_settings(project, 'find_links = ["vendor"]')
    wheel = make_wheel(project / "vendor", "leaf")
    (project / kind).write_text(lock_of(kind, wheel))
    nowhere = {"PATH": "/usr/bin:/bin"}
    assert "install 1 locked dependency from" in releaser(project, "plan", **nowhere).stdout
    found = modules(built(project, "--offline", **nowhere))
    assert "leaf.py" in found
    assert "unused.py" not in found
    (project / kind).write_text(lock_of(kind, make_wheel(project / "elsewhere", "leaf", "more")))
    done = releaser(project, "build", "--offline", **nowhere)
    assert done.returncode == 1
    assert "the dependencies could not be installed" in done.stderr
    assert "hash" in done.stderr.lower()


def test_a_lock_without_what_the_project_asks_for_is_refused_before_anything_runs(project: Path) -> None:
    text = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(text.replace("[project]\n", '[project]\ndependencies = ["leaf", "gone"]\n'))
    (project / "poetry.lock").write_text(lock_of("poetry.lock", make_wheel(project / "vendor", "leaf")))
    done = releaser(project, "build")
    assert done.returncode == 3
    assert "poetry.lock: this lock cannot be used: the project asks for gone, which it does not have" in done.stderr
    assert "hint: poetry lock" in done.stderr
    assert not (project / "_build").exists()


def test_requirements_without_hashes_are_resolved_with_a_warning_and_recorded(project: Path) -> None:
    wheel = make_wheel(project / "vendor", "leaf")
    make_wheel(project / "vendor", "deep")
    (project / "requirements").mkdir()
    (project / "requirements/base.txt").write_text("leaf==1.0\n")
    (project / "requirements/prod.txt").write_text("-r base.txt\ndeep\n")
    with_settings(project, 'find_links = ["vendor"]')
    done = releaser(project, "build", "--offline")
    assert done.returncode == 0, done.stderr
    assert "no lock file: each build resolves anew what requirements/prod.txt asks for" in done.stderr
    release = project / "_build/prod/rel/tiny"
    assert {"leaf.py", "deep.py"} <= modules(release)
    recorded = (release / "releases/1.0.0/resolved.txt").read_text()
    assert f"leaf==1.0 \\\n    --hash=sha256:{digest_of(wheel)}" in recorded
    assert str(project) not in recorded


def test_extras_that_a_pdm_lock_was_made_without_are_refused(project: Path) -> None:
    (project / "pdm.lock").write_text('[metadata]\ngroups = ["default", "fast-lane"]\n')
    with_settings(project, 'extras = ["fast_lane", "slow"]\ngroups = ["worker"]')
    done = releaser(project, "build")
    assert done.returncode == 3
    assert "release.tiny.extras: pdm.lock was made without slow" in done.stderr
    assert "release.tiny.groups: pdm.lock was made without worker" in done.stderr
    assert "hint: pdm lock --group :all" in done.stderr


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    with serving(tmp_path / "served") as index:
        yield index


def by_url(index: Index, home: Path) -> dict[str, str]:
    return {"UV_DEFAULT_INDEX": index.url_with_password}


def by_netrc(index: Index, home: Path) -> dict[str, str]:
    (home / ".netrc").write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\n")
    (home / ".netrc").chmod(0o600)
    return {"UV_DEFAULT_INDEX": index.url, "NETRC": str(home / ".netrc")}


def by_named_index(index: Index, home: Path) -> dict[str, str]:
    (home / "uv.toml").write_text(f'[[index]]\nname = "inner"\nurl = "{index.url}"\ndefault = true\n')
    user = {"UV_INDEX_INNER_USERNAME": USER, "UV_INDEX_INNER_PASSWORD": PASSWORD}
    return {"UV_CONFIG_FILE": str(home / "uv.toml"), **user}


def by_the_projects_own_table(index: Index, home: Path) -> dict[str, str]:
    with (home / "project/pyproject.toml").open("a") as file:
        file.write(f'\n[[tool.uv.index]]\nname = "inner"\nurl = "{index.url}"\ndefault = true\n')
    return {"UV_INDEX_INNER_USERNAME": USER, "UV_INDEX_INNER_PASSWORD": PASSWORD}


@pytest.mark.parametrize("configure", [by_url, by_netrc, by_named_index, by_the_projects_own_table])
def test_the_password_of_an_index_is_used_and_lands_nowhere(
    project: Path, index: Index, tmp_path: Path, configure: Callable[[Index, Path], dict[str, str]]
) -> None:
    wheel = make_wheel(index.folder, "leaf")
    (project / "requirements.txt").write_text(hashed(wheel))
    changes = {"UV_CACHE_DIR": str(tmp_path / "uv-cache"), "NO_PROXY": "*", **configure(index, tmp_path)}
    done = releaser(project, "build", "-v", **changes)
    assert done.returncode == 0, done.stderr
    assert "leaf.py" in modules(project / "_build/prod/rel/tiny")
    assert PASSWORD not in done.stdout + done.stderr
    assert [name for name, content in files_in(project / "_build").items() if PASSWORD.encode() in content] == []


def test_what_an_installer_says_of_an_index_is_told_without_its_password(project: Path, index: Index) -> None:
    (project / "requirements.txt").write_text(hashed(make_wheel(index.folder, "leaf")).replace("leaf", "absent"))
    failed = releaser(project, "build", "-v", UV_DEFAULT_INDEX=index.url_with_password, NO_PROXY="*")
    assert failed.returncode == 1
    assert "absent was not found" in failed.stderr
    assert PASSWORD not in failed.stdout + failed.stderr


@pytest.mark.parametrize("place", ["PIP_INDEX_URL", "PIP_CONFIG_FILE"])
def test_pip_takes_the_index_that_it_is_configured_for(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    wheel = make_wheel(index.folder, "leaf")
    (tmp_path / "lock.txt").write_text(hashed(wheel))
    (tmp_path / "pip.conf").write_text(f"[global]\nindex-url = {index.url_with_password}\n")
    for name in ("PIP_INDEX_URL", "PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv(place, index.url_with_password if place == "PIP_INDEX_URL" else str(tmp_path / "pip.conf"))
    monkeypatch.setenv("NO_PROXY", "*")
    pip = Installer(kind="pip", program=(sys.executable, "-m", "pip"), python=Path(sys.executable), is_own_python=True)
    said = Said()
    runner(said)(install_locked(pip, tmp_path, tmp_path / "lock.txt", tmp_path / "site-packages"))
    assert (tmp_path / "site-packages/leaf.py").is_file()
    assert any("leaf" in line for line in said.lines)
    assert PASSWORD not in "".join(said.lines)


class Said:
    """A report that keeps everything that it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def step(self, text: str) -> None:
        self.lines.append(text)

    note = command = output = step
