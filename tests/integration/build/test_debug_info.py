"""Files that gcc has made, without their debugging information: they load, and in a release they are imported."""

from __future__ import annotations

import base64
import ctypes
import hashlib
import marshal
import subprocess
import sys
import sysconfig
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from support.builds import releaser
from support.elves import compiled, sections_of, segments_of
from support.tiny_project import CONFIG, make_tiny_project

from releaser.build.interpreter.copying import _patchelf
from releaser.build.tools.debug_info import OtherLayout, remove_debug_info

SOURCE = """
static int hidden(int number) { return number * 7; }
int zeros[100000];
__thread int own = 3;
int answer(int number) { static int calls; return hidden(number) + zeros[++calls] + own - 3; }
"""
MODULE = """
#include <Python.h>
static PyObject *answer(PyObject *self, PyObject *number) { return PyLong_FromLong(7 * PyLong_AsLong(number)); }
static PyMethodDef methods[] = {{"answer", answer, METH_O, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_native", NULL, -1, methods};
PyMODINIT_FUNC PyInit__native(void) { return PyModule_Create(&module); }
"""
NATIVE = "lib/_native.so"
MODULE_TEXT = b"def broken(one, other):\n    return one + other.missing\n"


TAG = sys.implementation.cache_tag


def has_debug_info(content: bytes) -> bool:
    return any(name.startswith(".debug_") for name in sections_of(content))


def set_rpath(path: Path) -> None:
    folder = "$ORIGIN/" + "a/long/path/" * 20  # for which there is no room where the old one was
    subprocess.run([_patchelf(), "--force-rpath", "--set-rpath", folder, str(path)], check=True, capture_output=True)


@pytest.mark.parametrize(
    "words", [("-g3",), ("-gdwarf-4", "-gz"), ("-Wl,--emit-relocs",)], ids=["macros", "compressed", "with relocations"]
)
def test_a_library_is_loaded_as_before_and_names_of_functions_stay(tmp_path: Path, words: tuple[str, ...]) -> None:
    path = compiled(tmp_path, SOURCE, *words)
    before = path.read_bytes()
    assert has_debug_info(before)
    saved = remove_debug_info(path)
    after = path.read_bytes()
    assert len(before) - len(after) == saved > 500
    assert segments_of(after) == segments_of(before)
    assert not has_debug_info(after)
    symbols = ELFFile(BytesIO(after)).get_section_by_name(".symtab")
    (hidden,) = symbols.get_symbol_by_name("hidden")
    assert ELFFile(BytesIO(after)).get_section(hidden["st_shndx"]).name == ".text"
    assert ctypes.CDLL(str(path)).answer(6) == 42


def test_patchelf_can_rewrite_what_became_of_a_library(tmp_path: Path) -> None:
    path = compiled(tmp_path, SOURCE, "-Wl,--emit-relocs")
    assert remove_debug_info(path) > 500
    set_rpath(path)
    assert ctypes.CDLL(str(path)).answer(6) == 42


def test_a_library_that_patchelf_has_rewritten_is_not_touched(tmp_path: Path) -> None:
    path = compiled(tmp_path, SOURCE)
    set_rpath(path)
    before = path.read_bytes()
    with pytest.raises(OtherLayout):
        remove_debug_info(path)
    assert path.read_bytes() == before


