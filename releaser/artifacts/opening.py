"""How is an archive read that anybody may have made? In one pass, never unpacked, and never further than is sensible.

A few bytes can stand for terabytes, and gzip's checksum comes last. So what is read is counted, and after the last
member the rest is read as well.
"""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from releaser.errors import UsageError

GZIP = b"\x1f\x8b\x08"
ZSTD = b"\x28\xb5\x2f\xfd"
_GZIP_IN_A_SCRIPT = GZIP + b"\0"  # without a name: as it is written behind the script of a file that runs
_SCRIPT_BYTES = 64 * 1024
"""More than that script."""
_CHUNK_BYTES = 1024 * 1024
PLAIN_BYTES = 1024 * _CHUNK_BYTES
_TIMES_ITS_SIZE = 100
"""An archive that unpacks to more than `PLAIN_BYTES` and so many times its size is no release: those reach about 5."""


class DamagedArtifact(UsageError):
    """What begins as an archive cannot be read to its end."""


class _Counted(io.RawIOBase):
    """The plain content of an archive, up to a limit."""

    def __init__(self, source: IO[bytes], path: Path, plain_bytes: int) -> None:
        self._source = source
        self._path = path
        self._left = max(plain_bytes, _TIMES_ITS_SIZE * path.stat().st_size)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise DamagedArtifact(
                f"cannot read {self._path}: it would unpack to more than {_TIMES_ITS_SIZE} times its size"
            )
        return data


def check_file(path: Path) -> None:
    """Refuse what is neither a file nor a folder: a pipe would be waited for, and a device never ends.

    Raises:
        OSError: there is nothing, or it may not be looked at.
        UsageError: it is something else.
    """
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise UsageError(f"cannot read {path}: it is neither a file nor a folder")


@contextmanager
def open_tar(path: Path, *, plain_bytes: int = PLAIN_BYTES) -> Iterator[tarfile.TarFile]:
    """Open an archive, or the one that follows the script of a file that runs; members are read in their order.

    It may always unpack to `plain_bytes`.

    Raises:
        UsageError: it is none.
        DamagedArtifact: it cannot be read to its end.
        OSError: the file cannot be read.
    """
    with path.open("rb") as raw:
        beginning = raw.read(_SCRIPT_BYTES)
        begin = max(beginning.find(_GZIP_IN_A_SCRIPT), 0) if beginning.startswith(b"#!") else 0
        raw.seek(begin)
        errors: tuple[type[Exception], ...] = (EOFError, gzip.BadGzipFile, zlib.error, tarfile.TarError)
        if beginning[begin:].startswith(GZIP):
            plain = cast(IO[bytes], gzip.GzipFile(fileobj=raw))
        elif beginning.startswith(ZSTD):
            from backports import zstd  # only now: most archives are gzip's

            plain = cast(IO[bytes], zstd.ZstdFile(raw))
            errors = (*errors, zstd.ZstdError)
        else:
            what = "it is no tar.gz, no tar.zst and no .run file" if beginning else "it is empty"
            raise UsageError(f"cannot read {path}: {what}")
        counted = cast(IO[bytes], _Counted(plain, path, plain_bytes))
        try:
            with plain, tarfile.open(fileobj=counted, mode="r|", bufsize=_CHUNK_BYTES) as archive:
                yield archive
        except errors as error:
            raise DamagedArtifact(f"cannot read {path}: {_reason(error)}") from error


def read_to_the_end(archive: tarfile.TarFile, path: Path) -> None:
    """See, after the last member, the checksum, and that nothing comes: tarfile takes a damaged header for the end.

    Raises:
        DamagedArtifact: something comes.
    """
    stream = archive.fileobj
    while data := (stream.read(_CHUNK_BYTES) if stream else b""):
        if data.strip(b"\0"):
            raise DamagedArtifact(f"cannot read {path}: it is damaged after {len(archive.getmembers())} members")


def _reason(error: BaseException) -> str:
    if isinstance(error, EOFError):
        return "it ends too early"
    if isinstance(error, gzip.BadGzipFile):
        return "its checksum does not fit, or something follows its end"
    return str(error).lower()
