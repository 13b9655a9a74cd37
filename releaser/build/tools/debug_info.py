"""How does debugging information get out of a shared library, with nothing that is loaded moved or changed?

A linker puts what only debuggers read behind all that is loaded, and the table of sections last:

    headers | segments | .comment | .debug_info .debug_str ... | .symtab | .strtab | .shstrtab | table of sections
    headers | segments | .comment | .symtab | .strtab | .shstrtab | table of sections

The sections that stay move together. Those that go leave empty rows in the table, because symbols hold the numbers of
sections. In what is loaded one field changes, the offset of that table, which nothing reads when a program runs. Names
of functions stay, and with them the backtraces that consist of names.

It is done here and not by strip(1), because that damages files that patchelf, and so auditwheel, has rewritten, knows
the machine's own processor alone, and writes other bytes in each of its versions. A file whose parts lie otherwise
stays as it is, to the byte: one that patchelf has rewritten, a relocatable one, one with something appended, a damaged
one. Format: elf(5), and chapter 4 of the System V ABI.
"""

from __future__ import annotations

import shutil
import struct
from pathlib import Path
from typing import IO, Final, NamedTuple

from releaser.build.tools.elf import is_elf

_PREFIXES: Final = (b".debug_", b".zdebug_", b".gnu.debuglto_")
_NAMES: Final = (b".gdb_index",)
_PAGE_BYTES: Final = 4096
_CHUNK_BYTES: Final = 1 << 20
_EXTENDED: Final = 0xFF00
"""From here on a number of sections or segments says that the number is written elsewhere."""
_PROGRAM, _SHARED = 2, 3
_NULL, _STRTAB, _RELA, _NOBITS, _REL, _GROUP = 0, 3, 4, 8, 9, 17
_ALLOC: Final = 2


class OtherLayout(Exception):
    """The file holds debugging information, but not where it can be taken out."""


class _Damaged(Exception):
    """The file is no program and no shared library, or its headers contradict themselves."""


class _Layout(NamedTuple):
    """How files of one word size write their headers; the byte order goes before each text."""

    header: str
    """From behind the 16 bytes that identify the file."""
    segment: str
    section: str
    segment_offset: int
    """Which field of a segment that is."""
    segment_size: int
    table_at: int
    """Where in the file the offset of the table of sections is written."""
    word: str


_LAYOUTS: Final = {
    1: _Layout("HHIIIIIHHHHHH", "IIIIIIII", "IIIIIIIIII", 1, 4, 32, "I"),
    2: _Layout("HHIQQQIHHHHHH", "IIQQQQQQ", "IIQQQQIIQQ", 2, 5, 40, "Q"),
}
_ORDERS: Final = {1: "<", 2: ">"}


class _Section(NamedTuple):
    """A row of the table of sections."""

    name_at: int
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int
    entry_size: int

    @property
    def content_bytes(self) -> int:
        return 0 if self.kind in (_NULL, _NOBITS) else self.size

    @property
    def end(self) -> int:
        return self.offset + self.content_bytes

    @property
    def is_loaded(self) -> bool:
        return bool(self.flags & _ALLOC)


class _Elf(NamedTuple):
    """The headers of a program or a shared library."""

    layout: _Layout
    order: str
    size_bytes: int
    unmoved_bytes: int
    """Of the file: all that is loaded, and the headers that say so."""
    table_offset: int
    sections: list[_Section]
    gone: set[int]
    """Numbers of the sections that only debuggers read."""


class _Smaller(NamedTuple):
    """The file to be, but for its first part, which stays."""

    moved: list[tuple[_Section, int]]
    """Sections as they were, with their new offsets, ascending."""
    table: bytes
    table_offset: int


def remove_debug_info(path: Path) -> int:
    """Put a file without debugging information in the place of `path`; return how many bytes smaller it is.

    0: it has none, or is no program or shared library, or a damaged one. What is 0 or raises leaves the very file.

    Raises:
        OtherLayout: it has some, which cannot be taken out.
    """
    if not is_elf(path):
        return 0
    partial = path.with_name(".smaller")
    with path.open("rb") as source:
        try:
            elf = _read(source)
            smaller = _rearranged(elf, source) if elf.gone else None
        except _Damaged:
            return 0
        if smaller is None:
            return 0
        with partial.open("wb") as target:
            _write(elf, smaller, source, target)
    shutil.copymode(path, partial)
    saved = elf.size_bytes - partial.stat().st_size
    partial.rename(path)
    return saved


