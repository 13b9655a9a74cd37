"""What readelf, a program that is not ours, says of program files."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from releaser.build.tools.elf import is_elf

_ENTRY = re.compile(r"\((RPATH|RUNPATH)\).*\[(.*)\]")


def search_paths(folder: Path) -> dict[str, list[tuple[str, str]]]:
    """Return, for each dynamic ELF file below `folder`, the kind and the text of its search paths."""
    readelf = shutil.which("readelf")
    if readelf is None:
        assert "CI" not in os.environ, "CI must have binutils"
        pytest.skip("no readelf here")
    found: dict[str, list[tuple[str, str]]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file() or not is_elf(path):
            continue
        words = [readelf, "--wide", "--dynamic", str(path)]
        text = subprocess.run(words, env={}, capture_output=True, text=True, check=True).stdout
        if "Dynamic section" in text:
            found[str(path.relative_to(folder))] = _ENTRY.findall(text)
    return found
