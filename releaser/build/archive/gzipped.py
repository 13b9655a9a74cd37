"""How are pieces put into a gzip file? As pigz does it: one member, its stream cut by full flushes.

What does not shrink (a zipapp, mostly) is stored.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

PIECE_BYTES: Final = 2 * 1024 * 1024
_SAMPLE_BYTES = 32 * 1024
_WORTH_IT = 0.95
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"  # RFC 1952: deflate, no name, no date, unknown system
_END = b"\x03\x00"  # an empty last block


class Gzip:
    """The codec of a `.gz`, for one file."""

    piece_bytes = PIECE_BYTES
    header = _HEADER

    def __init__(self, level: int) -> None:
        """Compress at `level`."""
        self._level = level
        self._crc = 0
        self._size = 0

    @property
    def name(self) -> str:
        """Its level."""
        return str(self._level)

    def note(self, data: bytes) -> None:
        """Sum up what the trailer says."""
        self._crc = zlib.crc32(data, self._crc)
        self._size += len(data)

    def trailer(self) -> bytes:
        """Return the end of the stream, its checksum and its size."""
        return _END + struct.pack("<LL", self._crc, self._size & 0xFFFFFFFF)

    def is_worth_it(self, piece: bytes) -> bool:
        """Tell by a sample from its middle whether a piece would shrink."""
        start = max(0, (len(piece) - _SAMPLE_BYTES) // 2)
        sample = piece[start : start + _SAMPLE_BYTES]
        return len(zlib.compress(sample, 1)) < _WORTH_IT * len(sample)

    def compress(self, piece: bytes) -> bytes:
        """Return a piece as blocks that end at a byte and refer to nothing before."""
        level = self._level if self.is_worth_it(piece) else 0
        engine = zlib.compressobj(level, zlib.DEFLATED, -15)
        return engine.compress(piece) + engine.flush(zlib.Z_FULL_FLUSH)
