"""Frames: whatever is encoded comes back, however it is cut; what is not a frame is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releaser.runtime.protocol import frames

kinds = st.sampled_from([frames.REQUEST, frames.OUTPUT, frames.ERROR, frames.INPUT, frames.INTERRUPT, frames.EXIT])
words = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)))


@given(st.lists(st.tuples(kinds, st.binary(max_size=300))), st.integers(1, 50))
def test_frames_come_back_whole_however_they_are_cut(sent: list[tuple[bytes, bytes]], piece: int) -> None:
    data = b"".join(frames.encode(kind, body) for kind, body in sent)
    decoder = frames.Decoder()
    found = [frame for start in range(0, len(data), piece) for frame in decoder.feed(data[start : start + piece])]
    assert found == sent


@given(words, st.lists(words))
def test_a_request_comes_back_word_for_word(verb: str, arguments: list[str]) -> None:
    ((kind, body),) = frames.Decoder().feed(frames.encode_request(verb, *arguments))
    assert kind == frames.REQUEST
    assert frames.decode_request(body) == [verb, *arguments]


def test_arguments_that_are_not_utf_8_survive() -> None:
    ((_, body),) = frames.Decoder().feed(frames.encode_request("rpc", "\udcff"))
    assert frames.decode_request(body) == ["rpc", "\udcff"]


def test_a_frame_over_the_limit_is_refused_by_its_header_alone() -> None:
    with pytest.raises(frames.ProtocolError, match="over the limit of 10"):
        frames.Decoder(limit_bytes=10).feed(b"o" + (11).to_bytes(4, "big"))


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n", b"\0\0\0\0\0"])
def test_what_is_not_a_frame_is_refused(data: bytes) -> None:
    with pytest.raises(frames.ProtocolError, match="unknown frame type"):
        frames.Decoder().feed(data)


@pytest.mark.parametrize("body", [b"", b"1", b"2\0ping", b"ping"])
def test_a_request_of_another_protocol_is_refused(body: bytes) -> None:
    with pytest.raises(frames.ProtocolError, match="expected protocol 1"):
        frames.decode_request(body)
