"""How is an archive read that anybody may have made? From front to back, and never further than is sensible.

The one reader of all commands that take an archive: tar, tar.gz, the archive behind the script of a `.run`, and tar.zst
where the caller brings the decompressor. The blocks are taken apart here and not by `tarfile`, which follows headers
without a limit (one that stands for the next, names of gigabytes, sparse maps) and takes a damaged header for the end;
a header itself is `tarfile`'s to read. A few bytes can stand for terabytes, and gzip's checksum comes last: so what is
read is counted, and what follows the last member is read as well.
"""

from __future__ import annotations

import gzip
import io
import os
import stat
import tarfile
import zlib

from ..release.checking.record import FILE, FOLDER, LINK, OTHER, Member, quoted
from .rules import Judge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import IO

_GZIP = b"\x1f\x8b\x08"
_GZIP_IN_A_SCRIPT = _GZIP + b"\0"  # without a name: as it is written behind the script of a file that runs
_ZSTD = b"\x28\xb5\x2f\xfd"
_USTAR, _USTAR_AT = b"ustar", 257
_SCRIPT_BYTES = 64 * 1024
"""More than the script in front of the archive of a file that runs."""
_BLOCK_BYTES = 512
_PIECE_BYTES = 1024 * 1024
_NAME_BYTES = 64 * 1024
"""Of what a header says about the one that follows it: a path, and little else."""
_MOST_EXTRA = 8
"""Headers about one member: its path, the target of a link, and what is said of the whole archive."""
PLAIN_BYTES = 1024 * _PIECE_BYTES
_TIMES_ITS_SIZE = 100
"""An archive that unpacks to more than `PLAIN_BYTES` and so many times its size is no release: those reach about 5."""
_OF_THE_NEXT = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE)
_KINDS = {
    tarfile.REGTYPE: FILE,
    tarfile.AREGTYPE: FILE,
    tarfile.DIRTYPE: FOLDER,
    tarfile.SYMTYPE: LINK,
}
_ERRORS = (EOFError, gzip.BadGzipFile, zlib.error)
_TOO_EARLY = "it ends too early"


class NoArchive(Exception):
    """The file is no archive of any kind that is known; the text says what it is."""


class Damaged(Exception):
    """What begins as an archive cannot be read to its end; the text says why."""


class Content:
    """The bytes of the member that was read last."""

    __slots__ = ("_left", "_stream", "size_bytes")

    def __init__(self, stream: IO[bytes], size_bytes: int) -> None:
        self._stream = stream
        self._left = size_bytes
        self.size_bytes = size_bytes

    def read(self, size: int = -1) -> bytes:
        """Return at most `size` bytes, and none at the end.

        Raises:
            Damaged: the archive ends before that, or cannot be read so far.
            OSError: the file cannot be read.
        """
        wanted = self._left if size < 0 else min(size, self._left)
        if not wanted:
            return b""
        data = self._stream.read(min(wanted, _PIECE_BYTES) if size >= 0 else wanted)
        if not data or (size < 0 and len(data) < wanted):
            raise Damaged(_TOO_EARLY)
        self._left -= len(data)
        return data

    def skip(self) -> None:
        while self._left:
            self.read(_PIECE_BYTES)


class Archive:
    """An open archive; each pass reads all of it anew."""

    def __init__(
        self,
        file: IO[bytes],
        *,
        zstd: Callable[[IO[bytes]], IO[bytes]] | None = None,
        zstd_errors: tuple[type[Exception], ...] = (),
        plain_bytes: int = PLAIN_BYTES,
    ) -> None:
        """Prepare to read `file`, a regular one that can be read from its start again and again; it stays the caller's.

        `zstd` returns the plain content of a file that Zstandard compressed. It may always unpack to `plain_bytes`.
        """
        self._file = file
        self._zstd = zstd
        self._errors: tuple[type[Exception], ...] = (*_ERRORS, *zstd_errors)
        self._plain_bytes = max(plain_bytes, _TIMES_ITS_SIZE * os.fstat(file.fileno()).st_size)

    def members(self, judge: Judge) -> Iterator[tuple[str, Member, Content]]:
        """Yield path, member and content of each file, folder and link, as far as `judge` admits them.

        Its links have to be checked by the caller: at the end, when all are known.

        Raises:
            NoArchive: it is none.
            Damaged: it cannot be read to its end.
            Refused: a member breaks a rule.
            OSError: the file cannot be read.
        """
        stream = self._plain()
        try:
            for name, member in _headers(stream):
                path = judge.admit(name, member)
                content = Content(stream, member.size_bytes)
                if path:
                    yield path, member, content
                content.skip()
                _exactly(stream, -member.size_bytes % _BLOCK_BYTES)
            _read_to_the_end(stream, len(judge.members))
        finally:
            stream.close()

    def _plain(self) -> IO[bytes]:
        file = self._file
        file.seek(0)
        beginning = file.read(_SCRIPT_BYTES)
        begin = max(beginning.find(_GZIP_IN_A_SCRIPT), 0) if beginning.startswith(b"#!") else 0
        file.seek(begin)
        if beginning[begin:].startswith(_GZIP):
            plain: IO[bytes] = gzip.GzipFile(fileobj=file, mode="rb")  # type: ignore[assignment]
        elif beginning.startswith(_ZSTD):
            if self._zstd is None:
                raise NoArchive("it is compressed with Zstandard, which Python can read from 3.14 on")
            plain = self._zstd(file)
        elif beginning[_USTAR_AT:].startswith(_USTAR):
            plain = os.fdopen(os.dup(file.fileno()), "rb")
        else:
            raise NoArchive("it is no tar.gz, no tar.zst, no tar and no .run file" if beginning else "it is empty")
        return io.BufferedReader(_Counted(plain, self._plain_bytes, self._errors), _PIECE_BYTES)  # type: ignore[type-var]


