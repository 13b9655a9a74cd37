"""What a build keeps for the next one: it saves time, and changes no byte of what is built."""

from __future__ import annotations

import gzip
import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest
from support.builds import built, files_in, manifest_of, releaser
from support.tiny_project import CONFIG, make_tiny_project

from releaser.artifacts.zstandard import zstd
from releaser.build.archive.writing import write_archive

LIBRARY = "greetings"


def with_dependency(project: Path, text: str = "GREETING = 'good day'\n") -> Path:
    """Give the tiny project a dependency, locked by the hash of a wheel that lies beside it."""
    name = f"{LIBRARY}-1.0-py3-none-any.whl"
    info = f"{LIBRARY}-1.0.dist-info"
    files = {
        f"{LIBRARY}/__init__.py": text,
        f"{LIBRARY}/more.py": "MORE = 1\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {LIBRARY}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": f"{LIBRARY}/__init__.py,,\n{LIBRARY}/more.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n",
    }
    (project / "wheels").mkdir(exist_ok=True)
    wheel = project / "wheels" / name
    with zipfile.ZipFile(wheel, "w") as archive:
        for member, content in files.items():
            archive.writestr(zipfile.ZipInfo(member), content)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    lock = f"{LIBRARY} @ {wheel.as_uri()} --hash=sha256:{digest}\n"
    (project / "requirements.txt").write_text(lock)
    return project


def artifact(project: Path) -> bytes:
    return (project / "_build/prod/tiny-1.0.0.tar.gz").read_bytes()


def layers(project: Path, kind: str = "layers") -> list[Path]:
    return sorted((project / "_build/.cache" / kind).iterdir())


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return with_dependency(make_tiny_project(tmp_path / "project"))


def test_a_cold_and_a_warm_cache_give_the_same_bytes(project: Path, tmp_path: Path) -> None:
    built(project)
    cold = artifact(project)
    layer = layers(project)[0]
    made = layer.joinpath("index").stat().st_mtime_ns
    built(project)
    assert artifact(project) == cold
    assert layer.joinpath("index").stat().st_mtime_ns == made
    shutil.rmtree(project / "_build")
    built(project)
    assert artifact(project) == cold


def test_the_dependencies_are_there_with_their_byte_code_and_only_once(project: Path) -> None:
    release = built(project)
    with zipfile.ZipFile(release / "releases/1.0.0/tiny.pyz") as archive:
        assert archive.testzip() is None
        names = archive.namelist()
    assert len(names) == len(set(names))
    code = f"site-packages/{LIBRARY}/__pycache__/more.{sys.implementation.cache_tag}.pyc"
    assert {code, f"site-packages/{LIBRARY}/more.py", "site-packages/tiny/app.py", "__main__.py"} <= set(names)


def test_a_changed_source_line_is_in_the_next_build_and_the_layer_stays(project: Path) -> None:
    one = manifest_of(built(project))["bundle"]["id"]
    before = layers(project)
    make_tiny_project(project, word="howdy")
    with_dependency(project)
    release = built(project)
    assert manifest_of(release)["bundle"]["id"] != one
    assert layers(project) == before
    with zipfile.ZipFile(release / "releases/1.0.0/tiny.pyz") as archive:
        assert b"howdy" in archive.read("site-packages/tiny/__init__.py")


def test_a_changed_lock_makes_another_layer(project: Path) -> None:
    built(project)
    with_dependency(project, "GREETING = 'good evening'\n")
    release = built(project)
    assert len(layers(project)) == 2
    with zipfile.ZipFile(release / "releases/1.0.0/tiny.pyz") as archive:
        assert b"evening" in archive.read(f"site-packages/{LIBRARY}/__init__.py")


@pytest.mark.parametrize("harm", ["edit", "remove", "truncate"])
def test_a_layer_that_is_not_as_it_was_made_is_made_again(project: Path, harm: str) -> None:
    built(project)
    good = artifact(project)
    (layer,) = layers(project)
    module = layer / "site-packages" / LIBRARY / "more.py"
    if harm == "edit":
        module.write_text("MORE = 2\n")
    elif harm == "remove":
        module.unlink()
    else:
        members = next(
            path
            for each in layers(project, "members")
            for path in [each / "members.zip"]
            if LIBRARY.encode() in path.read_bytes()
        )
        members.write_bytes(b"")
    built(project)
    assert artifact(project) == good


def test_a_module_of_the_project_replaces_that_of_a_dependency(project: Path) -> None:
    (project / "src" / LIBRARY).mkdir()
    (project / "src" / LIBRARY / "more.py").write_text("MORE = 'ours'\n")
    release = built(project)
    with zipfile.ZipFile(release / "releases/1.0.0/tiny.pyz") as archive:
        assert archive.read(f"site-packages/{LIBRARY}/more.py") == b"MORE = 'ours'\n"
        code = archive.read(f"site-packages/{LIBRARY}/__pycache__/more.{sys.implementation.cache_tag}.pyc")
        assert b"ours" in code
    (layer,) = layers(project)
    assert (layer / "site-packages" / LIBRARY / "more.py").read_text() == "MORE = 1\n"


