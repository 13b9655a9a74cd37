"""Verifying archives with real OpenSSH signatures; keys are made for the test and nowhere else."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.artifacts import INTERPRETER, finished, packed
from support.signed import allow, make_key

from releaser.artifacts.checksums import checksums_file, checksums_of
from releaser.artifacts.signatures import check_key, sign
from releaser.cli.main import run
from releaser.errors import ReleaserError, UsageError


@dataclass(frozen=True)
class Signed:
    """An archive with its checksums, signed by `key`, and who is allowed to."""

    archive: Path
    checksums: Path
    allowed: Path
    key: Path


@pytest.fixture
def signed(tmp_path: Path) -> Signed:
    archive = packed(finished(tmp_path))
    checksums = checksums_file(archive)
    beside = archive.with_name("app-1.0.0.cdx.json")
    beside.write_text("{}")
    record = archive.with_name("app-1.0.0.mtree")
    record.write_bytes((tmp_path / "app/releases/1.0.0/release.mtree").read_bytes())
    checksums.write_text(checksums_of([archive, beside, record]))
    key = make_key(tmp_path, "ada")
    sign(checksums, key)
    return Signed(archive, checksums, allow(tmp_path / "allowed_signers", ada=key), key)


def told(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    code = run(["verify", *map(str, words)])
    captured = capsys.readouterr()
    return code, captured.out + captured.err


def test_a_good_signature_names_its_signer(signed: Signed, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = told(capsys, signed.archive, "--allowed-signers", signed.allowed)
    assert code == 0, text
    assert "signature   good, of ada@example.org with ED25519 SHA256:" in text
    assert "checksums   3 files are those of app-1.0.0.sha256" in text
    assert "files, folders and links are as they were built" in text


def test_the_checksums_are_read_by_sha256sum(signed: Signed) -> None:
    done = subprocess.run(["sha256sum", "-c", signed.checksums.name], cwd=signed.archive.parent, check=False)
    assert done.returncode == 0


def test_without_allowed_signers_the_key_is_told(signed: Signed, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = told(capsys, signed.archive)
    assert code == 0
    assert "fits, by ED25519 SHA256:" in text


def test_another_key_is_refused(signed: Signed, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = make_key(tmp_path, "eve")
    code, text = told(capsys, signed.archive, "--allowed-signers", allow(tmp_path / "allowed_signers", eve=other))
    assert code == 1
    assert "signed with a key that" in text
    assert "it is signed with ED25519 SHA256:" in text


def test_an_identity_whose_key_is_another_is_refused(
    signed: Signed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    allowed = allow(tmp_path / "allowed_signers", ada=signed.key, eve=make_key(tmp_path, "eve"))
    words = (signed.archive, "--allowed-signers", allowed, "--identity")
    assert told(capsys, *words, "ada@example.org")[0] == 0
    code, text = told(capsys, *words, "eve@example.org")
    assert code == 1
    assert "no good signature of eve@example.org" in text


@pytest.mark.parametrize("name", ["app-1.0.0.tar.gz", "app-1.0.0.cdx.json"])
def test_a_changed_file_is_named(signed: Signed, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with (signed.archive.parent / name).open("ab") as file:
        file.write(b"more")
    code, text = told(capsys, signed.archive, "--allowed-signers", signed.allowed)
    assert code == 1
    assert f"{name}: changed since its checksum was written" in text


def test_changed_checksums_do_not_fit_their_signature(signed: Signed, capsys: pytest.CaptureFixture[str]) -> None:
    with signed.archive.open("ab") as file:
        file.write(b"more")
    signed.checksums.write_text(checksums_of([signed.archive]))
    code, text = told(capsys, signed.archive, "--allowed-signers", signed.allowed)
    assert code == 1
    assert "no good signature" in text
    assert told(capsys, signed.archive)[0] == 1


def test_a_missing_signature_is_refused_only_when_one_is_asked_for(
    signed: Signed, capsys: pytest.CaptureFixture[str]
) -> None:
    signed.checksums.with_name(f"{signed.checksums.name}.sig").unlink()
    code, text = told(capsys, signed.archive, "--allowed-signers", signed.allowed)
    assert code == 1
    assert "is not signed: there is no app-1.0.0.sha256.sig beside it" in text
    code, text = told(capsys, signed.archive)
    assert code == 0
    assert "signature   none" in text


def test_a_signature_of_another_namespace_does_not_count(signed: Signed, capsys: pytest.CaptureFixture[str]) -> None:
    signed.checksums.with_name(f"{signed.checksums.name}.sig").unlink()
    subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-n", "file", "-f", signed.key, signed.checksums], check=True)
    assert told(capsys, signed.archive, "--allowed-signers", signed.allowed)[0] == 1


def test_a_changed_file_in_a_folder_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = finished(tmp_path)
    assert told(capsys, root)[0] == 0
    (root / "releases/1.0.0/runtime/protocol/sockets.py").write_text("changed")
    (root / "releases/1.0.0/runtime/extra.py").write_text("new")
    (root / "releases/1.0.0/runtime/supervisor/hooks/hook.py").unlink()
    code, text = told(capsys, root)
    assert code == 1
    assert "releases/1.0.0/runtime/protocol/sockets.py: changed" in text
    assert "releases/1.0.0/runtime/extra.py: not part of the release" in text
    assert "releases/1.0.0/runtime/supervisor/hooks/hook.py: missing" in text


def test_a_changed_file_of_the_interpreter_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = finished(tmp_path, interpreter={"os.py": "import posix", "re.py": ""})
    code, text = told(capsys, root)
    assert code == 0, text
    (root / INTERPRETER / "os.py").write_text("import other")
    (root / INTERPRETER / "re.py").unlink()
    code, text = told(capsys, root)
    assert code == 1
    assert f"{INTERPRETER}/os.py: changed" in text
    assert f"{INTERPRETER}/re.py: missing" in text


@pytest.mark.parametrize("part", [0.02, 0.5, 0.99])
def test_an_archive_without_checksums_that_is_not_complete_is_damaged(
    tmp_path: Path, part: float, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = packed(finished(tmp_path))
    content = archive.read_bytes()
    archive.write_bytes(content[: int(len(content) * part)])
    code, text = told(capsys, archive)
    assert code == 3
    assert "app-1.0.0.tar.gz is not as it was built: cannot read " in text
    assert "damaged archive: it ends too early" in text
    assert "now: do not use it: it is not complete, damaged, or not what releaser makes" in text


def test_what_is_no_archive_at_all_is_a_wrong_argument(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "letter.txt").write_text("dear operator\n")
    assert told(capsys, tmp_path / "letter.txt")[0] == 2


def test_a_key_that_is_not_there_is_said_before_anything(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no such file"):
        check_key(tmp_path / "none")


def test_what_is_no_key_is_refused_in_ssh_keygens_words(tmp_path: Path) -> None:
    make_key(tmp_path, "unused")
    (tmp_path / "text").write_text("this is no key\n")
    (tmp_path / "file").write_text("content")
    with pytest.raises(ReleaserError, match="ssh-keygen refuses") as caught:
        sign(tmp_path / "file", tmp_path / "text")
    assert caught.value.output
    assert not (tmp_path / "file.sig").exists()


def test_without_ssh_keygen_it_is_said_how_to_get_it(
    signed: Signed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    code, text = told(capsys, signed.archive, "--allowed-signers", signed.allowed)
    assert code == 1
    assert "ssh-keygen was not found on PATH" in text
    assert "openssh-client" in text
    with pytest.raises(ReleaserError, match="ssh-keygen was not found"):
        check_key(signed.key)
