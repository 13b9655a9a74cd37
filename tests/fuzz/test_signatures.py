"""What lies beside an archive: whatever checksums, signature and allowed signers say, nobody vouches for it wrongly."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import strategies as st
from support.builds import built
from support.fuzzing import called, fuzzed, is_one_line, kept_cases, mutated, one_example
from support.tiny_project import make_tiny_project

from releaser.artifacts.verification import verify_artifact
from releaser.cli.output.messages import format_error
from releaser.errors import ReleaserError
from releaser.runtime.commands.command_line import main

FILES = ("checksums", "signature", "signers", "archive")
TOKENS = {
    "checksums": [
        b"../../etc/passwd",
        b"/etc/passwd",
        b"  ",
        b" *",
        b"0" * 64,
        b"/dev/zero",
        b"tiny-1.0.0.tar.gz",
        b"\\",
    ],
    "signature": [b"-----BEGIN SSH SIGNATURE-----\n", b"-----END SSH SIGNATURE-----\n", b"AAAA", b"U1NIU0lH"],
    "signers": [
        b"*",
        b'namespaces="git"',
        b"cert-authority ",
        b"ssh-ed25519 ",
        b"#",
        b'"',
        b"a" * 10_000,
        b"-f",
        b"!*",
    ],
    "archive": [b"\x1f\x8b\x08"],
}


@dataclass(frozen=True, kw_only=True)
class Signed:
    """An archive with all that a build lays beside it, signed; and a file of allowed signers."""

    folder: Path
    archive: Path
    signers: Path
    contents: dict[str, bytes]

    def path(self, which: str) -> Path:
        checksums = self.archive.with_name("tiny-1.0.0.sha256")
        return {
            "archive": self.archive,
            "checksums": checksums,
            "signature": checksums.with_name("tiny-1.0.0.sha256.sig"),
            "signers": self.signers,
        }[which]

    def write(self, **contents: bytes) -> None:
        """Write every file anew, those of `contents` with other bytes."""
        for which, content in {**self.contents, **contents}.items():
            path = self.path(which)
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                path.unlink(missing_ok=True)
            path.write_bytes(content)

    def is_vouched_for(self) -> bool:
        """Tell whether it is what the key's owner has signed; `unpack` takes nothing that `releaser verify` refuses."""
        is_taken = self._is_unpacked()
        try:
            verify_artifact(self.archive, allowed_signers=self.signers, identity="")
        except ReleaserError as error:
            lines = format_error(error, width=80).split("\n")
            assert all(is_one_line(line) for line in lines)
            assert len(lines) < 60
            assert not is_taken, lines
            return False
        return True

    def _is_unpacked(self) -> bool:
        root = self.archive.parent / "rel" / "tiny"
        code, told = called(
            main, str(root), "1.0.0", "unpack", "--allowed-signers", str(self.signers), str(self.archive)
        )
        assert code in (0, 1, 2, 3, 4), told
        assert "Traceback" not in told
        return code == 0


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signed]:
    program = shutil.which("ssh-keygen")
    if program is None:
        assert not os.environ.get("CI"), "CI must have ssh-keygen"
        pytest.skip("no ssh-keygen here")
    folder = tmp_path_factory.mktemp("signed")
    key = folder / "key"
    subprocess.run([program, "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key], check=True)
    archive = built(make_tiny_project(folder / "project"), "--sign", str(key)).parents[1] / "tiny-1.0.0.tar.gz"
    signers = folder / "allowed_signers"
    signers.write_text(f"ada@example.org {key.with_suffix('.pub').read_text()}")
    made = Signed(folder=folder, archive=archive, signers=signers, contents={})
    made.contents.update({which: made.path(which).read_bytes() for which in FILES})
    yield made
    shutil.rmtree(folder, ignore_errors=True)


def check(signed: Signed, which: str, content: bytes) -> None:
    """Check that one file with other bytes is refused, unless all that matters in it is the same."""
    with one_example():
        signed.write(**{which: content})
        if signed.is_vouched_for():
            assert which in ("signers", "signature"), f"other {which} were vouched for"
            assert b"ssh-ed25519" in signed.contents["signers"]
            assert signed.path("checksums").read_bytes() == signed.contents["checksums"]


@fuzzed(st.data(), examples=60)
def test_a_file_with_slips_is_not_vouched_for(signed: Signed, data: st.DataObject) -> None:
    which = data.draw(st.sampled_from(FILES))
    content = data.draw(mutated([signed.contents[which]], TOKENS[which]))
    if content != signed.contents[which]:
        check(signed, which, content)


@fuzzed(st.sampled_from(FILES), st.binary(max_size=200), examples=30)
def test_any_bytes_are_not_vouched_for(signed: Signed, which: str, content: bytes) -> None:
    check(signed, which, content)


@fuzzed(st.integers(0, 1 << 30), st.integers(0, 7), examples=20)
def test_one_bit_of_the_archive_is_enough(signed: Signed, where: int, bit: int) -> None:
    content = bytearray(signed.contents["archive"])
    content[where % len(content)] ^= 1 << bit
    with one_example():
        signed.write(archive=bytes(content))
        assert not signed.is_vouched_for()


def test_the_original_is_vouched_for(signed: Signed) -> None:
    signed.write()

    assert signed.is_vouched_for()


@pytest.mark.parametrize("which", FILES)
@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "loop", "missing"])
def test_what_is_no_file_is_refused(signed: Signed, which: str, kind: str) -> None:
    signed.write()
    path = signed.path(which)
    path.unlink()
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "device":
            path.symlink_to("/dev/zero")
        case "loop":
            path.symlink_to(path)
        case _:
            pass

    with one_example():
        assert not signed.is_vouched_for()


@pytest.mark.parametrize("case", kept_cases("signatures"), ids=lambda path: path.name)
def test_a_case_that_was_found_once_is_not_vouched_for(signed: Signed, case: Path) -> None:
    check(signed, case.suffix.removeprefix("."), case.read_bytes())
