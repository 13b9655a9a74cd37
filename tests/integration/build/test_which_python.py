"""The build's Python is the project's, wherever it is; one that is nowhere is fetched by uv, or told at once.

uv is the real one, and what it fetches lies on this machine: nothing comes from a network.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shlex
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import uv
from support.builds import clean_environment, manifest_of, releaser
from support.tiny_project import CONFIG, make_tiny_project

from releaser.plan.project.interpreter import MINORS, this_interpreter

OWN = this_interpreter().version
FOUND = {
    minor: program
    for minor in reversed(MINORS)
    for program in (
        *Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob(f"versions/{minor}.*/bin/python{minor}"),
        Path(f"/usr/bin/python{minor}"),
    )
    if minor != OWN and program.exists()
}
OTHER = next(iter(reversed(FOUND)), next(minor for minor in MINORS if minor != OWN))


def machine(folder: Path) -> dict[str, str]:
    """Return the environment of a machine on which no other Python is found than the one that runs `releaser`."""
    (folder / "path").mkdir()
    for name in ("sh", "cat", "git", "uname"):
        path = next((Path(place, name) for place in ("/bin", "/usr/bin") if Path(place, name).exists()), None)
        if path is not None:
            (folder / "path" / name).symlink_to(path)
    return {
        "PATH": str(folder / "path"),
        "PYENV_ROOT": str(folder / "pyenv"),
        "UV_PYTHON_INSTALL_DIR": str(folder / "uv"),
    }


def another_python() -> Path:
    """Return the program of another Python on this machine that a release runs on, or skip."""
    if OTHER not in FOUND:
        pytest.skip(f"there is no other Python than {OWN} here that a release runs on")
    return FOUND[OTHER]


def offered_by_uv(folder: Path, program: Path) -> dict[str, str]:
    """Return the variables with which uv finds a Python to fetch: an archive in `folder` that runs `program`."""
    tree = folder / "fetched/python"
    (tree / f"lib/python{OTHER}").mkdir(parents=True)
    data = f"_sysconfigdata__linux_{platform.machine()}-linux-gnu.py"
    (tree / f"lib/python{OTHER}" / data).write_text(
        "# system configuration generated and used by the sysconfig module\nbuild_time_vars = {}\n"
    )
    (tree / "bin").mkdir()
    (tree / "bin" / f"python{OTHER}").write_text(f'#!/bin/sh\nexec {shlex.quote(str(program))} "$@"\n')
    (tree / "bin" / f"python{OTHER}").chmod(0o755)
    (tree / "bin/python3").symlink_to(f"python{OTHER}")
    with tarfile.open(folder / "python.tar.gz", "w:gz") as archive:
        archive.add(tree, "python")
    question = [program, "-c", "import platform; print(platform.python_version())"]
    full_version = subprocess.run(question, capture_output=True, text=True, check=True).stdout.strip()
    machine = platform.machine()
    major, minor, patch = map(int, full_version.split("."))
    entry = {
        "name": "cpython",
        "arch": {"family": machine, "variant": None},
        "os": "linux",
        "libc": "gnu",
        "major": major,
        "minor": minor,
        "patch": patch,
        "prerelease": "",
        "url": (folder / "python.tar.gz").as_uri(),
        "sha256": None,
        "variant": None,
    }
    (folder / "downloads.json").write_text(json.dumps({f"cpython-{full_version}-linux-{machine}-gnu": entry}))
    return {"UV_PYTHON_DOWNLOADS_JSON_URL": str(folder / "downloads.json")}


def test_a_release_is_built_with_the_python_that_the_project_names(tmp_path: Path) -> None:
    program = another_python()
    project = make_tiny_project(tmp_path / "project")
    (project / ".python-version").write_text(f"{OTHER}\n")
    environ = machine(tmp_path)
    (tmp_path / "path" / f"python{OTHER}").symlink_to(program)

    done = releaser(project, "build", **environ)

    assert (done.returncode, done.stderr) == (0, "")
    root = project / "_build/prod/rel/tiny"
    assert manifest_of(root)["python"]["version"] == OTHER
    ran = subprocess.run(
        [root / "bin/tiny", "eval", "import sys; print(sys.version_info[:2])"],
        env={"PATH": f"{environ['PATH']}:/usr/bin:/bin", "RELEASE_PYTHON": str(program)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout.strip() == str(tuple(map(int, OTHER.split(".")))), ran.stderr


@pytest.mark.parametrize("named", ["the file", "the configuration"])
def test_a_python_that_is_nowhere_is_fetched_by_uv_for_a_build(tmp_path: Path, named: str) -> None:
    program = another_python()
    config = CONFIG
    if named == "the configuration":
        config = CONFIG.replace("[environment.prod]\n", f'[environment.prod]\ninclude_python = "{OTHER}"\n')
    project = make_tiny_project(tmp_path / "project", config=config)
    if named == "the file":
        (project / ".python-version").write_text(f"{OTHER}\n")
    environ = machine(tmp_path) | offered_by_uv(tmp_path, program)

    done = releaser(project, "build", **environ)

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"* fetch Python {OTHER}, which is not on this machine" in done.stdout
    assert "could not fetch" not in done.stdout
    root = project / "_build/prod/rel/tiny"
    assert manifest_of(root)["python"]["version"] == OTHER
    assert any(root.glob(f"python-{OTHER}*")) == (named == "the configuration")
    again = releaser(project, "build", "--force", **environ)
    assert "fetch Python" not in again.stdout


def test_init_and_check_say_at_once_that_there_is_none_and_what_gets_one(tmp_path: Path) -> None:
    project = make_tiny_project(tmp_path / "project")
    (project / "rel/config.toml").unlink()
    (project / ".python-version").write_text(f"{OTHER}\n")
    environ = machine(tmp_path) | offered_by_uv(tmp_path, another_python())

    begun = releaser(project, "init", **environ)
    checked = releaser(project, "check", "--env", "prod", **environ)

    told = f"there is no Python {OTHER} on this machine"
    assert begun.returncode == 0
    assert told in begun.stderr
    assert checked.returncode == 3
    assert f".python-version: {told}" in checked.stderr
    for said in (begun.stderr, checked.stderr):
        (command,) = re.findall("`(uv python install .*?)`", said)
    words = [uv.find_uv_bin(), *command.split()[1:], "--no-bin"]
    done = subprocess.run(words, env=clean_environment() | environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert releaser(project, "check", "--env", "prod", **environ).returncode == 0


def test_a_python_that_uv_may_not_fetch_ends_the_build_with_what_uv_said(tmp_path: Path) -> None:
    project = make_tiny_project(tmp_path / "project")
    (project / ".python-version").write_text(f"{OTHER}\n")

    done = releaser(project, "build", UV_PYTHON_DOWNLOADS="never", **machine(tmp_path))
    offline = releaser(project, "build", "--offline", **machine(tmp_path / "path"))

    assert done.returncode == 3
    assert f"uv could not fetch Python {OTHER}: " in done.stdout
    assert f".python-version: there is no Python {OTHER} on this machine" in done.stderr
    assert (offline.returncode, offline.stdout) == (3, "")


def test_a_committed_configuration_names_no_folder_of_the_machine(tmp_path: Path) -> None:
    project = make_tiny_project(tmp_path / "project")
    (project / "rel/config.toml").unlink()
    (project / ".python-version").write_text(f"{OWN}\n")

    assert releaser(project, "init").returncode == 0

    written = "".join(path.read_text() for path in (project / "rel").rglob("*") if path.is_file())
    folders = (sys.prefix, sys.base_prefix, str(Path.home()), str(tmp_path))
    assert [folder for folder in folders if folder in written] == []
