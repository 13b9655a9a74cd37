"""How do compressed files get into a zip file without being compressed again?

`write_members` makes a zip file once, deflating on every core; `append_members` copies members out of such files into
another one as they are. The bytes depend on the content alone: libdeflate's, unlike those of zlib's faster successors,
do not follow the processor.
"""

from __future__ import annotations

import os
import time
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import deflate

_LEVEL: Final = 6
"""Beyond it each percent of size costs as much time as all before."""
DEFLATED: Final = f"libdeflate {deflate.__version__} {_LEVEL}"
STORED: Final = "stored"
_PIECE_BYTES = 1024 * 1024
_IN_FLIGHT = 64
_Date = tuple[int, int, int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One member of a zip file, with where its bytes are."""

    info: zipfile.ZipInfo
    source: IO[bytes]
    start: int
    """Offset of the member's header."""
    end: int


def write_members(to: Path, files: Sequence[tuple[str, Path]], epoch: int, method: str) -> None:
    """Write `files`, pairs of a member's name and its content's path, into the new zip file `to`, in this order.

    `method` is `DEFLATED` or `STORED`.
    """
    date = zip_date(epoch)
    with zipfile.ZipFile(to, "w") as archive, ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        # In batches: what is compressed ahead of the writer is held in memory.
        for start in range(0, len(files), _IN_FLIGHT):
            batch = files[start : start + _IN_FLIGHT]
            for info, data in pool.map(lambda pair: _one(pair[0], pair[1], date, method), batch):
                _append(archive, info, data)


def members_of(file: IO[bytes]) -> dict[str, Member]:
    """Return the members of a zip file that `write_members` made, by name; `file` stays open."""
    with zipfile.ZipFile(file) as archive:
        infos = sorted(archive.infolist(), key=lambda info: info.header_offset)
        ends = [*(info.header_offset for info in infos), archive.start_dir][1:]
    return {
        info.filename: Member(info=info, source=file, start=info.header_offset, end=end)
        for info, end in zip(infos, ends, strict=True)
    }


def append_members(archive: zipfile.ZipFile, members: Iterable[Member]) -> None:
    """Append `members` to the open `archive` as they are, those that lie one after the other in one go."""
    file = archive.fp
    assert file is not None
    offset = archive.start_dir
    file.seek(offset)
    source: IO[bytes] | None = None
    start = end = 0
    for member in members:
        if member.source is not source or member.start != end:
            _copy(source, start, end, file)
            source, start = member.source, member.start
        end = member.end
        member.info.header_offset = offset
        offset += member.end - member.start
        _register(archive, member.info)
    _copy(source, start, end, file)
    _end_at(archive, offset)


def zip_date(epoch: int) -> _Date:
    """Return seconds since 1970 as zip files write dates; there is no zone in them."""
    moment = time.gmtime(epoch)
    return (moment.tm_year, moment.tm_mon, moment.tm_mday, moment.tm_hour, moment.tm_min, moment.tm_sec)


def _one(name: str, path: Path, date: _Date, method: str) -> tuple[zipfile.ZipInfo, bytes | bytearray]:
    content = path.read_bytes()
    info = zipfile.ZipInfo(name, date)
    info.external_attr = (0o100755 if path.stat().st_mode & 0o100 else 0o100644) << 16
    info.file_size = len(content)
    info.CRC = zlib.crc32(content)
    data: bytes | bytearray = content
    if method == DEFLATED:
        info.compress_type = zipfile.ZIP_DEFLATED
        data = deflate.deflate_compress(content, _LEVEL)
    info.compress_size = len(data)
    return info, data


def _append(archive: zipfile.ZipFile, info: zipfile.ZipInfo, data: bytes | bytearray) -> None:
    file = archive.fp
    assert file is not None
    file.seek(archive.start_dir)
    info.header_offset = archive.start_dir
    file.write(info.FileHeader(False))
    file.write(data)
    _register(archive, info)
    _end_at(archive, file.tell())


def _register(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    archive.filelist.append(info)
    archive.NameToInfo[info.filename] = info


def _end_at(archive: zipfile.ZipFile, offset: int) -> None:
    """Let zipfile write its directory at `offset` when it is closed; it has no public word for that."""
    archive.start_dir = offset
    archive._didModify = True  # type: ignore[attr-defined]


def _copy(source: IO[bytes] | None, start: int, end: int, to: IO[bytes]) -> None:
    if source is None:
        return
    source.seek(start)
    left = end - start
    while left:
        piece = source.read(min(_PIECE_BYTES, left))
        if not piece:
            raise EOFError("a zip file of the cache ends before its directory says")
        to.write(piece)
        left -= len(piece)