class _Counted(io.RawIOBase):
    """The plain content of an archive, up to a limit."""

    def __init__(self, source: IO[bytes], limit_bytes: int, errors: tuple[type[Exception], ...]) -> None:
        self._source = source
        self._left = limit_bytes
        self._errors = errors

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        try:
            data = self._source.read(len(buffer))
        except self._errors as error:
            raise Damaged(_reason(error)) from error
        self._left -= len(data)
        if self._left < 0:
            raise Damaged(f"it would unpack to more than {_TIMES_ITS_SIZE} times its size")
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._source.close()
        super().close()


def open_file(path: str) -> IO[bytes]:
    """Open a file for reading; a pipe would be waited for, and a device never ends.

    Raises:
        OSError: there is none, or it may not be read.
        NoArchive: it is something else.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NoArchive("it is no file")
    return open(descriptor, "rb")


def _headers(stream: IO[bytes]) -> Iterator[tuple[str, Member]]:
    """Yield name and member of each header; the caller reads the content and what fills its last block."""
    said: dict[str, str] = {}
    extra = 0  # headers about the member that is to follow
    while True:
        block = _exactly(stream, _BLOCK_BYTES)
        if not block.strip(b"\0"):
            return
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except (tarfile.TarError, ValueError, OverflowError) as error:
            raise Damaged(f"a header cannot be read: {error}") from error
        if header.size < 0:
            raise Damaged(f"{quoted(header.name)} has a size below zero")
        if header.type in _OF_THE_NEXT or header.type == tarfile.XGLTYPE:
            extra += 1
            if extra > _MOST_EXTRA:
                raise Damaged(f"more than {_MOST_EXTRA} headers speak of one member")
            if header.size > _NAME_BYTES:
                raise Damaged(f"what it says of a member is longer than {_NAME_BYTES} bytes")
            said |= _said(header.type, _exactly(stream, header.size))
            _exactly(stream, -header.size % _BLOCK_BYTES)
            continue
        name, link = said.get("path", header.name), said.get("linkpath", header.linkname)
        if "size" in said:
            header.size = _number(said["size"])
        said, extra = {}, 0
        kind = _KINDS.get(header.type, OTHER)
        if kind == FOLDER:
            name = name.rstrip("/") or name
        yield name, _member(kind, header, link)


def _member(kind: str, header: tarfile.TarInfo, link: str) -> Member:
    mode = header.mode & 0o7777
    if kind == LINK:
        return Member(kind, link=link)
    return Member(kind, mode=mode, size_bytes=header.size if kind == FILE else 0)


def _said(kind: bytes, data: bytes) -> dict[str, str]:
    """Return what an extra header says of the member that follows, as far as it matters to us.

    Raises:
        Damaged: it cannot be read, or the member is a sparse file.
    """
    if kind == tarfile.XGLTYPE:
        return {}  # of the whole archive: a comment, as `git archive` writes
    if kind != tarfile.XHDTYPE:
        text = data.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")
        return {"path" if kind == tarfile.GNUTYPE_LONGNAME else "linkpath": text}
    found: dict[str, str] = {}
    while data:
        digits, space, _ = data.partition(b" ")
        length = _number(digits.decode("ascii", "replace"))
        if not space or not len(digits) + 1 < length <= len(data):
            raise Damaged("a PAX header cannot be read")
        line, data = data[len(digits) + 1 : length], data[length:]
        key, equals, value = line.partition(b"=")
        if not equals or not value.endswith(b"\n"):
            raise Damaged("a PAX header cannot be read")
        if key.startswith(b"GNU.sparse"):
            raise Damaged("it holds a sparse file")
        if key in (b"path", b"linkpath", b"size"):
            found[key.decode()] = value[:-1].decode("utf-8", "surrogateescape")
    return found


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 20:
        raise Damaged("a PAX header has no number where one is due")
    return int(text)


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise Damaged(_TOO_EARLY)
    return data


def _read_to_the_end(stream: IO[bytes], count: int) -> None:
    """See, after the last member, the checksum, and that nothing comes."""
    while data := stream.read(_PIECE_BYTES):
        if data.strip(b"\0"):
            raise Damaged(f"something follows after {count} files, folders and links")


def _reason(error: BaseException) -> str:
    if isinstance(error, EOFError):
        return _TOO_EARLY
    if isinstance(error, gzip.BadGzipFile):
        return "its checksum does not fit, or something follows its end"
    return str(error).lower()
