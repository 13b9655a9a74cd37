"""What a build puts beside the archive: bill of materials, provenance, checksums, signature."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.artifacts import is_valid_bill
from support.builds import built, clean_environment, releaser
from support.tiny_project import make_tiny_project

NAMES = ("tiny-1.0.0.cdx.json", "tiny-1.0.0.mtree", "tiny-1.0.0.provenance.json", "tiny-1.0.0.sha256")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_tiny_project(tmp_path / "a project")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    if shutil.which("ssh-keygen") is None:
        assert not os.environ.get("CI"), "CI must have ssh-keygen"
        pytest.skip("no ssh-keygen here")
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ada", "-f", path], check=True)
    return path


def target(project: Path) -> Path:
    return project / "_build" / "prod"


def loaded(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


def test_the_bill_of_materials_is_valid_and_names_what_is_inside(project: Path) -> None:
    built(project)
    text = (target(project) / NAMES[0]).read_text(encoding="utf-8")
    assert is_valid_bill(text)
    assert not is_valid_bill(text.replace('"bomFormat": "CycloneDX"', '"bomFormat": "other"'))
    names = {component["name"] for component in json.loads(text)["components"]}
    assert names == {"tiny", "releaser-py", "shiv"}
    assert "timestamp" not in text


def test_the_provenance_names_the_archive_and_what_it_was_made_from(project: Path) -> None:
    environment = {**clean_environment(), "GIT_CONFIG_GLOBAL": "/dev/null"}
    author = ("-c", "user.name=ada", "-c", "user.email=ada@example.org")
    for words in (("init", "-q"), ("add", "-A"), (*author, "commit", "-q", "-m", "first")):
        subprocess.run(["git", *words], cwd=project, env=environment, check=True)
    config_file = project / "rel" / "config.toml"
    config_file.write_text(config_file.read_text() + "# changed\n")
    built(project)
    statement = loaded(target(project) / NAMES[2])
    archive = target(project) / "tiny-1.0.0.tar.gz"
    assert statement["subject"][0] == {
        "name": "tiny-1.0.0.tar.gz",
        "digest": {"sha256": hashlib.sha256(archive.read_bytes()).hexdigest()},
    }
    definition = statement["predicate"]["buildDefinition"]
    materials = {material["name"]: material for material in definition["resolvedDependencies"]}
    config = hashlib.sha256((project / "rel" / "config.toml").read_bytes()).hexdigest()
    assert materials["config"]["digest"]["sha256"] == config
    lock = hashlib.sha256((project / "requirements.txt").read_bytes()).hexdigest()
    assert materials["requirements.txt"]["digest"]["sha256"] == lock
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=project, capture_output=True, text=True, check=True)
    assert materials["git"] == {
        "name": "git",
        "digest": {"gitCommit": head.stdout.strip()},
        "annotations": {"dirty": True},
    }
    assert statement["predicate"]["runDetails"]["builder"]["id"] == "releaser"
    assert {"releaser", "shiv", "uv"} <= set(definition["internalParameters"]["tools"])


def test_another_folder_and_time_make_the_same_sidecars(project: Path, tmp_path: Path) -> None:
    other = make_tiny_project(tmp_path / "deeper" / "other")
    built(project)
    built(other, TZ="Asia/Tokyo", PYTHONHASHSEED="77")
    for name in NAMES:
        text = (target(project) / name).read_bytes()
        assert text == (target(other) / name).read_bytes(), name
        assert str(tmp_path).encode() not in text


def test_a_signed_build_is_verified_until_something_is_changed(project: Path, key: Path, tmp_path: Path) -> None:
    done = releaser(project, "build", "--sign", str(key))
    assert done.returncode == 0, done.stderr
    assert "signed by _build/prod/tiny-1.0.0.sha256.sig" in done.stdout
    assert sorted(path.name for path in target(project).glob("tiny-1.0.0*")) == sorted(
        ["tiny-1.0.0.tar.gz", *NAMES, "tiny-1.0.0.sha256.sig"]
    )
    allowed = tmp_path / "allowed"
    allowed.write_text(f"ada@example.org {key.with_suffix('.pub').read_text()}")
    words = ("verify", "_build/prod/tiny-1.0.0.tar.gz", "--allowed-signers", str(allowed))
    done = releaser(project, *words)
    assert done.returncode == 0, done.stderr
    assert "good, of ada@example.org" in done.stdout
    private = key.read_bytes()
    assert not [path for path in project.rglob("*") if path.is_file() and private in path.read_bytes()]

    with (target(project) / "tiny-1.0.0.provenance.json").open("a") as file:
        file.write("\n")
    done = releaser(project, *words)
    assert done.returncode == 1
    assert "tiny-1.0.0.provenance.json: changed" in done.stderr

    # The next build, unsigned, leaves no signature behind that would vouch for something else.
    built(project)
    assert not (target(project) / "tiny-1.0.0.sha256.sig").exists()
    done = releaser(project, *words)
    assert done.returncode == 1
    assert "is not signed" in done.stderr


def test_a_key_that_cannot_sign_leaves_the_previous_build(project: Path, tmp_path: Path) -> None:
    built(project)
    before = (target(project) / "tiny-1.0.0.tar.gz").read_bytes()
    (tmp_path / "no key").write_text("text\n")
    make_tiny_project(project, word="another")
    done = releaser(project, "build", "--sign", str(tmp_path / "no key"))
    assert done.returncode == 1
    assert "cannot sign with" in done.stderr
    assert "now: the previous build, 1.0.0, is in _build/prod/rel/tiny as it was" in done.stderr
    assert (target(project) / "tiny-1.0.0.tar.gz").read_bytes() == before
    done = releaser(project, "build", "--sign", str(tmp_path / "missing"))
    assert done.returncode == 2
    assert "there is no such file" in done.stderr


def test_dev_mode_has_nothing_to_sign(project: Path, key: Path) -> None:
    done = releaser(project, "build", "--env", "dev", "--sign", str(key))
    assert done.returncode == 3
    assert "it makes no archive" in done.stderr
