"""Archives: whatever one holds, `unpack` writes below the root alone, or nothing, and every reader ends in order."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from support.artifacts import finished, packed
from support.fuzzing import called, fuzzed, kept_cases, mutated, one_example
from support.hostile_archives import changed_members, packed_anew

from releaser.artifacts.compare import difference, difference_lines
from releaser.artifacts.reading import read_artifact
from releaser.artifacts.verification import verify_artifact
from releaser.errors import ReleaserError
from releaser.runtime.commands.command_line import main

NAME = "app"
HOW = st.sampled_from(["plain", "gzip", "gzip", "script", "torn"])


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where archives are unpacked to: a root with version 0.9.0 in it, alone in a folder."""

    folder: Path
    tar: bytes
    """A release of version 1.0.0, not compressed."""

    @property
    def root(self) -> Path:
        return self.folder / "host" / NAME

    @property
    def archive(self) -> Path:
        return self.folder / "incoming" / f"{NAME}-1.0.0.tar.gz"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("archives")
    made = Place(folder=folder, tar=gzip.decompress(packed(finished(folder / "built")).read_bytes()))
    finished(folder / "host", version="0.9.0")
    (folder / "incoming").mkdir()
    yield made
    shutil.rmtree(folder, ignore_errors=True)


def listed(folder: Path) -> dict[str, tuple[int, int]]:
    """Return everything below a folder by its path: kind and mode, and size where it is a file."""
    found = {}
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            state = os.lstat(os.path.join(parent, name))  # noqa: PTH118
            is_folder = (state.st_mode & 0o170000) == 0o040000
            found[os.path.relpath(os.path.join(parent, name), folder)] = (  # noqa: PTH118
                state.st_mode,
                0 if is_folder else state.st_size,
            )
    return found


def check(place: Place, content: bytes) -> None:
    """Check that nobody who reads an archive of these bytes writes what it should not, or fails in disorder."""
    place.archive.write_bytes(content)
    before, root_before = listed(place.folder), listed(place.root)
    code, told = called(main, str(place.root), "0.9.0", "unpack", str(place.archive))
    after, root_after = listed(place.folder), listed(place.root)
    is_unpacked = place.root.joinpath("releases", "1.0.0").exists()
    remove_version(place)
    here = f"host/{NAME}/"
    assert code in (0, 1, 2, 3, 4), told
    assert "Traceback" not in told
    assert {path: found for path, found in after.items() if not path.startswith(here)} == {
        path: found for path, found in before.items() if not path.startswith(here)
    }
    if code:
        assert root_after == root_before, told
    else:
        assert is_unpacked
        new = (path for path in root_after if path not in root_before)
        assert all(path.startswith(("releases/1.0.0", "python-")) for path in new)
        for path in ("releases/default", "releases/0.9.0/manifest.json"):
            assert root_after[path] == root_before[path]
    for read in (lambda: verify_artifact(place.archive, allowed_signers=None, identity=""), lambda: differ(place)):
        try:
            read()
        except ReleaserError as error:
            problem = error
            assert problem.message


def differ(place: Place) -> None:
    artifact = read_artifact(place.archive)
    assert difference_lines(difference(artifact, artifact)) == []


def remove_version(place: Place) -> None:
    for path in (place.root / "releases").iterdir():
        if path.name not in ("default", "0.9.0"):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


@fuzzed(st.data(), examples=40)
def test_members_of_an_attacker_lie_below_the_root_or_nowhere(place: Place, data: st.DataObject) -> None:
    tar = data.draw(changed_members(place.tar, NAME, str(place.folder / "outside")))
    content = packed_anew(tar, data.draw(HOW))
    with one_example():
        check(place, content)


@fuzzed(st.data(), examples=30)
def test_a_tar_with_slips_is_unpacked_or_refused(place: Place, data: st.DataObject) -> None:
    tar = data.draw(
        mutated([place.tar[: 1 << 16] + place.tar[-(1 << 16) :], place.tar], [b"../", b"\x80\0\0\0", b"7777777"])
    )
    content = packed_anew(tar, data.draw(HOW))
    with one_example():
        check(place, content)


@fuzzed(st.data(), examples=20)
def test_a_compressed_archive_with_slips_is_unpacked_or_refused(place: Place, data: st.DataObject) -> None:
    content = data.draw(mutated([gzip.compress(place.tar, 1, mtime=0)], [b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"]))
    with one_example():
        check(place, content)


@pytest.mark.parametrize("case", kept_cases("archives"), ids=lambda path: path.name)
def test_a_case_that_was_found_once_is_unpacked_or_refused(place: Place, case: Path) -> None:
    with one_example():
        check(place, case.read_bytes())


def test_the_original_is_unpacked(place: Place) -> None:
    place.archive.write_bytes(gzip.compress(place.tar, 1, mtime=0))

    code, told = called(main, str(place.root), "0.9.0", "unpack", str(place.archive))
    is_there = (place.root / "releases" / "1.0.0" / "manifest.json").is_file()
    remove_version(place)

    assert (code, is_there) == (0, True), told


def _tar(*members: tuple[str, bytes, str, bytes]) -> bytes:
    """Return a tar of (name, type, link, content)."""
    into = io.BytesIO()
    with tarfile.open(fileobj=into, mode="w") as archive:
        for name, kind, link, content in members:
            member: Any = tarfile.TarInfo(name)
            member.type, member.linkname, member.size, member.mode = kind, link, len(content), 0o755
            archive.addfile(member, io.BytesIO(content))
    return into.getvalue()


def _folders(depth: int) -> bytes:
    return _tar(*((NAME + "/x" * level, tarfile.DIRTYPE, "", b"") for level in range(1, depth)))


CASES = {
    "links_of_which_each_leads_one_level_further": lambda tar: (
        _tar(
            (f"{NAME}/x", tarfile.DIRTYPE, "", b""),
            (f"{NAME}/x/y", tarfile.DIRTYPE, "", b""),
            (f"{NAME}/x/y/c", tarfile.SYMTYPE, "../..", b""),
            (f"{NAME}/x/y/d", tarfile.SYMTYPE, "c/..", b""),
            (f"{NAME}/x/y/e", tarfile.SYMTYPE, "d/..", b""),
            (f"{NAME}/x/y/f", tarfile.SYMTYPE, "e/..", b""),
            (f"{NAME}/x/y/f/ESCAPED", tarfile.REGTYPE, "", b"x"),
        )[:-10240].rstrip(b"\0")
        + b"\0" * 512
        + tar
    ),
    "three_thousand_folders_in_each_other": lambda tar: _folders(3000),
    "a_bomb": lambda tar: _tar((f"{NAME}/bomb", tarfile.REGTYPE, "", b"\0" * 50_000_000)),
    "nothing": lambda tar: b"",
    "blocks_of_nothing": lambda tar: b"\0" * 10240,
}


@pytest.mark.parametrize("case", CASES)
def test_a_case_of_the_issue_is_unpacked_or_refused(place: Place, case: str) -> None:
    with one_example():
        check(place, gzip.compress(CASES[case](place.tar), 1, mtime=0))
