"""How does a tree become an archive whose bytes depend on nothing but the tree?

GNU format (dpkg refuses pax headers), members sorted by the bytes of their path, one date for all, owner 0:0 without
names, modes 0755 and 0644; no date and no file name in gzip's header.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, cast

from releaser.build.archive.gzipped import Gzip
from releaser.build.archive.pieces import Codec, PieceWriter

GZIP_LEVEL = 6
"""gzip's own default. Most of a release is its bundle, which is compressed already."""
ZSTD_LEVEL = 9
"""Beyond it each percent of size costs as much time as all before."""


def write_archive(
    tree: Path,
    to: Path,
    epoch: int,
    pieces: Path | None = None,
    cuts: Mapping[Path, Sequence[int]] | None = None,
) -> None:
    """Pack `tree`, under its own name, into the file `to`, `.tar.gz` or `.tar.zst`.

    Every member is dated `epoch`, seconds since 1970. `pieces` is a folder where what was compressed is kept for the
    next archive of the same name; its bytes are the same without. `cuts` are offsets in files of `tree` between which
    nothing changes from build to build as a rule, so that kept pieces fit.
    """
    with (
        to.open("wb") as raw,
        PieceWriter(raw, _codec(to), pieces) as packed,
        tarfile.open(fileobj=cast("IO[bytes]", packed), mode="w", format=tarfile.GNU_FORMAT) as archive,
    ):
        top = tree
        for path in _members(tree):
            if path.parent == tree and path != top:
                packed.cut_at(packed.tell())  # an interpreter is the same from build to build, what comes before is not
                top = path
            member = _member(path, str(path.relative_to(tree.parent)), epoch)
            start = packed.tell() + len(member.tobuf(archive.format, archive.encoding, archive.errors))
            for offset in (cuts or {}).get(path, ()):
                packed.cut_at(start + offset)
            _add(archive, member, path)
    to.chmod(0o644)


def _codec(to: Path) -> Codec:
    if to.suffix == ".zst":
        from releaser.build.archive.zstd_frames import ZstdFrames

        return ZstdFrames(ZSTD_LEVEL)
    return Gzip(GZIP_LEVEL)


def _members(tree: Path) -> list[Path]:
    found = [tree]
    for parent, folders, files in os.walk(tree):
        found += [Path(parent, name) for name in (*folders, *files)]
    return sorted(found, key=os.fsencode)


def _member(path: Path, name: str, epoch: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.mtime = epoch
    status = path.lstat()
    if path.is_symlink():
        member.type = tarfile.SYMTYPE
        member.linkname = str(path.readlink())
        member.mode = 0o777
    elif path.is_dir():
        member.type = tarfile.DIRTYPE
        member.mode = 0o755
    else:
        member.size = status.st_size
        member.mode = 0o755 if status.st_mode & 0o100 else 0o644
    return member


def _add(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    if member.isreg():
        with path.open("rb") as file:
            archive.addfile(member, file)
    else:
        archive.addfile(member)
