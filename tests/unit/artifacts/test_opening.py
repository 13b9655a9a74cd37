"""Archives that somebody else has made, or that are damaged: one sentence each, no traceback, and nothing written.

Every command that takes an archive is asked, `bin/NAME unpack` too: there is one reader, with one set of rules.
"""

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
from support.handmade import Handmade, write_release

from releaser.cli.main import run
from releaser.runtime.archives.reader import Archive, Damaged
from releaser.runtime.archives.rules import Judge
from releaser.runtime.archives.unpacking import unpack_archive
from releaser.runtime.release.failures import Failure

Member = tuple[str, bytes, dict[str, object]]
FOLDER: dict[str, object] = {"type": tarfile.DIRTYPE, "mode": 0o755}
FOLDERS: tuple[Member, ...] = tuple((name, b"", FOLDER) for name in ("app", "app/releases", "app/releases/1.0.0"))
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
            info.size, info.mode = len(content), 0o644
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
    tar_of(path, *FOLDERS, ("app/releases/1.0.0/x", b"1", {}))


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
    tar_of(path, ("app", b"", FOLDER), ("\x1b[31m/y", b"", {}))


def a_device_inside(path: Path, good: Path) -> None:
    tar_of(path, ("app/zero", b"", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 5}), after=good)


def a_hard_link(path: Path, good: Path) -> None:
    tar_of(path, ("app/link", b"", {"type": tarfile.LNKTYPE, "linkname": "/etc/passwd"}), after=good)


def a_name_twice(path: Path, good: Path) -> None:
    tar_of(path, ("app/bin/app", b"evil", {}), after=good)


def through_a_link(path: Path, good: Path) -> None:
    link: Member = ("app/releases/1.0.0/link", b"", {"type": tarfile.SYMTYPE, "linkname": "/tmp"})
    tar_of(path, link, ("app/releases/1.0.0/link/x", b"1", {}), after=good)


def no_object(path: Path, good: Path) -> None:
    tar_of(path, *FOLDERS, DEFAULT, (MANIFEST, b"[]", {}))


def half_a_manifest(path: Path, good: Path) -> None:
    tar_of(path, *FOLDERS, DEFAULT, (MANIFEST, b'{"format": 1}', {}))


def a_deep_manifest(path: Path, good: Path) -> None:
    tar_of(path, *FOLDERS, DEFAULT, (MANIFEST, b"[" * 200_000, {}))


def no_text(path: Path, good: Path) -> None:
    tar_of(path, *FOLDERS, DEFAULT, (MANIFEST, b"\xff\xfe", {}))


def no_bundle(path: Path, good: Path) -> None:
    tar_of(path, ("app/releases/1.0.0/other.pyz", b"no zip", {}), after=good)


def a_ladder_of_links(path: Path, good: Path) -> None:
    """Each link leads one folder higher than the one before it; the file behind them would lie above the root."""
    names = "cdef"
    links = [
        (
            f"app/releases/1.0.0/x/y/{name}",
            b"",
            {"type": tarfile.SYMTYPE, "linkname": "../../../.." if name == "c" else f"{before}/.."},
        )
        for before, name in zip(" cde", names, strict=True)
    ]
    folders = [(f"app/releases/1.0.0/{name}", b"", FOLDER) for name in ("x", "x/y")]
    tar_of(path, *FOLDERS, *folders, *links, ("app/releases/1.0.0/x/y/f/ESCAPED", b"1", {"mode": 0o755}))
    with (
        tarfile.open(path) as archive,
        tarfile.open(path.with_suffix(".all"), "w:gz") as whole,
        tarfile.open(good) as old,
    ):
        for source in (archive, old):
            for info in source:
                if source is archive or info.name not in {name for name, _, _ in FOLDERS}:
                    whole.addfile(info, source.extractfile(info) if info.isreg() else None)
    path.with_suffix(".all").rename(path)


def folders_without_end(path: Path, good: Path) -> None:
    name = "app/releases/1.0.0"
    members: list[Member] = [*FOLDERS]
    for _ in range(3000):
        name += "/d"
        members.append((name, b"", FOLDER))
    tar_of(path, *members)


def pax(path: Path, *records: bytes, then: Member = ("app", b"1", {})) -> None:
    body = b"".join(records)
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, len(body)
    plain = header.tobuf(tarfile.USTAR_FORMAT) + body + bytes(-len(body) % 512)
    follower = tarfile.TarInfo(then[0])
    follower.size = len(then[1])
    plain += follower.tobuf(tarfile.USTAR_FORMAT) + then[1] + bytes(-len(then[1]) % 512) + bytes(1024)
    path.write_bytes(gzip.compress(plain))


def record(key: bytes, value: bytes) -> bytes:
    length = len(key) + len(value) + 3
    while len(str(length)) + len(key) + len(value) + 3 != length:
        length = len(str(length)) + len(key) + len(value) + 3
    return b"%d %s=%s\n" % (length, key, value)


