"""Byte code depends on the sources and the interpreter, not on how many processes have made it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from releaser.build.dependencies import compile_files

MODULES = ("argparse.py", "ast.py", "csv.py", "json/decoder.py", "json/__init__.py", "enum.py")


def compiled(folder: Path, **changes: Any) -> subprocess.CompletedProcess[str]:
    request = {"folder": str(folder), "prefix": "p", "files": None, "levels": [0], "beside": False, "processes": 1}
    argv = [sys.executable, "-I", "-S", compile_files.__file__, json.dumps(request | changes)]
    return subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120)


def byte_code(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.pyc")}


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    for name in MODULES:
        to = tmp_path / "one" / name
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes((Path(os.__file__).parent / name).read_bytes())
    return tmp_path / "one"


def test_the_bytes_are_the_same_from_any_number_of_processes(sources: Path) -> None:
    found: list[dict[str, bytes]] = []
    (sources / "broken.py").write_text("def broken(:\n")
    for count in (1, 2, 5, 50):
        assert compiled(sources, processes=count).returncode == compile_files.FAILED
        found.append(byte_code(sources))
    assert len(found[0]) == len(MODULES)
    assert all(each == found[0] for each in found)


def test_the_path_that_is_recorded_has_the_prefix(sources: Path) -> None:
    assert compiled(sources).returncode == 0
    code = byte_code(sources)[f"json/__pycache__/decoder.{sys.implementation.cache_tag}.pyc"]
    assert b"p/json/decoder.py" in code
    assert os.fsencode(sources) not in code


def test_levels_and_places_are_those_that_the_import_system_knows(sources: Path, tmp_path: Path) -> None:
    names = tmp_path / "names"
    names.write_text("csv.py\0json/decoder.py\0")
    assert compiled(sources, levels=[0, 2], files=str(names)).returncode == 0
    tag = sys.implementation.cache_tag
    folders = {"csv": "__pycache__", "decoder": "json/__pycache__"}
    wanted = {f"{folder}/{name}.{tag}{end}.pyc" for name, folder in folders.items() for end in ("", ".opt-2")}
    assert set(byte_code(sources)) == wanted
    assert compiled(sources, beside=True, files=str(names)).returncode == 0
    assert set(byte_code(sources)) == wanted | {"csv.pyc", "json/decoder.pyc"}


def test_what_does_not_compile_is_named_with_the_reason_and_the_rest_is_compiled(sources: Path) -> None:
    (sources / "json/broken.py").write_text("def broken(:\n")
    (sources / "zero.py").write_bytes(b"x = '\0'\n")
    (sources / "latin.py").write_bytes(b"x = '\xe4'\n")
    done = compiled(sources, processes=2)
    assert done.returncode == compile_files.FAILED
    lines = done.stdout.splitlines()
    named = {line.removeprefix(compile_files.MARK) for line in lines if line.startswith(compile_files.MARK)}
    assert named == {"json/broken.py", "zero.py", "latin.py"}
    assert any('File "p/json/broken.py", line 1' in line for line in lines)
    assert len(byte_code(sources)) == len(MODULES)


def test_an_empty_folder_is_nothing_to_do(tmp_path: Path) -> None:
    assert compiled(tmp_path, processes=4).returncode == 0
