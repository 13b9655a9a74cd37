"""Pieces of an archive: whatever is written and wherever it is cut, the same comes out, and kept ones fit again."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releaser.artifacts.zstandard import zstd
from releaser.build.archive.gzipped import Gzip
from releaser.build.archive.pieces import Codec, PieceWriter
from releaser.build.archive.zstd_frames import ZstdFrames


class SmallGzip(Gzip):
    piece_bytes = 64


class SmallFrames(ZstdFrames):
    piece_bytes = 64


def packed(codec: Codec, parts: list[bytes], cuts: list[int] | None = None, pieces: Path | None = None) -> bytes:
    to = io.BytesIO()
    with PieceWriter(to, codec, pieces) as writer:
        for cut in cuts or []:
            writer.cut_at(cut)
        for part in parts:
            writer.write(part)
    return to.getvalue()


@given(st.lists(st.binary(max_size=200), max_size=6), st.lists(st.integers(0, 1300), max_size=5))
def test_what_comes_out_is_what_was_written(parts: list[bytes], cuts: list[int]) -> None:
    assert gzip.decompress(packed(SmallGzip(6), parts, cuts)) == b"".join(parts)
    whole = packed(SmallFrames(3), parts, cuts)
    assert (zstd.decompress(whole) if whole else b"") == b"".join(parts)


@given(st.binary(max_size=500), st.lists(st.integers(0, 500), max_size=5))
def test_how_it_is_handed_over_does_not_matter(data: bytes, places: list[int]) -> None:
    bounds = sorted({0, *(place for place in places if place < len(data)), len(data)})
    parts = [data[start:end] for start, end in pairwise(bounds)]
    assert packed(SmallFrames(3), parts, [100]) == packed(SmallFrames(3), [data], [100])


@pytest.mark.parametrize("new_codec", [lambda: SmallGzip(6), lambda: SmallFrames(3)], ids=["gzip", "zstd"])
def test_behind_a_cut_kept_pieces_fit_though_what_is_before_it_has_grown(
    tmp_path: Path, new_codec: Callable[[], Codec]
) -> None:
    text = b"".join(b"line %d\n" % number for number in range(200))
    packed(new_codec(), [b"short", text], [5], tmp_path)
    before = {path.name for path in tmp_path.iterdir()}
    packed(new_codec(), [b"much longer", text], [11], tmp_path)
    after = {path.name for path in tmp_path.iterdir()}
    assert len(before & after) >= len(text) // 64
    assert len(after - before) <= 1


def test_a_kept_piece_that_is_damaged_is_made_again(tmp_path: Path) -> None:
    text = b"all work and no play\n" * 20
    good = packed(SmallFrames(3), [text], pieces=tmp_path)
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert packed(SmallFrames(3), [text], pieces=tmp_path) == good


def test_what_a_build_that_failed_has_written_is_not_completed() -> None:
    to = io.BytesIO()
    writer = PieceWriter(to, SmallGzip(6))
    writer.write(b"half")
    writer.__exit__(RuntimeError)
    assert to.getvalue() == Gzip.header