def a_nul_in_a_pax_path(path: Path, good: Path) -> None:
    pax(path, record(b"path", b"app/a\0b"))


def a_path_that_leaves_by_pax(path: Path, good: Path) -> None:
    pax(path, record(b"path", b"app/../../evil"))


def a_sparse_file_by_pax(path: Path, good: Path) -> None:
    pax(path, record(b"GNU.sparse.major", b"1"), record(b"GNU.sparse.minor", b"0"))


def a_size_below_zero_by_pax(path: Path, good: Path) -> None:
    pax(path, record(b"size", b"-1"))


def a_size_of_terabytes_by_pax(path: Path, good: Path) -> None:
    pax(path, record(b"size", b"9999999999999"))


def a_pax_record_of_no_length(path: Path, good: Path) -> None:
    pax(path, b"0 path=x\n")


def a_pax_record_that_is_too_long(path: Path, good: Path) -> None:
    pax(path, b"99999 path=x\n")


def an_endless_pax_header(path: Path, good: Path) -> None:
    pax(path, record(b"path", b"x" * 100_000))


def headers_about_headers(path: Path, good: Path) -> None:
    header = tarfile.TarInfo("long")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 512
    plain = (header.tobuf(tarfile.GNU_FORMAT) + b"app/x".ljust(512, b"\0")) * 20_000
    path.write_bytes(gzip.compress(plain))


def a_gnu_sparse_file(path: Path, good: Path) -> None:
    tar_of(path, ("app", b"", FOLDER), ("app/x", b"", {"type": tarfile.GNUTYPE_SPARSE}))