def test_what_is_stripped_or_not_linked_yet_or_cut_off_is_not_touched(tmp_path: Path) -> None:
    whole = compiled(tmp_path, SOURCE).read_bytes()
    compiled(tmp_path, SOURCE, "-s", name="stripped.so")
    compiled(tmp_path, SOURCE, "-no-pie", "-r", name="relocatable.so")
    for number, share in enumerate((0.05, 0.3, 0.6, 0.9, 0.999)):
        (tmp_path / f"cut{number}.so").write_bytes(whole[: int(len(whole) * share)])
    paths = [path for path in tmp_path.glob("*.so") if path.name != "lib.so"]
    assert len(paths) == 7
    for path in paths:
        before = path.read_bytes()
        assert remove_debug_info(path) == 0, path.name
        assert path.read_bytes() == before, path.name


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An extension module with debugging information."""
    folder = tmp_path_factory.mktemp("native")
    return compiled(folder, MODULE, f"-I{sysconfig.get_path('include')}").read_bytes()


def project_with(native: bytes, folder: Path, settings: str) -> Path:
    """Return a project that has the extension module, and depends on a wheel that has it."""
    project = make_tiny_project(
        folder, config=CONFIG.replace("[environment.prod]\n", f"[environment.prod]\n{settings}\n")
    )
    files = {
        "lib/__init__.py": MODULE_TEXT,
        NATIVE: native,
        "lib-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: lib\nVersion: 1.0\n",
        "lib-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files["lib-1.0.dist-info/RECORD"] = "".join(f"{name},,\n" for name in files).encode()
    (project / "wheels").mkdir()
    wheel = project / "wheels/lib-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    lock = f"--no-index\n--find-links {project}/wheels\nlib==1.0 --hash=sha256:{digest}\n"
    (project / "requirements.txt").write_text(lock)
    (project / "src/tiny/_native.so").write_bytes(native)
    app = "import lib._native, tiny._native\ndef main():\n    print(lib._native.answer(6), tiny._native.answer(3))\n"
    (project / "src/tiny/app.py").write_text(app)
    return project


def bundled(project: Path, name: str) -> bytes:
    with zipfile.ZipFile(project / "_build/prod/rel/tiny/releases/1.0.0/tiny.pyz") as bundle:
        return bundle.read(f"site-packages/{name}")


def columns_of(project: Path, name: str) -> set[int | None]:
    """Return the columns that byte code of the bundle knows, of its functions."""
    code = marshal.loads(bundled(project, name)[16:])
    functions = [constant for constant in code.co_consts if hasattr(constant, "co_positions")]
    assert functions
    assert all(line for function in functions for line, _, _, _ in function.co_positions() if line is not None)
    return {column for function in functions for _, _, column, _ in function.co_positions()}


def test_a_dependency_runs_without_its_debugging_information(native: bytes, tmp_path: Path) -> None:
    project = project_with(native, tmp_path, "strip = { debug_info = true }")
    answer = releaser(project, "build")
    assert answer.returncode == 0, answer.stderr
    assert "locked dependency from requirements.txt, without debug info\n" in answer.stdout
    assert "debug info left out: " in answer.stdout
    smaller = bundled(project, NATIVE)
    assert has_debug_info(native)
    assert not has_debug_info(smaller)
    digest = base64.urlsafe_b64encode(hashlib.sha256(smaller).digest()).rstrip(b"=").decode()
    assert f"{NATIVE},sha256={digest},{len(smaller)}\n" in bundled(project, "lib-1.0.dist-info/RECORD").decode()
    assert bundled(project, "tiny/_native.so") == native, "the project's own are its own business"
    assert columns_of(project, f"lib/__pycache__/__init__.{TAG}.pyc") == {None}
    assert columns_of(project, f"tiny/__pycache__/app.{TAG}.pyc") > {4}
    done = subprocess.run(
        [sys.executable, project / "_build/prod/rel/tiny/releases/1.0.0/tiny.pyz"],
        env={"PATH": "/usr/bin:/bin", "SHIV_ROOT": str(tmp_path / "shiv")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "42 21\n", done.stderr

    app = project / "src/tiny/app.py"
    app.write_text(app.read_text() + "\n")
    (layer,) = (project / "_build/.cache/layers").glob(f"*/site-packages/{NATIVE}")
    made = layer.stat()
    again = releaser(project, "build")
    told = [line for line in answer.stdout.splitlines() if "left out: " in line]
    assert len(told) == 1
    assert [line for line in again.stdout.splitlines() if "left out: " in line] == told, (
        "kept packages are told as well"
    )
    assert layer.stat().st_ino == made.st_ino, "the layer was made anew"
    assert bundled(project, NATIVE) == smaller


@pytest.mark.parametrize("settings", ["", 'strip = { debug_info = true, keep = ["lib"] }'])
def test_what_is_not_to_lose_its_debugging_information_keeps_it(native: bytes, tmp_path: Path, settings: str) -> None:
    project = project_with(native, tmp_path, settings)
    answer = releaser(project, "build")
    assert answer.returncode == 0, answer.stderr
    assert bundled(project, NATIVE) == native
    assert columns_of(project, f"lib/__pycache__/__init__.{TAG}.pyc") > {4}
    assert ("no debug info of dependencies to leave out" in answer.stdout) == bool(settings)
