"""How is an archive compressed on every core, and quicker the second time? In pieces that do not depend on each other.

A piece's bytes follow from its content alone, so that pieces compressed before can be taken from a folder of them: the
bytes of the file are the same with it and without. How a piece is compressed is for a codec to know.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from bisect import insort
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, Protocol, Self


class Codec(Protocol):
    """A way to compress."""

    @property
    def piece_bytes(self) -> int:
        """What a piece holds at most before it is compressed."""

    @property
    def name(self) -> str:
        """Engine and level; part of the name of a kept piece."""

    @property
    def header(self) -> bytes:
        """What a file begins with."""

    def note(self, data: bytes) -> None:
        """Take notice of what is written, in its order, for the trailer."""

    def trailer(self) -> bytes:
        """Return what a file ends with."""

    def is_worth_it(self, piece: bytes) -> bool:
        """Tell whether a piece takes long enough to be kept."""

    def compress(self, piece: bytes) -> bytes:
        """Return a piece, compressed; called in threads."""


class PieceWriter:
    """What tarfile writes to; leaving it completes the file, and leaves `file` open."""

    def __init__(self, file: IO[bytes], codec: Codec, pieces: Path | None = None) -> None:
        """Compress with `codec`; `pieces` is a folder of pieces that were compressed before, or None."""
        self._file = file
        self._codec = codec
        self._pieces = pieces
        self._used: set[str] = set()
        self._written_bytes = 0
        self._buffer = bytearray()
        self._cuts: list[int] = []
        self._pool = ThreadPoolExecutor(os.cpu_count() or 1)
        self._under_way: deque[Future[bytes]] = deque()
        if pieces is not None:
            pieces.mkdir(parents=True, exist_ok=True)
        file.write(codec.header)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._complete()
        finally:
            self._pool.shutdown(cancel_futures=True)

    def tell(self) -> int:
        """Return how many bytes were written."""
        return self._written_bytes

    def cut_at(self, offset: int) -> None:
        """End a piece where `offset` bytes are written: what comes next changes independently of what came before.

        It is not before what is written already.
        """
        insort(self._cuts, offset)

    def write(self, data: bytes) -> int:
        """Take `data`; pieces end where they are full, and where they are to be cut."""
        self._codec.note(data)
        rest = memoryview(data)
        while self._cuts and self._cuts[0] <= self._written_bytes + len(rest):
            count = self._cuts.pop(0) - self._written_bytes
            self._take(rest[:count])
            self._cut()
            rest = rest[count:]
        self._take(rest)
        return len(data)

    def _take(self, data: memoryview) -> None:
        self._written_bytes += len(data)
        self._buffer += data
        full = self._codec.piece_bytes
        while len(self._buffer) >= full:
            self._submit(bytes(memoryview(self._buffer)[:full]))
            del self._buffer[:full]

    def _cut(self) -> None:
        if self._buffer:
            self._submit(bytes(self._buffer))
            self._buffer.clear()

    def _complete(self) -> None:
        self._cut()
        self._drain(0)
        self._file.write(self._codec.trailer())
        self._forget_unused()

    def _submit(self, piece: bytes) -> None:
        self._under_way.append(self._pool.submit(self._compressed, piece))
        self._drain(2 * (os.cpu_count() or 1))

    def _drain(self, left: int) -> None:
        while len(self._under_way) > left:
            self._file.write(self._under_way.popleft().result())

    def _compressed(self, piece: bytes) -> bytes:
        codec = self._codec
        if self._pieces is None or not codec.is_worth_it(piece):
            return codec.compress(piece)
        name = f"{hashlib.sha256(piece).hexdigest()}-{codec.name}"
        self._used.add(name)
        path = self._pieces / name
        try:
            kept = path.read_bytes()
            if len(kept) > 4 and zlib.crc32(kept[4:]) == int.from_bytes(kept[:4], "big"):
                return kept[4:]
        except OSError:
            pass
        done = codec.compress(piece)
        partial = path.with_name(f".{name}-{os.getpid()}")
        partial.write_bytes(zlib.crc32(done).to_bytes(4, "big") + done)
        partial.rename(path)
        return done

    def _forget_unused(self) -> None:
        """Remove the pieces that this file has not used: the next one is most like it."""
        for path in self._pieces.iterdir() if self._pieces is not None else ():
            if path.name not in self._used:
                path.unlink(missing_ok=True)
