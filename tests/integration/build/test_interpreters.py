"""Interpreters of other makers are bundled: Debian's, and such as are laid out like the standalone builds of uv."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.readelf import search_paths
from support.roots import entering, put_glibc
from uv import find_uv_bin

from releaser.build.interpreter.copying import BundledInterpreter, _patchelf, bundle_interpreter

VERSION = f"python3.{sys.version_info.minor}"
MAIN = "int Py_BytesMain(int, char **); int main(int n, char **words) { return Py_BytesMain(n, words); }\n"
IMPORT_ALL = """
import ctypes, importlib, os, sqlite3, ssl, subprocess, sys
dynload = next(path for path in sys.path if path.endswith("lib-dynload"))
for name in sorted(os.listdir(dynload)):
    importlib.import_module(name.partition(".")[0])
assert sqlite3.connect(":memory:").execute("select 6 * 7").fetchone() == (42,)
child = subprocess.run([sys.executable, "-I", "-S", "-c", "import ssl; print('child')"], capture_output=True, text=True)
assert child.stdout == "child\\n", child.stderr
print(sys.prefix, len(os.listdir(dynload)))
"""


@dataclass(frozen=True)
class Bundled:
    """A bundled interpreter, and what was told of it."""

    folder: Path
    result: BundledInterpreter
    notes: tuple[str, ...]


def bundle(prefix: Path, folder: Path) -> Bundled:
    (folder / "none").mkdir()
    notes: list[str] = []
    result = bundle_interpreter(prefix, folder / "release", folder / "none", notes.append)
    return Bundled(folder / "release" / result.folder_name, result, tuple(notes))


def make_standalone(prefix: Path) -> None:
    """Make an interpreter as python-build-standalone lays it out: libpython is part of the program, nothing is named
    by the folder that it was built in, and the mark of an installer's own Python is there.

    Made of this Python's parts; unlike there, extension modules are files, not part of the program.
    """
    archive = Path(sysconfig.get_config_var("LIBPL"), f"lib{VERSION}.a")
    if not archive.is_file() or shutil.which("gcc") is None:
        pytest.skip("this Python comes without its static library, or there is no C compiler")
    (prefix / "bin").mkdir(parents=True)
    (prefix / "main.c").write_text(MAIN)
    libraries = f"{sysconfig.get_config_var('LIBS')} {sysconfig.get_config_var('SYSLIBS')} -lm".split()
    whole = ["-Wl,--export-dynamic", "-Wl,--whole-archive", str(archive), "-Wl,--no-whole-archive"]
    subprocess.run(["gcc", "-no-pie", "-o", f"bin/{VERSION}", "main.c", *whole, *libraries], cwd=prefix, check=True)
    (prefix / "bin/python3").symlink_to(VERSION)
    library = prefix / "lib" / VERSION
    ignored = shutil.ignore_patterns("test", "tests", "site-packages", "__pycache__", "config-*", "idlelib")
    shutil.copytree(Path(os.__file__).parent, library, ignore=ignored)
    for path in library.glob("_sysconfigdata*.py"):
        path.write_text(path.read_text().replace(sys.base_prefix, "/install"))
    (library / "EXTERNALLY-MANAGED").write_text("[externally-managed]\n")
    (prefix / "share/terminfo/x").mkdir(parents=True)
    (prefix / "share/terminfo/x/xterm").write_bytes(b"\x1a\x01")


@pytest.fixture(scope="module")
def standalone(tmp_path_factory: pytest.TempPathFactory) -> Bundled:
    """Such an interpreter, bundled by way of a virtual environment that was made of it, and gone since."""
    folder = tmp_path_factory.mktemp("standalone")
    make_standalone(folder / "python")
    venv = [find_uv_bin(), "venv", "--quiet", "--python", str(folder / "python/bin/python3"), str(folder / "venv")]
    subprocess.run(venv, check=True)
    bundled = bundle(folder / "venv", folder)
    (folder / "python").rename(folder / "gone")
    return bundled


def make_with_its_library_beside_it(prefix: Path) -> None:
    """Make an interpreter as older standalone builds are: the program asks for libpython by where it lies."""
    name = str(sysconfig.get_config_var("INSTSONAME"))
    library = Path(sysconfig.get_config_var("LIBDIR"), name)
    if not library.is_file() or library.suffix == ".a":
        pytest.skip("this Python has its library inside")
    (prefix / "bin").mkdir(parents=True)
    (prefix / "lib").mkdir()
    (prefix / "lib" / VERSION).symlink_to(Path(os.__file__).parent)
    shutil.copy(library, prefix / "lib")
    shutil.copy(Path(sys.executable).resolve(), prefix / "bin" / VERSION)
    (prefix / "bin/python3").symlink_to(VERSION)
    rewrite = [_patchelf(), "--remove-rpath", "--replace-needed", name, f"$ORIGIN/../lib/{name}"]
    subprocess.run([*rewrite, str(prefix / "bin" / VERSION)], check=True)


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Bundled:
    """Such an interpreter, bundled, and gone since."""
    folder = tmp_path_factory.mktemp("beside")
    make_with_its_library_beside_it(folder / "python")
    bundled = bundle(folder / "python", folder)
    (folder / "python").rename(folder / "gone")
    return bundled


@pytest.fixture(scope="module")
def debians(tmp_path_factory: pytest.TempPathFactory) -> Bundled:
    """Debian's own, whose libpython is part of the program and whose prefix is /usr."""
    python = Path("/usr/bin/python3")
    asked = [str(python), "-c", "import sys; print((3, 11) <= sys.version_info[:2] <= (3, 13))"]
    if not Path("/etc/debian_version").exists() or not python.exists():
        pytest.skip("this is no Debian with a Python")
    if subprocess.run(asked, capture_output=True, text=True, check=True).stdout != "True\n":
        pytest.skip("Debian's Python is not one that a release runs on")
    return bundle(Path("/usr"), tmp_path_factory.mktemp("debians"))


