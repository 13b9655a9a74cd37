"""Is an artifact the one that was built, and by whom? Signature, checksums, and the manifest inside, in this order.

What a signature covers is the checksums file, and through it the archive and all that lies beside it. The archive is
opened last, so that nothing of it is parsed that the signature does not vouch for.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from releaser.artifacts.checksums import checksums_file, read_checksums, wrong_files
from releaser.artifacts.opening import DamagedArtifact, check_file
from releaser.artifacts.reading import Artifact, read_artifact
from releaser.artifacts.signatures import check_intact, signature_file, verify
from releaser.errors import ReleaserError, UsageError
from releaser.runtime.manifest import parse_sums

NOT_COMPARED = ("manifest.json", "env.sh")


def verify_artifact(path: Path, *, allowed_signers: Path | None, identity: str) -> list[str]:
    """Return what was found to be right, a line each.

    With `allowed_signers`, a missing signature is a failure; without, it is only said.

    Raises:
        ReleaserError: something is not as it was built, or not signed by whom it should be.
        UsageError: there is nothing to verify.
    """
    if not path.exists():
        raise UsageError(f"cannot verify {path}: there is no such file or folder")
    check_file(path)
    if allowed_signers is not None and not allowed_signers.is_file():
        raise UsageError(f"cannot read {allowed_signers}: there is no such file")
    lines = [] if path.is_dir() else [*_signature(path, allowed_signers, identity), *_checksums(path, allowed_signers)]
    if path.is_dir() and allowed_signers is not None:
        raise UsageError(f"{path} is a folder, and only archives are signed", hint="verify the archive before it")
    try:
        artifact = read_artifact(path)
    except DamagedArtifact as error:
        raise ReleaserError(
            f"{path.name} is not as it was built: {error.message}",
            now="do not use it: it is not complete, or damaged",
            hint="copy it again",
        ) from error
    return [artifact.title, *(f"  {line}" for line in (*lines, _manifest(artifact)))]


def _signature(path: Path, allowed_signers: Path | None, identity: str) -> Iterator[str]:
    checksums = checksums_file(path)
    signature = signature_file(checksums)
    if not signature.is_file() or not checksums.is_file():
        if allowed_signers is not None:
            missing = signature if checksums.is_file() else checksums
            raise ReleaserError(
                f"{path.name} is not signed: there is no {missing.name} beside it",
                now="nobody vouches for it",
                hint="'releaser build --sign KEY' makes one",
            )
        yield f"{'signature':<11} none"
    elif allowed_signers is None:
        signer = check_intact(checksums)
        yield f"{'signature':<11} fits, by {signer.key}"
        yield f"{'':<11} whose key that is was not asked: --allowed-signers FILE"
    else:
        signer = verify(checksums, allowed_signers, identity)
        yield f"{'signature':<11} good, of {signer.identity} with {signer.key}"


def _checksums(path: Path, allowed_signers: Path | None) -> Iterator[str]:
    file = checksums_file(path)
    if not file.is_file():
        yield f"{'checksums':<11} none: there is no {file.name} beside it"
        return
    found = read_checksums(file)
    wrong = wrong_files(found, path.parent)
    if path.name not in found:
        wrong.append(f"{path.name}: not in {file.name}")
    if wrong:
        _refuse(f"{path.name} is not what was built", wrong, "do not use it; it, or what lies beside it, was changed")
    yield f"{'checksums':<11} {len(found)} files are those of {file.name}"


def _manifest(artifact: Artifact) -> str:
    manifest = artifact.manifest
    if not manifest.files:
        return f"{'manifest':<11} built with dev_mode: nothing to compare"
    folders = (f"releases/{manifest.version}/", *([f"{manifest.python.bundled}/"] if artifact.interpreter_sums else []))
    expected = {f"{folders[0]}{name}": digest for name, digest in manifest.files.items()}
    if artifact.interpreter_sums:
        expected |= {f"{folders[1]}{name}": digest for name, digest in parse_sums(artifact.interpreter_sums).items()}
    not_compared = {f"{folders[0]}{name}" for name in NOT_COMPARED}
    expected = {name: digest for name, digest in expected.items() if name not in not_compared}
    count = len(expected)
    wrong: list[str] = []
    for item in artifact.items:
        if not item.path.startswith(folders) or item.link or item.path in not_compared:
            continue
        wanted = expected.pop(item.path, "")
        if not wanted:
            wrong.append(f"{item.path}: not part of the release")
        elif wanted != item.sha256:
            wrong.append(f"{item.path}: changed")
    wrong += [f"{name}: missing" for name in expected]
    if wrong:
        _refuse(f"{artifact.title} is not as it was built", wrong, "the other files are as the manifest has them")
    return f"{'manifest':<11} {count} files are as they were built"


def _refuse(sentence: str, wrong: list[str], now: str) -> None:
    raise ReleaserError(sentence, output=tuple(sorted(wrong)), now=now)
