"""How does a tree become an archive whose bytes depend on nothing but the tree?

GNU format (dpkg refuses pax headers), members sorted by the bytes of their path, one date for all, owner 0:0 without
names, modes 0755 and 0644; no date and no file name in gzip's header. Zstandard is told neither a thread count nor a
dictionary, so that one version of its library always gives the same bytes.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from releaser.build.gzipped import GzipWriter

GZIP_LEVEL = 6
"""gzip's own default. Most of a release is its bundle, which is compressed already."""
ZSTD_LEVEL = 12
"""Beyond it each percent of size costs as much time as all before."""


def write_archive(tree: Path, to: Path, epoch: int, pieces: Path | None = None) -> None:
    """Pack `tree`, under its own name, into the file `to`, `.tar.gz` or `.tar.zst`.

    Every member is dated `epoch`, seconds since 1970. `pieces` is a folder where what was compressed is kept for the
    next archive of the same name; its bytes are the same without.
    """
    with (
        _packed(to, pieces) as (packed, cut),
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive,
    ):
        top = tree
        for path in _members(tree):
            if path.parent == tree and path != top:
                cut()  # an interpreter is the same from build to build, what comes before it is not
                top = path
            _add(archive, path, str(path.relative_to(tree.parent)), epoch)
    to.chmod(0o644)


@contextmanager
def _packed(to: Path, pieces: Path | None) -> Iterator[tuple[IO[bytes], Callable[[], None]]]:
    if to.suffix == ".zst":
        from backports import zstd

        with zstd.ZstdFile(to, "wb", level=ZSTD_LEVEL) as file:
            yield cast("IO[bytes]", file), lambda: None
        return
    with to.open("wb") as raw, GzipWriter(raw, GZIP_LEVEL, pieces) as packed:
        yield cast("IO[bytes]", packed), packed.cut


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
