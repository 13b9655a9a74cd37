"""How are pieces put into a Zstandard file? Each is a frame with its checksum; frames may follow each other (RFC 8878).

A frame is told neither a thread count nor a dictionary, so that one version of the library always gives the same bytes.
"""

from __future__ import annotations

from typing import Final

from releaser.artifacts.zstandard import zstd

PIECE_BYTES: Final = 8 * 1024 * 1024
"""Larger ones save a hundredth, smaller ones cost more."""


class ZstdFrames:
    """The codec of a `.zst`."""

    piece_bytes = PIECE_BYTES
    header = b""

    def __init__(self, level: int) -> None:
        """Compress at `level`."""
        self._options: dict[int, int] = {
            zstd.CompressionParameter.compression_level: level,
            zstd.CompressionParameter.checksum_flag: 1,
        }
        self._level = level

    @property
    def name(self) -> str:
        """The library's version and the level."""
        return f"zstd-{zstd.zstd_version}-{self._level}"

    def note(self, data: bytes) -> None:
        """Do nothing: there is no trailer."""

    def trailer(self) -> bytes:
        """Return nothing: the last frame ends the file."""
        return b""

    def is_worth_it(self, piece: bytes) -> bool:
        """Tell that every piece is."""
        return bool(piece)

    def compress(self, piece: bytes) -> bytes:
        """Return a piece as a frame."""
        return bytes(zstd.compress(piece, options=self._options))