def test_two_environments_are_built_at_once_from_one_cache(project: Path) -> None:
    words = [sys.executable, "-m", "releaser", "build", "-q", "--env"]
    both = [
        subprocess.Popen([*words, environment], cwd=project, stdin=subprocess.DEVNULL)
        for environment in ("prod", "closed")
    ]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    assert len(layers(project)) == 1


def test_a_wrong_hash_is_refused_and_leaves_no_layer(project: Path) -> None:
    lock = project / "requirements.txt"
    lock.write_text(lock.read_text()[:-9] + "00000000\n")
    done = releaser(project, "build")
    assert done.returncode == 1
    assert "the dependencies could not be installed" in done.stderr
    assert layers(project) == []


def test_without_a_lock_what_is_resolved_is_a_layer_as_well(tmp_path: Path) -> None:
    project = make_tiny_project(tmp_path / "project", config=CONFIG)
    (project / "requirements.txt").unlink()
    built(project)
    assert len(layers(project)) == 1


@pytest.mark.parametrize(("ending", "opened"), [("tar.gz", gzip.open), ("tar.zst", zstd.open)])
def test_an_archive_is_the_same_with_kept_pieces_and_without(
    tmp_path: Path, ending: str, opened: Callable[..., IO[bytes]]
) -> None:
    tree = tmp_path / "tree"
    (tree / "python").mkdir(parents=True)
    (tree / "python/text").write_bytes(b"all work and no play\n" * 300_000)
    (tree / "noise").write_bytes(hashlib.shake_256(b"seed").digest(3_000_000))
    archives = [tmp_path / f"{number}.{ending}" for number in range(3)]
    for archive, pieces in zip(archives, (None, tmp_path / "pieces", tmp_path / "pieces"), strict=True):
        write_archive(tree, archive, 0, pieces)
    one, two, three = (archive.read_bytes() for archive in archives)
    assert one == two == three
    assert len(one) < 3_300_000
    with opened(archives[0]) as file:
        content = file.read()
    assert len(content) > 9_000_000
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        archive.extractall(tmp_path / "out", filter="data")
    assert files_in(tmp_path / "out/tree") == files_in(tree)


def test_a_changed_line_leaves_the_compressed_dependencies_of_a_tar_zst_as_they_are(project: Path) -> None:
    config = project / "rel/config.toml"
    config.write_text(config.read_text().replace("[environment.prod]\n", '[environment.prod]\narchive = "tar.zst"\n'))
    built(project)
    (folder,) = (project / "_build/.cache/pieces").iterdir()
    before = {path.name: path.stat().st_ino for path in folder.iterdir()}
    app = project / "src/tiny/app.py"
    app.write_text(app.read_text() + "\n# longer by a line\n")
    built(project)
    after = {path.name: path.stat().st_ino for path in folder.iterdir()}
    kept = [name for name, inode in after.items() if before.get(name) == inode]
    assert len(after) - len(kept) == 2, "before the dependencies and behind them"
    assert any(b"MORE = 1" in zstd.decompress((folder / name).read_bytes()[4:]) for name in kept)


def test_members_of_a_tar_zst_are_stored_and_those_of_a_tar_gz_deflated(project: Path) -> None:
    for ending, method in (("tar.gz", zipfile.ZIP_DEFLATED), ("tar.zst", zipfile.ZIP_STORED)):
        config = project / "rel/config.toml"
        plain = config.read_text().replace('archive = "tar.gz"\n', "")
        config.write_text(plain.replace("[environment.prod]\n", f'[environment.prod]\narchive = "{ending}"\n'))
        with zipfile.ZipFile(built(project) / "releases/1.0.0/tiny.pyz") as bundle:
            assert {info.compress_type for info in bundle.infolist() if info.file_size} == {method}, ending
            assert bundle.testzip() is None
        told = releaser(project, "inspect", f"_build/prod/tiny-1.0.0.{ending}").stdout
        (columns,) = [line for line in told.splitlines() if line.startswith("packages of the bundle")]
        assert columns.split()[4:] == (["unpacked", "packed"] if ending == "tar.gz" else ["unpacked"])


def test_an_edit_of_a_published_release_changes_no_other_and_nothing_of_the_cache(tmp_path: Path) -> None:
    project = make_tiny_project(tmp_path / "project")
    (project / "rel/hooks").mkdir()
    (project / "rel/hooks/pre_start").write_text("#!/bin/sh\n")
    config = project / "rel/config.toml"
    config.write_text(config.read_text() + '\n[release.tiny.hooks]\npre_start = "rel/hooks/pre_start"\n')
    release, other = built(project), built(project, "--env", "closed")
    files = [path for path in release.rglob("*") if path.is_file() and not path.is_symlink()]

    assert [str(path) for path in files if path.stat().st_nlink > 1] == []

    edited = "releases/1.0.0/runtime/release/faults.py"
    before = (other / edited).read_text()
    with (release / edited).open("a") as file:
        file.write("# edited\n")
    assert (other / edited).read_text() == before
    again = built(project, "--force")
    assert (again / edited).read_text() == before
