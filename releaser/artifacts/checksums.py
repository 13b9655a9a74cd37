"""Are the files beside an archive, and the archive, the ones that were built? The format is sha256sum(1)'s."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from releaser.artifacts.signatures import as_releaser_error
from releaser.errors import ReleaserError, reason_of
from releaser.runtime.archives.vouched import checksums_path
from releaser.runtime.release.checking.signatures import checksums_of as checksums_in
from releaser.runtime.release.checking.signatures import read_small


def checksums_of(files: Iterable[Path]) -> str:
    """Return the text of a checksums file; `sha256sum -c` reads it in the folder of the files."""
    return "".join(f"{_sha256(path)}  {path.name}\n" for path in files)


def checksums_file(artifact: Path) -> Path:
    """Return where the checksums of an archive lie: `NAME-VERSION.sha256` beside it."""
    return Path(checksums_path(str(artifact)))


def read_checksums(file: Path) -> Mapping[str, str]:
    """Return the hash of each file that a checksums file names.

    Raises:
        ReleaserError: it is none.
    """
    try:
        with as_releaser_error():
            return checksums_in(read_small(str(file)), str(file))
    except OSError as error:
        raise ReleaserError(f"cannot read {file}: {reason_of(error)}") from error


def wrong_files(checksums: Mapping[str, str], folder: Path) -> list[str]:
    """Return, for each file in `folder` that is missing or not the one that is meant, a sentence about it."""
    wrong: list[str] = []
    for name, digest in checksums.items():
        path = folder / name
        if not path.is_file():
            wrong.append(f"{name}: missing")
        elif _sha256(path) != digest:
            wrong.append(f"{name}: changed since its checksum was written")
    return wrong


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
