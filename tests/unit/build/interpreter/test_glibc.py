"""The newest glibc that files ask for, compared with what the author allows."""

from __future__ import annotations

import sys
from pathlib import Path

from releaser.build.interpreter.glibc import floor
from releaser.build.tools.elf import elf_files, read_elf


def test_nothing_that_is_machine_code_needs_no_glibc(tmp_path: Path) -> None:
    (tmp_path / "text.so").write_text("no machine code")
    assert floor(elf_files(tmp_path)) == ""


def test_the_most_demanding_file_decides() -> None:
    python = read_elf(Path(sys.executable).resolve())
    assert python is not None
    assert floor([python]) == ".".join(map(str, python.glibc))
    assert floor([]) == ""