@pytest.fixture(params=["standalone", "beside", "debians"])
def bundled(request: pytest.FixtureRequest) -> Bundled:
    found: Bundled = request.getfixturevalue(request.param)
    return found


def test_it_runs_all_of_its_modules_where_nothing_but_a_c_library_is(bundled: Bundled, tmp_path: Path) -> None:
    root = tmp_path / "root"
    shutil.copytree(bundled.folder, root / "a place" / bundled.folder.name, symlinks=True)
    put_glibc(root)
    program = f"/a place/{bundled.folder.name}/bin/python3"
    words = [*entering(root), program, "-I", "-S", "-c", IMPORT_ALL]
    done = subprocess.run(words, env={}, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    prefix, count = done.stdout.strip().rsplit(" ", 1)
    assert prefix == f"/a place/{bundled.folder.name}"
    assert int(count) > 10


def test_every_program_file_has_an_rpath_to_the_bundles_libraries_and_no_runpath(bundled: Bundled) -> None:
    found = search_paths(bundled.folder)
    assert len(found) > len(bundled.result.libraries) + 10
    for name, paths in found.items():
        up = os.path.relpath("lib", Path(name).parent)
        assert paths == [("RPATH", f"$ORIGIN/{up}".removesuffix("/."))], name


def test_its_licence_and_those_of_its_libraries_come_along(bundled: Bundled) -> None:
    (licence,) = (bundled.folder / "lib").glob("python3.*/LICENSE.txt")
    assert "PYTHON SOFTWARE FOUNDATION LICENSE" in licence.read_text()
    for library in bundled.result.described:
        assert library.licence, library.name
        if library.package:
            assert (bundled.folder / "licenses" / f"{library.package}.txt").is_file(), library.name


def test_what_is_the_machines_own_stays_there(bundled: Bundled) -> None:
    (library,) = (bundled.folder / "lib").glob("python3.*")
    names = {path.name for path in library.iterdir()}
    assert not {"EXTERNALLY-MANAGED", "sitecustomize.py", "dist-packages", "site-packages", "test"} & names
    assert {path.name for path in bundled.folder.iterdir()} == {"bin", "lib", "licenses"}


def test_debians_berkeley_db_is_left_out_for_its_licence(debians: Bundled) -> None:
    assert any(note.startswith("left out: _dbm, because libdb") for note in debians.notes)
