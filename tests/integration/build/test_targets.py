"""Releases for another platform or Python: what is installed, compiled, recorded, and refused at start."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.tags import Tag
from support.builds import built, manifest_of, releaser
from support.tiny_project import CONFIG, make_tiny_project

from releaser.build.dependencies.tags import fits
from releaser.plan.facts import Interpreter

OTHER = "aarch64" if platform.machine() != "aarch64" else "x86_64"
THIS = f"3.{sys.version_info.minor}"
NEXT = "3.12" if sys.version_info.minor != 12 else "3.13"
CODE = f"cp{THIS.replace('.', '')}"


def make_wheel(folder: Path, tag: str) -> Path:
    """Write a wheel with an "extension module" that is only text."""
    info = "native-1.0.dist-info"
    files = {
        "native.so": tag,
        "native_more.py": "X = 1\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: native\nVersion: 1.0\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: false\nTag: {tag}\n",
        f"{info}/RECORD": f"native.so,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n",
    }
    folder.mkdir(exist_ok=True)
    wheel = folder / f"native-1.0-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for member, text in files.items():
            archive.writestr(zipfile.ZipInfo(member), text)
    return wheel


def project_with(folder: Path, settings: str, *tags: str) -> Path:
    project = make_tiny_project(folder)
    hashes = [hashlib.sha256(make_wheel(project / "vendor", tag).read_bytes()).hexdigest() for tag in tags]
    lock = "native==1.0 " + " ".join(f"--hash=sha256:{digest}" for digest in hashes) + "\n" if tags else ""
    (project / "requirements.txt").write_text(lock)
    entry = 'entry_point = "tiny.app:main"\n'
    find_links = 'find_links = ["vendor"]\n' if tags else ""
    (project / "rel/config.toml").write_text(CONFIG.replace(entry, f"{entry}{find_links}{settings}\n"))
    return project


def members(release: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(release / "releases/1.0.0/tiny.pyz") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_wheels_are_those_of_the_other_platform_and_the_release_says_so_at_start(tmp_path: Path) -> None:
    tags = [f"{CODE}-{CODE}-manylinux_2_28_{machine}" for machine in ("x86_64", "aarch64")]
    project = project_with(tmp_path / "p", f'platform = "manylinux_2_28_{OTHER}"', *tags)
    release = built(project, "--offline")
    assert members(release)["site-packages/native.so"].decode() == f"{CODE}-{CODE}-manylinux_2_28_{OTHER}"
    assert manifest_of(release)["python"]["platform"] == f"linux-{OTHER}"
    done = subprocess.run(
        [release / "bin/tiny", "foreground"],
        env={"PATH": os.environ["PATH"], "RELEASE_PYTHON": os.path.realpath(sys.executable)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    assert f"tiny 1.0.0 was built for {OTHER}, and this host is {platform.machine()}" in done.stderr
    assert "now: nothing was started" in done.stderr


def test_a_platform_without_a_wheel_is_refused(tmp_path: Path) -> None:
    tag = f"{CODE}-{CODE}-manylinux_2_28_{platform.machine()}"
    project = project_with(tmp_path / "p", f'platform = "manylinux_2_28_{OTHER}"', tag)
    done = releaser(project, "build", "--offline")
    assert done.returncode == 1
    assert "the dependencies could not be installed" in done.stderr


def test_another_version_is_compiled_by_a_python_of_that_version_or_not_at_all(tmp_path: Path) -> None:
    project = project_with(tmp_path / "p", f'python_version = "{NEXT}"')
    done = releaser(project, "build", "--offline")
    assert done.returncode == 0, done.stderr
    release = project / "_build/prod/rel/tiny"
    assert manifest_of(release)["python"]["version"] == NEXT
    assert (release / "releases/1.0.0/python").read_text().startswith(f"{NEXT} ")
    code = [name for name in members(release) if name.endswith(".pyc")]
    if f"there is no Python {NEXT} on this machine" in done.stderr:
        assert code == []
    else:
        assert f"site-packages/tiny/__pycache__/app.cpython-{NEXT.replace('.', '')}.pyc" in code


def test_without_a_python_of_the_version_there_is_a_warning_and_no_byte_code(tmp_path: Path) -> None:
    project = project_with(tmp_path / "p", f'python_version = "{NEXT}"')
    bare = tmp_path / "bin"
    bare.mkdir()
    (bare / "sh").symlink_to(shutil.which("sh") or "/bin/sh")
    done = releaser(project, "build", "--offline", PATH=str(bare), HOME=str(tmp_path), PYENV_ROOT=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert f"there is no Python {NEXT} on this machine: byte code is left out" in done.stderr
    assert not [name for name in members(project / "_build/prod/rel/tiny") if name.endswith(".pyc")]
    closed = releaser(project, "build", "--env", "closed", PATH=str(bare), HOME=str(tmp_path), PYENV_ROOT=str(tmp_path))
    assert closed.returncode == 3
    assert "there is no byte code to ship alone" in closed.stderr


def test_an_interpreter_of_another_machine_is_not_copied(tmp_path: Path) -> None:
    project = project_with(tmp_path / "p", f'platform = "manylinux_2_28_{OTHER}"\ninclude_python = true')
    done = releaser(project, "build")
    assert done.returncode == 3
    assert "the Python of a release for another platform cannot be copied from this machine" in done.stderr


@pytest.mark.parametrize(
    ("tag", "is_fit"),
    [
        (Tag("py3", "none", "any"), True),
        (Tag("cp312", "cp312", "manylinux_2_17_aarch64"), True),
        (Tag("cp38", "abi3", "manylinux_2_17_aarch64"), True),
        (Tag("cp311", "cp311", "manylinux_2_17_aarch64"), False),
        (Tag("cp313", "abi3", "manylinux_2_17_aarch64"), False),
        (Tag("cp312", "cp312", "manylinux_2_17_x86_64"), False),
        (Tag("py2", "none", "any"), False),
    ],
)
def test_a_wheel_fits_by_its_version_and_machine(tag: Tag, is_fit: bool) -> None:
    target = Interpreter(
        path=Path("/python"), version="3.12", full_version="3.12", implementation="cpython", platform="linux-aarch64"
    )
    assert fits(tag, target) == is_fit
