"""Packages of a lock come from the index that it says, though the same version lies on another one with other bytes."""

from __future__ import annotations

import json
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import uv
from support.builds import clean_environment, files_in, releaser
from support.index import PASSWORD, USER, Index, digest_of, make_wheel, serving
from support.tiny_project import make_tiny_project

from releaser.plan.project.locks.lines import PYPI


@pytest.fixture
def indexes(tmp_path: Path) -> Iterator[tuple[Index, Index]]:
    """Serve a default index and an inner one, whose `leaf` of the same version is another."""
    with serving(tmp_path / "default") as default, serving(tmp_path / "inner") as inner:
        for name in ("leaf", "plain"):
            make_wheel(default.folder, name)
        wheel = make_wheel(inner.folder, "leaf", "plain")
        assert digest_of(wheel) != digest_of(default.folder / wheel.name)
        yield default, inner


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = make_tiny_project(tmp_path / "project")
    (project / "requirements.txt").unlink()
    text = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(
        text.replace("[project]\n", '[project]\ndependencies = ["leaf==1.0", "plain"]\n')
    )
    return project


def environment(default: Index, tmp_path: Path) -> dict[str, str]:
    return {
        "UV_DEFAULT_INDEX": default.url_with_password,
        "UV_CACHE_DIR": str(tmp_path / "uv-cache"),
        "UV_INDEX_INNER_USERNAME": USER,
        "UV_INDEX_INNER_PASSWORD": PASSWORD,
        "NO_PROXY": "*",
    }


def metadata_of(project: Path) -> str:
    with zipfile.ZipFile(project / "_build/prod/rel/tiny/releases/1.0.0/tiny.pyz") as archive:
        return archive.read("site-packages/leaf-1.0.dist-info/METADATA").decode()


def is_of_the_inner_index(project: Path, env: dict[str, str]) -> bool:
    done = releaser(project, "build", "-v", **env)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "install 2 locked dependencies from" in done.stdout
    assert PASSWORD not in done.stdout + done.stderr
    assert [name for name, content in files_in(project / "_build").items() if PASSWORD.encode() in content] == []
    return "Requires-Dist: plain" in metadata_of(project)


def test_a_uv_lock_with_an_explicit_index(project: Path, tmp_path: Path, indexes: tuple[Index, Index]) -> None:
    default, inner = indexes
    with (project / "pyproject.toml").open("a") as file:
        file.write(f'[[tool.uv.index]]\nname = "inner"\nurl = "{inner.url}"\nexplicit = true\n')
        file.write('[tool.uv.sources]\nleaf = { index = "inner" }\n')
    env = environment(default, tmp_path)
    words = [uv.find_uv_bin(), "lock", "--quiet"]
    subprocess.run(words, cwd=project, env=clean_environment() | env, check=True)
    assert digest_of(inner.folder / "leaf-1.0-py3-none-any.whl") in (project / "uv.lock").read_text()
    assert is_of_the_inner_index(project, env)


def test_a_poetry_lock_with_a_source_of_one_package(
    project: Path, tmp_path: Path, indexes: tuple[Index, Index]
) -> None:
    default, inner = indexes
    source = f'[package.source]\ntype = "legacy"\nurl = "{inner.url}"\nreference = "inner"\n'
    (project / "poetry.lock").write_text(
        "".join(
            f'[[package]]\nname = "{name}"\nversion = "1.0"\n'
            f'files = [{{ file = "{wheel.name}", hash = "sha256:{digest_of(wheel)}" }}]\n{more}'
            for name, wheel, more in (
                ("leaf", inner.folder / "leaf-1.0-py3-none-any.whl", source),
                ("plain", default.folder / "plain-1.0-py3-none-any.whl", ""),
            )
        )
    )
    env = environment(default, tmp_path)
    del env["UV_INDEX_INNER_USERNAME"], env["UV_INDEX_INNER_PASSWORD"]
    env |= {"POETRY_HTTP_BASIC_INNER_USERNAME": USER, "POETRY_HTTP_BASIC_INNER_PASSWORD": PASSWORD}
    assert is_of_the_inner_index(project, env)


def test_a_pipfile_lock_with_an_index_whose_password_is_a_variable(
    project: Path, tmp_path: Path, indexes: tuple[Index, Index]
) -> None:
    default, inner = indexes
    url = inner.url_with_password.replace(PASSWORD, "${INNER_PASSWORD}")
    sources = [{"name": "pypi", "url": PYPI}, {"name": "inner", "url": url}]
    packages = {
        name: {"version": "==1.0", "hashes": [f"sha256:{digest_of(wheel)}"], "index": index}
        for name, wheel, index in (
            ("leaf", inner.folder / "leaf-1.0-py3-none-any.whl", "inner"),
            ("plain", default.folder / "plain-1.0-py3-none-any.whl", "pypi"),
        )
    }
    (project / "Pipfile.lock").write_text(json.dumps({"_meta": {"sources": sources}, "default": packages}))
    assert is_of_the_inner_index(project, environment(default, tmp_path) | {"INNER_PASSWORD": PASSWORD})


def test_a_python_that_is_nowhere_is_fetched_by_uv_and_check_says_that_there_is_none(
    project: Path, tmp_path: Path
) -> None:
    (project / "pyproject.toml").write_text(
        (project / "pyproject.toml").read_text().replace('dependencies = ["leaf==1.0", "plain"]\n', "")
    )
    (project / ".python-version").write_text("3.13\n")
    pythons = tmp_path / "pythons"
    alone = {
        "PATH": "/usr/bin:/bin",
        "PYENV_ROOT": str(tmp_path / "no-pyenv"),
        "UV_PYTHON_INSTALL_DIR": str(pythons),
        "UV_PYTHON_INSTALL_MIRROR": f"file://{tmp_path}/no-mirror",
    }
    if Path("/usr/bin/python3.13").exists():
        pytest.skip("Python 3.13 is on this machine")
    checked = releaser(project, "check", **alone)
    assert checked.returncode == 3
    assert ".python-version: there is no Python 3.13 on this machine" in checked.stderr
    assert "hint: `uv python install 3.13` gets one, as `releaser build` does by itself" in checked.stderr
    built = releaser(project, "build", **alone)
    assert built.returncode == 3
    assert "* fetch Python 3.13, which is not on this machine" in built.stdout
    assert "uv could not fetch Python 3.13" in built.stdout
    offline = releaser(project, "build", "--offline", **alone)
    assert (offline.returncode, offline.stdout) == (3, "")
    here = next((Path.home() / ".pyenv/versions").glob("3.13.*"), None)
    if here is not None:  # as uv would leave it
        pythons.mkdir(exist_ok=True)
        (pythons / "cpython-3.13.0-linux-x86_64-gnu").symlink_to(here)
        done = releaser(project, "build", **alone)
        assert done.returncode == 0, done.stderr


def test_a_version_of_python_is_named_in_the_configuration(project: Path) -> None:
    config = project / "rel/config.toml"
    text = config.read_text()
    config.write_text(text.replace("[environment.prod]\n", '[environment.prod]\ninclude_python = "3.8"\n'))
    done = releaser(project, "check", "--env", "prod")
    assert done.returncode == 3
    assert "a release runs on Python 3.11 to 3.15, and not on 3.8" in done.stderr
