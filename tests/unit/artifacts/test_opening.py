"""Archives that somebody else has made, or that are damaged: one sentence each, no traceback, and an end."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support.artifacts import finished, packed

from releaser.artifacts.opening import DamagedArtifact, open_tar
from releaser.cli.main import run

Member = tuple[str, bytes, dict[str, object]]
MANIFEST = "app/releases/1.0.0/manifest.json"
DEFAULT: Member = ("app/releases/default", b"1.0.0\n", {})


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packed(finished(tmp_path_factory.mktemp("good")))


def tar_of(path: Path, *members: Member, after: Path | None = None) -> Path:
    """Write a tar.gz of `members`, after those of the archive `after`."""
    with tarfile.open(path, "w:gz") as archive:
        if after is not None:
            with tarfile.open(after) as before:
                for info in before:
                    archive.addfile(info, before.extractfile(info) if info.isreg() else None)
        for name, content, fields in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for field, value in fields.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(content))
    return path


def nothing(path: Path, good: Path) -> None:
    path.write_bytes(b"")


def a_folder(path: Path, good: Path) -> None:
    path.mkdir()


def a_pipe(path: Path, good: Path) -> None:
    os.mkfifo(path)


def a_folder_with_a_pipe(path: Path, good: Path) -> None:
    path.mkdir()
    os.mkfifo(path / "pipe")


def a_device(path: Path, good: Path) -> None:
    path.symlink_to("/dev/zero")


def a_text(path: Path, good: Path) -> None:
    path.write_text("dear operator\n")


def a_zip(path: Path, good: Path) -> None:
    zipfile.ZipFile(path, "w").writestr("a", "b")


def a_script(path: Path, good: Path) -> None:
    path.write_text("#!/bin/sh\necho hello\n")


def a_compressed_text(path: Path, good: Path) -> None:
    path.write_bytes(gzip.compress(b"hello\n" * 10_000))


def half_of_it(path: Path, good: Path) -> None:
    content = good.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def without_its_checksum(path: Path, good: Path) -> None:
    path.write_bytes(good.read_bytes()[:-8])


def another_checksum(path: Path, good: Path) -> None:
    content = bytearray(good.read_bytes())
    content[-6] ^= 1
    path.write_bytes(content)


def more_after_it(path: Path, good: Path) -> None:
    path.write_bytes(good.read_bytes() + b"more")


def a_damaged_header(path: Path, good: Path) -> None:
    plain = bytearray(gzip.decompress(good.read_bytes()))
    plain[plain.index(b"app/releases/1.0.0/runtime/")] ^= 1
    path.write_bytes(gzip.compress(plain))


def the_name_of_a_zst(path: Path, good: Path) -> None:
    path.write_bytes(b"\x28\xb5\x2f\xfd" + b"junk" * 100)


def others(path: Path, good: Path) -> None:
    tar_of(path, ("app/x", b"1", {}))


def an_absolute_name(path: Path, good: Path) -> None:
    tar_of(path, ("/etc/evil", b"1", {}))


def a_name_that_leaves(path: Path, good: Path) -> None:
    tar_of(path, ("app/../../evil", b"1", {}))


def dots(path: Path, good: Path) -> None:
    tar_of(path, (".", b"", {"type": tarfile.DIRTYPE}), ("./app/x", b"1", {}))


def no_name(path: Path, good: Path) -> None:
    tar_of(path, ("", b"1", {}))


def a_file_for_a_folder(path: Path, good: Path) -> None:
    tar_of(path, ("app", b"1", {}))


def codes_for_the_terminal(path: Path, good: Path) -> None:
    tar_of(path, ("app/x", b"", {}), ("\x1b[31m/y", b"", {}))


def a_device_inside(path: Path, good: Path) -> None:
    tar_of(path, ("app/zero", b"", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 5}), after=good)


def a_hard_link(path: Path, good: Path) -> None:
    tar_of(path, ("app/link", b"", {"type": tarfile.LNKTYPE, "linkname": "/etc/passwd"}), after=good)


def a_name_twice(path: Path, good: Path) -> None:
    tar_of(path, ("app/bin/app", b"evil", {}), after=good)


def through_a_link(path: Path, good: Path) -> None:
    link: Member = ("app/link", b"", {"type": tarfile.SYMTYPE, "linkname": "/tmp"})
    tar_of(path, link, ("app/link/x", b"1", {}), after=good)


def no_object(path: Path, good: Path) -> None:
    tar_of(path, DEFAULT, (MANIFEST, b"[]", {}))


def half_a_manifest(path: Path, good: Path) -> None:
    tar_of(path, DEFAULT, (MANIFEST, b'{"format": 1}', {}))


def a_deep_manifest(path: Path, good: Path) -> None:
    tar_of(path, DEFAULT, (MANIFEST, b"[" * 200_000, {}))


def no_text(path: Path, good: Path) -> None:
    tar_of(path, DEFAULT, (MANIFEST, b"\xff\xfe", {}))


def no_bundle(path: Path, good: Path) -> None:
    tar_of(path, ("app/releases/1.0.0/other.pyz", b"no zip", {}), after=good)


NO_FILE = "it is neither a file nor a folder"
NO_ARCHIVE = "it is no tar.gz, no tar.zst and no .run file"
NO_RELEASE = "is no release: it has no releases/default that names a complete version in it"
STRANGE: dict[Callable[[Path, Path], None], str] = {
    nothing: "it is empty",
    a_folder: NO_RELEASE,
    a_pipe: NO_FILE,
    a_folder_with_a_pipe: "'pipe' is neither a file, a folder nor a link",
    a_device: NO_FILE,
    a_text: NO_ARCHIVE,
    a_zip: NO_ARCHIVE,
    a_script: NO_ARCHIVE,
    a_compressed_text: "invalid header",
    half_of_it: "it ends too early",
    without_its_checksum: "it ends too early",
    another_checksum: "its checksum does not fit",
    more_after_it: "something follows its end",
    a_damaged_header: "it is damaged after ",
    the_name_of_a_zst: "unable to decompress",
    others: NO_RELEASE,
    an_absolute_name: "'/etc/evil' would be unpacked outside its folder",
    a_name_that_leaves: "'app/../../evil' would be unpacked outside its folder",
    dots: NO_RELEASE,
    no_name: "'' would be unpacked outside its folder",
    a_file_for_a_folder: "'app' is neither a file, a folder nor a link in its folder",
    codes_for_the_terminal: "'?[31m/y' would be unpacked outside its folder",
    a_device_inside: "'app/zero' is neither a file, a folder nor a link",
    a_hard_link: "'app/link' is neither a file, a folder nor a link",
    a_name_twice: "'app/bin/app' is in it twice",
    through_a_link: "'app/link/x' would be unpacked through what is no folder",
    no_object: "the manifest is damaged: it is no JSON object",
    half_a_manifest: "the manifest is damaged: it has no 'python'",
    a_deep_manifest: "the manifest is damaged: ",
    no_text: "what should be text is not UTF-8",
    no_bundle: "other.pyz: file is not a zip file",
}


@pytest.mark.parametrize(("make", "said"), STRANGE.items(), ids=[make.__name__ for make in STRANGE])
def test_what_is_no_whole_release_is_refused_in_a_sentence(
    make: Callable[[Path, Path], None], said: str, good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "it.tar.gz"
    make(path, good)
    for words in (["verify", str(path)], ["inspect", str(path)], ["diff", str(good), str(path)]):
        code = run(words)
        captured = capsys.readouterr()
        assert code in (1, 2), captured.err
        assert code == 2 or words[0] == "verify"
        assert captured.out == ""
        first, *rest = captured.err.splitlines()
        assert first.startswith("error: ")
        assert said in first
        assert all(line.startswith(("  now: ", "      hint: ")) for line in rest), rest


@pytest.mark.parametrize("size_bytes", [1_000_000, 3_000_000])
def test_a_few_bytes_that_stand_for_many_are_read_up_to_a_limit(tmp_path: Path, size_bytes: int) -> None:
    path = tar_of(tmp_path / "bomb.tar.gz", ("app/zeros", bytes(size_bytes), {}))

    def read() -> list[str]:
        with open_tar(path, plain_bytes=2_000_000) as archive:
            return [member.name for member in archive]

    if size_bytes < 2_000_000:
        assert read() == ["app/zeros"]
    else:
        with pytest.raises(DamagedArtifact, match="it would unpack to more than 100 times its size"):
            read()