def _read(file: IO[bytes]) -> _Elf:
    size_bytes = file.seek(0, 2)
    identity = _bytes_at(file, 0, 16)
    layout, order = _LAYOUTS.get(identity[4]), _ORDERS.get(identity[5])
    if layout is None or order is None:
        raise _Damaged
    head = struct.Struct(order + layout.header)
    kind, _, _, _, segments_at, table_at, _, _, segment_bytes, segments, row_bytes, rows, names = head.unpack(
        _bytes_at(file, 16, head.size)
    )
    segment, section = struct.Struct(order + layout.segment), struct.Struct(order + layout.section)
    if kind not in (_PROGRAM, _SHARED) or (segment_bytes, row_bytes) != (segment.size, section.size):
        raise _Damaged
    if not (0 < segments < _EXTENDED and names < rows < _EXTENDED):
        raise _Damaged
    ends = [16 + head.size, segments_at + segments * segment.size]
    for fields in segment.iter_unpack(_bytes_at(file, segments_at, segments * segment.size)):
        ends.append(fields[layout.segment_offset] + fields[layout.segment_size])
    sections = [_Section(*row) for row in section.iter_unpack(_bytes_at(file, table_at, rows * section.size))]
    return _Elf(layout, order, size_bytes, max(ends), table_at, sections, _debugging(sections, names, file))


def _debugging(sections: list[_Section], names: int, file: IO[bytes]) -> set[int]:
    """Return the numbers of the sections that only debuggers read, with the relocations of their content."""
    if sections[names].kind != _STRTAB:
        raise _Damaged
    text = _bytes_at(file, sections[names].offset, sections[names].size)
    found = set[int]()
    for number, section in enumerate(sections):
        name = text[section.name_at : max(text.find(b"\0", section.name_at), 0)]
        if section.content_bytes and not section.is_loaded and (name.startswith(_PREFIXES) or name in _NAMES):
            found.add(number)
    for number, section in enumerate(sections):
        if section.kind in (_REL, _RELA) and not section.is_loaded and section.info in found:
            found.add(number)
    return found - {0, names}


def _rearranged(elf: _Elf, file: IO[bytes]) -> _Smaller | None:
    """Return the file to be, or None if it would not be smaller."""
    moved: list[tuple[int, _Section]] = []
    for number, section in enumerate(elf.sections):
        if section.kind == _GROUP or (number not in elf.gone and section.link in elf.gone):
            raise OtherLayout
        if section.offset >= elf.unmoved_bytes and not section.is_loaded and section.kind != _NULL:
            moved.append((number, section))
        elif number in elf.gone or (section.content_bytes and section.end > elf.unmoved_bytes):
            raise OtherLayout
    _check_covered(elf, [section for _, section in moved], file)
    rows = [_Section(*[0] * 10) if number in elf.gone else section for number, section in enumerate(elf.sections)]
    pieces: list[tuple[_Section, int]] = []
    position = elf.unmoved_bytes
    for number, section in sorted(moved, key=lambda each: (each[1].offset, each[1].content_bytes)):
        if number not in elf.gone:
            offset = _aligned(position, section.alignment)
            pieces.append((section, offset))
            rows[number] = section._replace(offset=offset)
            position = offset + section.content_bytes
    row = struct.Struct(elf.order + elf.layout.section)
    table = b"".join(row.pack(*section) for section in rows)
    table_offset = _aligned(position, struct.calcsize(elf.layout.word))
    return _Smaller(pieces, table, table_offset) if table_offset + len(table) < elf.size_bytes else None


def _check_covered(elf: _Elf, sections: list[_Section], file: IO[bytes]) -> None:
    """Check that what is not loaded consists of `sections`, the table of sections, and a few zeros between them."""
    table_bytes = len(elf.sections) * struct.calcsize(elf.order + elf.layout.section)
    parts = [(section.offset, section.content_bytes) for section in sections if section.content_bytes]
    position = elf.unmoved_bytes
    for offset, size in sorted([*parts, (elf.table_offset, table_bytes), (elf.size_bytes, 0)]):
        gap_bytes = offset - position
        if not 0 <= gap_bytes < _PAGE_BYTES or _bytes_at(file, position, gap_bytes).strip(b"\0"):
            raise OtherLayout
        position = offset + size


def _aligned(offset: int, alignment: int) -> int:
    if alignment > _PAGE_BYTES or alignment & (alignment - 1):
        raise OtherLayout
    return -(-offset // alignment) * alignment if alignment else offset


def _write(elf: _Elf, smaller: _Smaller, source: IO[bytes], target: IO[bytes]) -> None:
    _copy(source, 0, elf.unmoved_bytes, target, 0)
    for section, offset in smaller.moved:
        if section.content_bytes:
            _copy(source, section.offset, section.content_bytes, target, offset)
    target.seek(smaller.table_offset)
    target.write(smaller.table)
    target.seek(elf.layout.table_at)
    target.write(struct.pack(elf.order + elf.layout.word, smaller.table_offset))


def _copy(source: IO[bytes], start: int, size_bytes: int, target: IO[bytes], to: int) -> None:
    """Copy a part of a file; what lies between parts is left as holes, which read as zeros."""
    source.seek(start)
    target.seek(to)
    while size_bytes:
        chunk = source.read(min(size_bytes, _CHUNK_BYTES))
        if not chunk:
            raise EOFError(f"{source.name} became shorter while it was read")
        target.write(chunk)
        size_bytes -= len(chunk)


def _bytes_at(file: IO[bytes], offset: int, size_bytes: int) -> bytes:
    """Return a part of the file, all of which must be there."""
    if offset + size_bytes > file.seek(0, 2):
        raise _Damaged
    file.seek(offset)
    return file.read(size_bytes)
