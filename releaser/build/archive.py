"""How does a tree become a tar.gz whose bytes depend on nothing but the tree?

GNU format (dpkg refuses pax headers), members sorted by the bytes of their path, one date for all, owner 0:0 without
names, modes 0755 and 0644; no date and no file name in gzip's header.
"""

from __future__ import annotations

import gzip
import os
import tarfile
from pathlib import Path

LEVEL = 6
"""gzip's own default. Most of a release is its bundle, which is compressed already."""


def write_archive(tree: Path, to: Path, epoch: int) -> None:
    """Pack `tree`, under its own name, into the file `to`; every member is dated `epoch`, seconds since 1970."""
    with (
        to.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", compresslevel=LEVEL, fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive,
    ):
        for path in _members(tree):
            _add(archive, path, str(path.relative_to(tree.parent)), epoch)
    to.chmod(0o644)


def _members(tree: Path) -> list[Path]:
    found = [tree]
    for parent, folders, files in os.walk(tree):
        found += [Path(parent, name) for name in (*folders, *files)]
    return sorted(found, key=os.fsencode)


def _add(archive: tarfile.TarFile, path: Path, name: str, epoch: int) -> None:
    member = tarfile.TarInfo(name)
    member.mtime = epoch
    status = path.lstat()
    if path.is_symlink():
        member.type = tarfile.SYMTYPE
        member.linkname = str(path.readlink())
        member.mode = 0o777
        archive.addfile(member)
    elif path.is_dir():
        member.type = tarfile.DIRTYPE
        member.mode = 0o755
        archive.addfile(member)
    else:
        member.size = status.st_size
        member.mode = 0o755 if status.st_mode & 0o100 else 0o644
        with path.open("rb") as file:
            archive.addfile(member, file)
