"""Debugging information is taken out of files as linkers make them, and files that look otherwise stay as they are."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from support.elves import LOADED, SECTIONS, Section, changed, make_elf, sections_of, segments_of

from releaser.build.tools.debug_info import OtherLayout, remove_debug_info

FIRST, *REST = SECTIONS
DEBUG = Section(".debug_info", b"i" * 1111)


def stripped(folder: Path, content: bytes) -> bytes:
    """Return what becomes of a file; check that the number returned is right and that nothing else is left there."""
    path = folder / "lib.so"
    path.write_bytes(content)
    path.chmod(0o755)
    try:
        saved = remove_debug_info(path)
    finally:
        assert [each.name for each in folder.iterdir()] == ["lib.so"]
    assert path.stat().st_mode & 0o777 == 0o755
    assert saved == len(content) - path.stat().st_size
    return path.read_bytes()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [32, 64])
def test_what_debuggers_read_goes_and_everything_else_is_as_it_was(tmp_path: Path, bits: int, order: str) -> None:
    content = make_elf(bits=bits, order=order)
    smaller = stripped(tmp_path, content)
    assert len(content) - len(smaller) >= 3333
    assert segments_of(smaller) == segments_of(content)
    before, after = sections_of(content), sections_of(smaller)
    assert after == {name: text for name, text in before.items() if not name.startswith(".debug_")}
    rows = list(ELFFile(BytesIO(smaller)).iter_sections())
    assert [row["sh_type"] for row in rows[4:6]] == ["SHT_NULL", "SHT_NULL"]
    assert [row.name for row in rows] == ["", ".text", ".bss", ".comment", "", "", ".symtab", ".strtab", ".shstrtab"]
    assert rows[rows[6]["sh_link"]].name == ".strtab"
    assert rows[6]["sh_offset"] % 8 == 0


def test_a_second_time_nothing_is_left_to_take(tmp_path: Path) -> None:
    once = stripped(tmp_path, make_elf())
    assert stripped(tmp_path, once) == once


@pytest.mark.parametrize("name", [".zdebug_line", ".gdb_index", ".gnu.debuglto_.debug_info"])
def test_the_other_names_of_debugging_information_are_known(tmp_path: Path, name: str) -> None:
    assert name not in sections_of(stripped(tmp_path, make_elf((FIRST, Section(name, b"x" * 5000)))))


@pytest.mark.parametrize("name", [".debug", ".gnu_debuglink", ".gnu_debugdata", ".comment"])
def test_what_only_sounds_alike_stays(tmp_path: Path, name: str) -> None:
    content = make_elf((FIRST, Section(name, b"x" * 5000)))
    assert stripped(tmp_path, content) == content


def test_relocations_of_debugging_information_go_with_it(tmp_path: Path) -> None:
    relocations = Section(
        ".rela.debug_info", b"r" * 240, kind=4, alignment=8, link=".symtab", info=".debug_info", entry_bytes=24
    )
    others = Section(".rela.text", b"r" * 240, kind=4, alignment=8, link=".symtab", info=".text", entry_bytes=24)
    after = sections_of(stripped(tmp_path, make_elf((*SECTIONS, relocations, others))))
    assert ".rela.debug_info" not in after
    assert after[".rela.text"] == others.content


@pytest.mark.parametrize(
    "content",
    [
        make_elf((FIRST, DEBUG, Section(".data", b"d" * 100, flags=LOADED), *REST[1:2])),
        make_elf(appended=b"a program's own data"),
        make_elf(appended=b"\0" * 5000),
        make_elf(changed(".symtab", link=".debug_str")),
        make_elf(changed(".symtab", alignment=12)),
        make_elf(changed(".comment", size_bytes=500)),
        make_elf((*SECTIONS, Section(".group", b"g" * 8, kind=17))),
    ],
    ids=["loaded behind it", "appended", "zeros appended", "linked to", "alignment", "overlapping", "grouped"],
)
def test_a_file_with_another_layout_is_not_touched(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(OtherLayout):
        stripped(tmp_path, content)
    assert (tmp_path / "lib.so").read_bytes() == content


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"import os\n",
        b"\x7fELF",
        b"\x7fELF" + b"\xff" * 300,
        b"\x7fELF" + b"\0" * 300,
        make_elf(kind=1),
        make_elf(kind=4),
        make_elf((FIRST, Section(".debug_gdb_scripts", b"x" * 90, flags=LOADED))),
        make_elf(()),
        make_elf()[:-1],
        make_elf()[:900],
        make_elf()[:70],
    ],
)
def test_what_is_no_library_or_a_damaged_one_or_has_nothing_is_not_touched(tmp_path: Path, content: bytes) -> None:
    assert stripped(tmp_path, content) == content


def test_a_file_that_is_linked_from_elsewhere_stays_there_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    kept = tmp_path / "kept.so"
    kept.write_bytes(make_elf())
    (tmp_path / "here/lib.so").hardlink_to(kept)
    assert remove_debug_info(tmp_path / "here/lib.so") > 3000
    assert kept.read_bytes() == make_elf()
