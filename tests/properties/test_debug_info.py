"""Laws of leaving out debugging information: whatever a file holds, what is loaded of it stays, and nothing breaks."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from support.elves import make_elf, segments_of

from releaser.build.tools.debug_info import OtherLayout, remove_debug_info

FILES = [make_elf(bits=bits, order=order) for bits in (32, 64) for order in "<>"]
NUMBERS = [0, 1, 2, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Draw a file with a few bytes changed, most of them in its headers and its table, and perhaps cut off."""
    content = bytearray(draw(st.sampled_from(FILES)))
    table = st.integers(len(content) - 600, len(content) - 1)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.one_of(st.integers(4, 130), table))
        width = draw(st.sampled_from([1, 2, 4]))
        number = draw(st.one_of(st.sampled_from(NUMBERS), st.integers(0, 5000))) % 256**width
        content[at : at + width] = number.to_bytes(width, draw(st.sampled_from(["little", "big"])))
    return bytes(content[: draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))])


def check(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "lib.so")
        path.write_bytes(content)
        try:
            saved = remove_debug_info(path)
        except OtherLayout:
            saved = 0
        after = path.read_bytes()
        assert [each.name for each in Path(folder).iterdir()] == ["lib.so"]
    assert len(after) == len(content) - saved
    if saved:
        assert segments_of(after) == segments_of(content)
    else:
        assert after == content


@given(damaged())
def test_a_damaged_file_is_left_as_it_is_or_what_is_loaded_of_it_is(content: bytes) -> None:
    check(content)


@given(st.binary(max_size=400))
def test_any_bytes_at_all_after_the_magic_are_no_reason_to_fail(content: bytes) -> None:
    check(b"\x7fELF" + content)
