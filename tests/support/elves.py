"""Program files made by hand, for every word size and byte order, and by gcc; and what of them is loaded."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

LOADED, NOBITS = 2, 8
_HEADERS = {32: "HHIIIIIHHHHHH", 64: "HHIQQQIHHHHHH"}
_SEGMENTS = {32: "8I", 64: "IIQQQQQQ"}
_ROWS = {32: "10I", 64: "IIQQQQIIQQ"}
_TABLE_AT = {32: (32, 4), 64: (40, 8)}


@dataclass(frozen=True)
class Section:
    """A section of a file to be made."""

    name: str
    content: bytes = b""
    kind: int = 1
    flags: int = 0
    alignment: int = 1
    link: str = ""
    info: str = ""
    entry_bytes: int = 0
    size_bytes: int | None = None
    """None: that of the content."""


SECTIONS = (
    Section(".text", b"\x90" * 300, flags=LOADED, alignment=16),
    Section(".bss", kind=NOBITS, flags=LOADED, alignment=32, size_bytes=5000),
    Section(".comment", b"made by hand\0"),
    Section(".debug_info", b"i" * 1111),
    Section(".debug_str", b"s" * 2222),
    Section(".symtab", b"\0" * 48, kind=2, alignment=8, link=".strtab", entry_bytes=24),
    Section(".strtab", b"\0answer\0", kind=3),
)
"""As a linker puts them; .shstrtab comes after them."""


def make_elf(
    sections: tuple[Section, ...] = SECTIONS, bits: int = 64, order: str = "<", kind: int = 3, appended: bytes = b""
) -> bytes:
    """Return a file whose one segment holds its headers and all sections that are flagged as loaded."""
    texts = ["", *(section.name for section in sections), ".shstrtab"]
    numbers = {name: number for number, name in enumerate(texts)}
    names = b"".join(name.encode() + b"\0" for name in texts)
    header, segment = (struct.calcsize(order + each[bits]) for each in (_HEADERS, _SEGMENTS))
    body = bytearray(16 + header + segment)
    rows = [(0,) * 10]
    loaded_bytes = len(body)
    for each in (*sections, Section(".shstrtab", names, kind=3)):
        body += b"\0" * (-len(body) % each.alignment)
        at, size = len(body), len(each.content) if each.size_bytes is None else each.size_bytes
        links = numbers.get(each.link, 0), numbers.get(each.info, 0)
        name = names.index(each.name.encode() + b"\0")
        rows.append((name, each.kind, each.flags, 0, at, size, *links, each.alignment, each.entry_bytes))
        body += each.content
        loaded_bytes = len(body) if each.flags & LOADED else loaded_bytes
    body += b"\0" * (-len(body) % 8)
    numbers_of_header = (16 + header, len(body), 0, 16 + header, segment, 1, struct.calcsize(order + _ROWS[bits]))
    body[16 : 16 + header] = struct.pack(
        order + _HEADERS[bits], kind, 62, 1, 0, *numbers_of_header, len(rows), len(rows) - 1
    )
    place = (
        (1, 0, 0, 0, loaded_bytes, loaded_bytes, 5, 4096) if bits == 32 else (1, 5, 0, 0, 0, *[loaded_bytes] * 2, 4096)
    )
    body[16 + header : 16 + header + segment] = struct.pack(order + _SEGMENTS[bits], *place)
    body[:7] = bytes([0x7F, *b"ELF", bits // 32, 1 if order == "<" else 2, 1])
    return bytes(body) + b"".join(struct.pack(order + _ROWS[bits], *row) for row in rows) + appended


def changed(name: str, **fields: object) -> tuple[Section, ...]:
    """Return the usual sections with one changed."""
    return tuple(replace(each, **fields) if each.name == name else each for each in SECTIONS)  # type: ignore[arg-type]


def segments_of(content: bytes) -> list[tuple[bytes, bytes]]:
    """Return each program header and what it covers, without the offset of the table of sections."""
    bits, order = content[4] * 32, "<>"[content[5] - 1]
    fields = struct.unpack_from(order + _HEADERS[bits], content, 16)
    start, size, count = fields[4], fields[8], fields[9]
    at, width = _TABLE_AT[bits]
    plain = content[:at] + b"\0" * width + content[at + width :]
    found = []
    for number in range(count):
        header = plain[start + number * size : start + (number + 1) * size]
        place = struct.unpack(order + _SEGMENTS[bits], header)
        offset, length = (place[1], place[4]) if bits == 32 else (place[2], place[5])
        found.append((header, plain[offset : offset + length]))
    return found


def sections_of(content: bytes) -> dict[str, bytes]:
    """Return the content of each section by its name, as another reader finds it."""
    return {section.name: section.data() for section in ELFFile(BytesIO(content)).iter_sections() if section.name}


def compiled(folder: Path, source: str, *words: str, name: str = "lib.so") -> Path:
    """Compile and link C, with debugging information unless `words` say otherwise; skip where there is no gcc."""
    if shutil.which("gcc") is None:
        assert "CI" not in os.environ, "CI must have gcc"
        pytest.skip("there is no C compiler")
    (folder / "source.c").write_text(source)
    command = ["gcc", "-g", "-shared", "-fPIC", *words, "-o", name, "source.c"]
    subprocess.run(command, cwd=folder, check=True, timeout=60)
    return folder / name
