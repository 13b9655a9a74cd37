"""Does somebody whom this host trusts vouch for an archive? Asked before anything of the archive is looked into.

What is signed are the checksums that lie beside it, and through them the archive and the record of all that is in it::

    NAME-VERSION.sha256.sig  ->  NAME-VERSION.sha256  ->  the archive's bytes
                                                      ->  NAME-VERSION.mtree, the release's own record

An archive that changes after its hash was taken is found out by the record, which each file is compared with as it is
written.
"""

from __future__ import annotations

import hashlib
import os

from ..release.checking import record, signatures
from ..release.failures import DAMAGED, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

ENDINGS = (".tar.gz", ".tar.zst", ".tar", ".run")
"""Of the files that move between machines."""


_PIECE_BYTES = 1024 * 1024


class Vouched:
    """What is known of an archive that a signature covers, or at least checksums."""

    __slots__ = ("checksums", "record_sha256", "signature", "signer")

    def __init__(self, checksums: bytes, signature: bytes, record_sha256: str, signer: signatures.Signer) -> None:
        self.checksums = checksums
        self.signature = signature
        self.record_sha256 = record_sha256
        self.signer = signer

    @property
    def kept(self) -> tuple[tuple[str, bytes], ...]:
        """Name and content of the files that vouch for a version from its own folder."""
        return ((record.CHECKSUMS, self.checksums), (f"{record.CHECKSUMS}.sig", self.signature))


def checksums_path(archive: str) -> str:
    """Return where the checksums of an archive lie: `NAME-VERSION.sha256` beside it."""
    ending = next((ending for ending in ENDINGS if archive.endswith(ending)), "")
    return f"{archive.removesuffix(ending)}.sha256"


def record_name(checksums: str) -> str:
    """Return the name of the record that lies beside the checksums file of that name."""
    return f"{checksums.removesuffix('.sha256')}.mtree"


def check_signed(path: str, file: IO[bytes], allowed_signers: str, identity: str) -> Vouched:
    """Return who of `allowed_signers` signed the archive at `path`, which is open as `file`.

    Raises:
        Failure: nobody did, or it is not what was signed.
        OSError: the archive cannot be read.
    """
    signatures.check_list(allowed_signers)
    checksums_file = checksums_path(path)
    checksums, signature = _read_both(path, checksums_file)
    name = os.path.basename(checksums_file)
    signer = signatures.verify(checksums, name, f"{checksums_file}.sig", allowed_signers, identity)
    sums = signatures.checksums_of(checksums, name)
    of_record = record_name(name)
    for wanted in (os.path.basename(path), of_record):
        if wanted not in sums:
            raise Failure(f"{os.path.basename(path)} is not vouched for: {wanted} is not in {name}", DAMAGED)
    if _sha256(file) != sums[os.path.basename(path)]:
        raise Failure(f"{os.path.basename(path)} is not what was signed: its checksum is another one", DAMAGED)
    return Vouched(checksums, signature, sums[of_record], signer)


def check_kept(folder: str, name: str, allowed_signers: str, identity: str = "") -> signatures.Signer:
    """Return who signed the version in `folder`, called `name` (NAME-VERSION), by the checksums that lie in it.

    Raises:
        Failure: nobody of `allowed_signers` did, or its record is not the one that was signed.
    """
    signatures.check_list(allowed_signers)
    path = os.path.join(folder, record.CHECKSUMS)
    hint = f"`unpack --repair` of its archive puts it there, where {name}.sha256 and its .sig lie beside that"
    try:
        checksums = signatures.read_small(path)
        signatures.read_small(f"{path}.sig")
    except OSError as error:
        raise Failure(
            f"{name} is not signed: cannot read {error.filename}: {error.strerror}", DAMAGED, hint=hint
        ) from error
    signer = signatures.verify(checksums, record.CHECKSUMS, f"{path}.sig", allowed_signers, identity)
    sums = signatures.checksums_of(checksums, path)
    try:
        found = record.sha256_of(os.path.join(folder, record.NAME))
    except OSError as error:
        raise Failure(f"cannot read {error.filename}: {error.strerror}", DAMAGED, hint=hint) from error
    if sums.get(f"{name}.mtree") != found:
        raise Failure(f"{name} is not what was signed: {record.NAME} is another one", DAMAGED, hint=hint)
    return signer


def _sha256(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    file.seek(0)
    while piece := file.read(_PIECE_BYTES):
        digest.update(piece)
    return digest.hexdigest()


def _read_both(path: str, checksums_file: str) -> tuple[bytes, bytes]:
    """Return the checksums beside an archive, and their signature.

    Raises:
        Failure: one is missing, or cannot be read.
    """
    found: list[bytes] = []
    for beside in (checksums_file, f"{checksums_file}.sig"):
        try:
            found.append(signatures.read_small(beside))
        except FileNotFoundError:
            raise Failure(
                f"{os.path.basename(path)} is not signed: there is no {os.path.basename(beside)} beside it",
                DAMAGED,
                hint=f"copy {os.path.basename(checksums_file)} and its .sig along with it; "
                "`releaser build --sign KEY` makes them",
            ) from None
        except OSError as error:
            raise Failure(f"cannot read {beside}: {error.strerror}", DAMAGED) from error
    return found[0], found[1]
