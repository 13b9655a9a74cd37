"""Is an artifact the one that was built, and by whom? Signature, checksums, and the record inside, in this order.

What a signature covers is the checksums file, and through it the archive and all that lies beside it. The archive is
opened last, so that nothing of it is parsed that the signature does not vouch for.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from releaser.artifacts.checksums import checksums_file, read_checksums, wrong_files
from releaser.artifacts.opening import DamagedArtifact, check_file, opened
from releaser.artifacts.reading import read_artifact
from releaser.artifacts.signatures import as_releaser_error, check_intact, signature_file, verify
from releaser.errors import ReleaserError, UsageError
from releaser.runtime.archives.contents import read_contents
from releaser.runtime.archives.vouched import check_kept, record_name
from releaser.runtime.bundle.bundle_check import compare_bundle
from releaser.runtime.release.checking.signatures import check_list
from releaser.runtime.release.checking.tree_check import compare
from releaser.runtime.release.context import Context
from releaser.runtime.release.layout import Layout
from releaser.runtime.release.manifest import ManifestError, load
from releaser.runtime.release.versions import booting_file, booting_version


def verify_artifact(path: Path, *, allowed_signers: Path | None, identity: str) -> list[str]:
    """Return what was found to be right, a line each.

    With `allowed_signers`, a missing signature is a failure; without, it is only said.

    Raises:
        ReleaserError: something is not as it was built, or not signed by whom it should be.
        DamagedArtifact: the archive cannot be read, or breaks a rule.
        UsageError: there is nothing to verify.
    """
    if not path.exists():
        raise UsageError(f"cannot verify {path}: there is no such file or folder")
    check_file(path)
    if allowed_signers is not None:
        if not allowed_signers.exists():
            raise UsageError(f"cannot read {allowed_signers}: there is no such file")
        with as_releaser_error():
            check_list(str(allowed_signers))
    if path.is_dir():
        return list(_folder(path, allowed_signers, identity))
    lines = [*_signature(path, allowed_signers, identity), *_checksums(path)]
    try:
        title, *rest = _archive(path)
    except DamagedArtifact as error:
        raise DamagedArtifact(
            f"{path.name} is not as it was built: {error.message}",
            output=error.output,
            now="do not use it: it is not complete, damaged, or not what releaser makes",
            hint="copy it again",
        ) from error
    return [title, *(f"  {line}" for line in lines), *rest]


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


def _checksums(path: Path) -> Iterator[str]:
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


def _archive(path: Path) -> Iterator[str]:
    checksums = checksums_file(path)
    sums = read_checksums(checksums) if checksums.is_file() else {}
    with opened(path) as archive:
        contents = read_contents(archive, sums.get(record_name(checksums.name), ""))
    manifest = contents.manifest
    yield f"{manifest.name} {manifest.version}"
    yield f"  {'record':<11} {len(contents.record)} files, folders and links are as they were built"


def _folder(path: Path, allowed_signers: Path | None, identity: str) -> Iterator[str]:
    """Verify the version that boots, which is the only one of what a build has made."""
    found = read_artifact(path)
    layout = Layout.of(str(path.resolve()), found.manifest.version, {})
    version = booting_version(layout)
    if not version:
        raise DamagedArtifact(f"cannot use {path}: {booting_file(layout)} does not name a version")
    layout = Layout(layout.root, version, layout.var)
    try:
        manifest = load(layout.manifest)
    except ManifestError as error:
        raise DamagedArtifact(f"cannot use {path}: {error}") from error
    title = f"{manifest.name} {manifest.version}"
    yield title
    bundled = path.resolve() / manifest.python.bundled / "bin/python3"
    python = str(bundled.resolve()) if manifest.python.bundled else ""
    with as_releaser_error():
        if allowed_signers is not None:
            signer = check_kept(layout.release, title.replace(" ", "-"), str(allowed_signers), identity)
            yield f"  {'signature':<11} good, of {signer.identity} with {signer.key}"
        tree = compare(layout, manifest)
        in_bundle, unpacked = compare_bundle(Context(layout, manifest.name, {}), python)
    if tree.problems or in_bundle:
        wrong = [*tree.problems, *in_bundle]
        _refuse(f"{title} is not as it was built", wrong, "what is not named is as it was built")
    yield f"  {'record':<11} {tree.count} files, folders and links are as they were built"
    if unpacked:
        yield f"  {'var':<11} the unpacked bundle is that of {manifest.bundle.file}"
    if tree.is_env_edited:
        yield f"  {'env.sh':<11} was edited"


def _refuse(sentence: str, wrong: list[str], now: str) -> None:
    raise ReleaserError(sentence, output=tuple(sorted(wrong)), now=now)
