"""What a program file says that it needs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from releaser.build.tools.elf import elf_files, read_elf

PYTHON = Path(sys.executable).resolve()


def test_this_interpreter_needs_the_c_library() -> None:
    elf = read_elf(PYTHON)

    assert elf is not None
    assert any(name.startswith(("libc.", "ld-")) for name in elf.needed)
    assert elf.is_dynamic
    assert elf.machine[1] in (32, 64)
    if "libc.so.6" in elf.needed:
        assert elf.glibc >= (2, 2)


@pytest.mark.parametrize(
    "content", [b"", b"\x7fELF", b"\x7fELF" + b"\xff" * 200, b"#!/bin/sh\n", b"\x7fELF\x02\x01\x01"]
)
def test_what_is_no_program_file_is_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert read_elf(path) is None


def test_a_file_that_was_cut_off_is_none_or_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = PYTHON.read_bytes()
    path = tmp_path / "file"
    for size in (64, 100, 1000, len(whole) // 2):
        path.write_bytes(whole[:size])
        read_elf(path)


def test_a_header_that_points_outside_of_the_file_is_no_bug_of_ours(tmp_path: Path) -> None:
    content = bytearray(PYTHON.read_bytes())
    path = tmp_path / "file"
    for offset in range(4, 64):
        path.write_bytes(content[:offset] + b"\xff\xff" + content[offset + 2 :])
        read_elf(path)


def test_only_program_files_below_a_folder_are_found_and_links_are_not(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b/python").write_bytes(PYTHON.read_bytes())
    (tmp_path / "a").write_bytes(PYTHON.read_bytes())
    (tmp_path / "link").symlink_to(tmp_path / "a")
    (tmp_path / "text").write_text("x")

    assert [str(elf.path.relative_to(tmp_path)) for elf in elf_files(tmp_path)] == ["a", "b/python"]