def a_size_below_zero(path: Path, good: Path) -> None:
    header = bytearray(tarfile.TarInfo("app/x").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" * 12  # base 256
    header[148:156] = b"%06o\0 " % tarfile.calc_chksums(bytes(header))[0]  # type: ignore[attr-defined]
    path.write_bytes(gzip.compress(bytes(header) + bytes(1024)))


def no_end(path: Path, good: Path) -> None:
    plain = gzip.decompress(good.read_bytes()).rstrip(b"\0")
    path.write_bytes(gzip.compress(plain + bytes(-len(plain) % 512)))


def another_version_beside_it(path: Path, good: Path) -> None:
    tar_of(path, ("app/releases/2.0.0", b"", FOLDER), after=good)


def a_var(path: Path, good: Path) -> None:
    tar_of(path, ("app/var", b"", FOLDER), ("app/var/current", b"2.0.0\n", {}), after=good)


def a_list_of_signers(path: Path, good: Path) -> None:
    tar_of(path, ("app/allowed_signers", b"eve ssh-ed25519 AAAA", {}), after=good)


def a_long_name(path: Path, good: Path) -> None:
    tar_of(path, ("app/" + "n" * 300, b"", {}), after=good)


def a_zero_block_in_the_middle(path: Path, good: Path) -> None:
    plain = gzip.decompress(good.read_bytes())
    path.write_bytes(gzip.compress(bytes(512) + plain))


def its_content_changed(path: Path, good: Path) -> None:
    plain = bytearray(gzip.decompress(good.read_bytes()))
    plain[plain.index(b"#!/bin/sh\nexec")] ^= 1
    path.write_bytes(gzip.compress(plain))


NO_FILE = "it is neither a file nor a folder | it is no file"
NO_ARCHIVE = "it is no tar.gz, no tar.zst, no tar and no .run file"
NO_RELEASE = (
    "is no release: it has no releases/default that names a complete version in it | it holds no complete version"
)
STRANGE: dict[Callable[[Path, Path], None], str] = {
    nothing: "it is empty",
    a_folder: f"{NO_RELEASE} | it is no file",
    a_pipe: NO_FILE,
    a_folder_with_a_pipe: "'pipe' is neither a file, a folder nor a link | it is no file",
    a_device: NO_FILE,
    a_text: NO_ARCHIVE,
    a_zip: NO_ARCHIVE,
    a_script: NO_ARCHIVE,
    a_compressed_text: "damaged archive: a header cannot be read",
    half_of_it: "damaged archive: it ends too early",
    without_its_checksum: "damaged archive: it ends too early",
    another_checksum: "its checksum does not fit",
    more_after_it: "something follows its end",
    a_damaged_header: "damaged archive: a header cannot be read",
    the_name_of_a_zst: "damaged archive: | it is compressed with Zstandard",
    others: NO_RELEASE,
    an_absolute_name: "'/etc/evil' would be unpacked outside its folder",
    a_name_that_leaves: "'app/../../evil' would be unpacked outside its folder",
    dots: "'.' would be unpacked outside its folder",
    no_name: "'' would be unpacked outside its folder",
    a_file_for_a_folder: "'app' is neither a file, a folder nor a link in its folder",
    codes_for_the_terminal: "'?[31m/y' would be unpacked outside its folder",
    a_device_inside: "'app/zero' is neither a file, a folder nor a link",
    a_hard_link: "'app/link' is neither a file, a folder nor a link",
    a_name_twice: "'app/bin/app' is in it twice",
    through_a_link: "'app/releases/1.0.0/link/x' would be unpacked through what is no folder",
    no_object: "the manifest is damaged: it is no JSON object",
    half_a_manifest: "the manifest is damaged: it has no 'python'",
    a_deep_manifest: "the manifest is damaged: ",
    no_text: "not UTF-8",
    no_bundle: "other.pyz: file is not a zip file | other.pyz: not part of the release",
    a_ladder_of_links: "'app/releases/1.0.0/x/y/f/ESCAPED' would be unpacked through what is no folder of it",
    folders_without_end: "lies deeper than a file system allows",
    a_nul_in_a_pax_path: "'app/a?b' has a NUL byte in it",
    a_path_that_leaves_by_pax: "'app/../../evil' would be unpacked outside its folder",
    a_sparse_file_by_pax: "damaged archive: it holds a sparse file",
    a_size_below_zero_by_pax: "damaged archive: a PAX header has no number",
    a_size_of_terabytes_by_pax: "it ends too early | 'app' is neither a file, a folder nor a link in its folder",
    a_pax_record_of_no_length: "damaged archive: a PAX header cannot be read",
    a_pax_record_that_is_too_long: "damaged archive: a PAX header cannot be read",
    an_endless_pax_header: "damaged archive: what it says of a member is longer than 65536 bytes",
    headers_about_headers: "damaged archive: more than 8 headers speak of one member",
    a_gnu_sparse_file: "'app/x' is neither a file, a folder nor a link",
    a_size_below_zero: "damaged archive: 'app/x' has a size below zero",
    no_end: "damaged archive: it ends too early",
    another_version_beside_it: "it holds more than one version",
    a_var: "'app/var' is the host's, and not part of a release",
    a_list_of_signers: "'app/allowed_signers' is the host's, and not part of a release",
    a_long_name: "has a name of more than 255 bytes in it",
    a_zero_block_in_the_middle: "damaged archive: something follows after 0 files, folders and links",
}


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Handmade:
    """The release on a host that the archives are unpacked over; nothing of it may change."""
    return write_release(tmp_path_factory.mktemp("host") / "app", modules={"app.py": "x = 1\n"}, version="0.9.0")


def is_said(said: str, told: str) -> bool:
    """Tell whether one of the sentences, with ` | ` between them, was told."""
    return any(words in told for words in said.split(" | "))


def everything_below(folder: Path) -> dict[str, object]:
    return {str(path): path.lstat().st_mtime_ns for path in folder.rglob("*") if path.name != "releases"}


@pytest.mark.parametrize(("make", "said"), STRANGE.items(), ids=[make.__name__ for make in STRANGE])
def test_what_is_no_whole_release_is_refused_in_a_sentence(
    make: Callable[[Path, Path], None],
    said: str,
    good: Path,
    old: Handmade,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "it.tar.gz"
    make(path, good)
    for words in (["verify", str(path)], ["inspect", str(path)], ["diff", str(good), str(path)]):
        code = run(words)
        captured = capsys.readouterr()
        assert code in (2, 3), captured.err
        assert code == 3 or said in (NO_FILE, NO_ARCHIVE, "it is empty")
        assert captured.out == ""
        first, *rest = captured.err.splitlines()
        assert first.startswith("error: ")
        assert is_said(said, captured.err)
        assert all(line.startswith(("  now: ", "      hint: ", "  ")) for line in rest), rest
    before = everything_below(old.root.parent)
    with pytest.raises(Failure) as caught:
        unpack_archive(old.context({}), str(path))
    assert caught.value.exit_code == 3
    told = "\n".join(caught.value.lines())
    assert is_said(said, told), told
    assert "now: nothing was unpacked" in told
    assert everything_below(old.root.parent) == before


def test_what_is_in_it_and_its_record_are_compared(good: Path, old: Handmade, tmp_path: Path) -> None:
    path = tmp_path / "it.tar.gz"
    its_content_changed(path, good)
    assert run(["verify", str(path)]) == 3
    with pytest.raises(Failure, match="it is not as it was built") as caught:
        unpack_archive(old.context({}), str(path))
    assert caught.value.details == ("bin/app: changed",)


@pytest.mark.parametrize("size_bytes", [1_000_000, 3_000_000])
def test_a_few_bytes_that_stand_for_many_are_read_up_to_a_limit(tmp_path: Path, size_bytes: int) -> None:
    path = tar_of(tmp_path / "bomb.tar.gz", *FOLDERS, ("app/releases/1.0.0/zeros", bytes(size_bytes), {}))

    def read() -> list[str]:
        with path.open("rb") as file:
            return [name for name, _, _ in Archive(file, plain_bytes=2_000_000).members(Judge())]

    if size_bytes < 2_000_000:
        assert read() == ["releases", "releases/1.0.0", "releases/1.0.0/zeros"]
    else:
        with pytest.raises(Damaged, match="it would unpack to more than 100 times its size"):
            read()
