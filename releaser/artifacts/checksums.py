"""Are the files beside an archive, and the archive, the ones that were built? The format is sha256sum(1)'s."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from releaser.errors import ReleaserError, reason_of

ENDINGS = (".tar.gz", ".tar.zst", ".run")
"""Of the files that move between machines."""


def checksums_of(files: Iterable[Path]) -> str:
    """Return the text of a checksums file; `sha256sum -c` reads it in the folder of the files."""
    return "".join(f"{_sha256(path)}  {path.name}\n" for path in files)


def checksums_file(artifact: Path) -> Path:
    """Return where the checksums of an archive lie: `NAME-VERSION.sha256` beside it."""
    name = artifact.name
    ending = next((ending for ending in ENDINGS if name.endswith(ending)), "")
    return artifact.with_name(f"{name.removesuffix(ending)}.sha256")


def read_checksums(file: Path) -> Mapping[str, str]:
    """Return the hash of each file that a checksums file names.

    Raises:
        ReleaserError: it is none.
    """
    found: dict[str, str] = {}
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = reason_of(error) if isinstance(error, OSError) else "it is no text"
        raise ReleaserError(f"cannot read {file}: {reason}") from error
    for number, line in enumerate(lines, 1):
        digest, _, name = line.partition("  ")
        if len(digest) != hashlib.sha256().digest_size * 2 or not name or "/" in name:
            raise ReleaserError(f"cannot read {file}: line {number} is no checksum and file name")
        found[name] = digest
    return found


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
