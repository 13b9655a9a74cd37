"""What does an executable or a shared library need in order to run, as its own headers say?

Format: elf(5), and the System V ABI's chapter on dynamic linking. Nothing is run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_MAGIC = b"\x7fELF"


@dataclass(frozen=True, slots=True, kw_only=True)
class Elf:
    """The headers of one file."""

    path: Path
    machine: tuple[str, int, bool]
    """Processor, word size in bits, and whether it is little-endian: what two files must have in common."""
    needed: tuple[str, ...]
    """Names of libraries (DT_NEEDED), in their order; one that begins with `$ORIGIN` is a path."""
    search: tuple[str, ...]
    """Folders to look for them in (DT_RPATH, or DT_RUNPATH, which replaces it), `$ORIGIN` replaced."""
    has_runpath: bool
    """Whether it has DT_RUNPATH: then the search path of the program that loads it does not hold for it (ld.so(8))."""
    is_dynamic: bool
    """Whether the dynamic linker has to do with it; not so for object files and static programs."""
    has_symbols: bool
    """Whether it has a symbol table that is not needed for running."""
    glibc: tuple[int, ...]
    """The newest version of glibc's symbols that it asks for, such as `(2, 34)`; empty when it asks for none."""


def is_elf(path: Path) -> bool:
    """Tell whether `path` is a regular file that begins as an ELF file does."""
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def read_elf(path: Path) -> Elf | None:
    """Return the headers of `path`, or None when it is no ELF file, or a damaged one."""
    if not is_elf(path):
        return None
    from elftools.common.exceptions import ELFError  # only now: most builds look into no file
    from elftools.elf.elffile import ELFFile

    try:
        with path.open("rb") as file:
            return _read(path, ELFFile(file))
    except (ELFError, ValueError, LookupError, AssertionError, OSError):  # OSError: an offset that no file can have
        return None


def elf_files(folder: Path) -> Iterator[Elf]:
    """Yield the ELF files below `folder`, links left out, in the order of their paths."""
    for parent, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            path = Path(parent, name)
            elf = None if path.is_symlink() else read_elf(path)
            if elf is not None:
                yield elf


def from_origin(text: str, path: Path) -> str:
    """Return what `text`, with `$ORIGIN` in it, is to the dynamic linker when the file at `path` says it."""
    origin = str(path.resolve().parent)
    return text.replace("${ORIGIN}", origin).replace("$ORIGIN", origin)


def _read(path: Path, file: Any) -> Elf:
    from elftools.elf.dynamic import DynamicSegment

    segment = next((found for found in file.iter_segments() if isinstance(found, DynamicSegment)), None)
    tags: list[Any] = list(segment.iter_tags()) if segment else []
    runpath = [tag.runpath for tag in tags if tag.entry.d_tag == "DT_RUNPATH"]
    rpath = [tag.rpath for tag in tags if tag.entry.d_tag == "DT_RPATH"]
    return Elf(
        path=path,
        machine=(str(file["e_machine"]), int(file.elfclass), bool(file.little_endian)),
        needed=tuple(tag.needed for tag in tags if tag.entry.d_tag == "DT_NEEDED"),
        search=tuple(from_origin(entry, path) for text in runpath or rpath for entry in text.split(":") if entry),
        has_runpath=bool(runpath),
        is_dynamic=segment is not None and file["e_type"] in ("ET_EXEC", "ET_DYN"),
        has_symbols=file.get_section_by_name(".symtab") is not None,
        glibc=max(_glibc_versions(file), default=()),
    )


def _glibc_versions(file: Any) -> Iterator[tuple[int, ...]]:
    from elftools.elf.gnuversions import GNUVerNeedSection

    for section in file.iter_sections():
        if not isinstance(section, GNUVerNeedSection):
            continue
        for _, versions in section.iter_versions():
            for version in versions:
                family, _, number = version.name.partition("_")
                if family == "GLIBC" and number.replace(".", "").isdigit():  # not GLIBC_PRIVATE
                    yield tuple(int(part) for part in number.split("."))
