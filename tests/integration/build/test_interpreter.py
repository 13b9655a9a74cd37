"""A bundled interpreter runs where nothing but the release and a C library is."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from support.handmade import PYTHON_VERSION, write_release
from support.readelf import search_paths
from support.roots import entering, put_busybox, put_glibc
from support.running import write_launcher
from uv import find_uv_bin

from releaser.build.interpreter.choice import choose, finder_for
from releaser.build.interpreter.copying import BundledInterpreter, _patchelf, _strip, bundle_interpreter
from releaser.build.interpreter.installed import installed_python
from releaser.build.tools.commands import runner
from releaser.build.tools.elf import elf_files
from releaser.errors import BuildError, ProjectError
from releaser.runtime.release.checking.record import encode

GUESTBOOK = Path(__file__).parents[3] / "examples/guestbook"
PYTHON = Path(sys.executable).resolve()

# Every extension module, then what the guestbook imports of its wheels; a daemon thread that is still busy at the end
# makes the interpreter call pthread_exit(3), for which glibc loads libgcc_s by itself.
IMPORT_ALL = """
import ctypes, importlib, os, pathlib, sqlite3, ssl, subprocess, sys, threading, zoneinfo
sys.path[:0] = sys.argv[1:]
dynload = next(path for path in sys.path if path.endswith("lib-dynload"))
for name in sorted(os.listdir(dynload)):
    importlib.import_module(name.partition(".")[0])
import guestbook.server, markupsafe._speedups, psycopg, pymysql, sqlalchemy
assert psycopg.pq.__impl__ == "binary"
assert sqlite3.connect(":memory:").execute("select 6 * 7").fetchone() == (42,)
assert ssl.create_default_context() and ctypes.CDLL(None).getpid() == os.getpid()
with sqlalchemy.create_engine("sqlite://").connect() as connection:
    assert connection.scalar(sqlalchemy.text("select 6 * 7")) == 42
child = subprocess.run([sys.executable, "-I", "-S", "-c", "import ssl; print('child')"], capture_output=True, text=True)
assert child.stdout == "child\\n", child.stderr
def spin():
    while True:
        sum(range(100))
threading.Thread(target=spin, daemon=True).start()
print(sys.prefix)
"""


@dataclass(frozen=True)
class Bundled:
    """What the tests of this file look at; they change nothing of it."""

    root: Path
    site_packages: Path
    result: BundledInterpreter
    notes: tuple[str, ...]

    @property
    def folder(self) -> Path:
        return self.root / self.result.folder_name


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Bundled:
    """The interpreter of the tests, bundled for the guestbook."""
    folder = tmp_path_factory.mktemp("bundled")
    site_packages = folder / "site-packages"
    lock = GUESTBOOK / "requirements.txt"
    install = [find_uv_bin(), "pip", "install", "--quiet", "--python", sys.executable, "--target", str(site_packages)]
    subprocess.run([*install, "--require-hashes", "--requirements", str(lock)], check=True)
    notes: list[str] = []
    result = bundle_interpreter(None, folder / "release", site_packages, notes.append)
    return Bundled(folder / "release", site_packages, result, tuple(notes))


@pytest.fixture
def moved(bundled: Bundled, tmp_path: Path) -> Iterator[Path]:
    """A copy of the release in another folder, one with an awkward name; the first one is out of the way meanwhile."""
    root = tmp_path / "élsewhere with 'spaces' and $signs"
    shutil.copytree(bundled.root, root, symlinks=True)
    hidden = bundled.root.with_name("hidden")
    bundled.root.rename(hidden)
    yield root / bundled.result.folder_name
    hidden.rename(bundled.root)


def run(*command: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program in an environment that holds nothing but `env`."""
    return subprocess.run(
        [str(word) for word in command], env=env or {}, capture_output=True, encoding="utf-8", timeout=120, check=False
    )


def run_below(root: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program for which `root` is all that there is."""
    return run(*entering(root), *command)


def test_it_says_what_it_is(bundled: Bundled) -> None:
    version = ".".join(map(str, sys.version_info[:3]))
    digest = hashlib.sha256(encode(bundled.result.members).encode()).hexdigest()[:12]
    assert bundled.result.folder_name == f"python-{version}-{digest}"
    assert bundled.result.full_version == version
    assert {path.name for path in bundled.root.iterdir()} == {bundled.result.folder_name}
    on_disk = {path.name for path in (bundled.folder / "lib").iterdir() if path.is_file()}
    assert set(bundled.result.libraries) == on_disk
    assert any(note.startswith(f"Python {version} from ") for note in bundled.notes)


def test_it_runs_everything_from_another_folder(bundled: Bundled, moved: Path, tmp_path: Path) -> None:
    link = tmp_path / "link to python"
    link.symlink_to(moved / "bin/python")

    result = run(link, "-I", "-S", "-X", "utf8", "-c", IMPORT_ALL, bundled.site_packages, GUESTBOOK / "src")

    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{moved}\n"


def test_it_runs_everything_where_nothing_but_a_c_library_is(bundled: Bundled, tmp_path: Path) -> None:
    root = tmp_path / "root"
    inside = Path("opt/a release") / bundled.result.folder_name
    shutil.copytree(bundled.folder, root / inside, symlinks=True)
    shutil.copytree(bundled.site_packages, root / "site-packages")
    shutil.copytree(GUESTBOOK / "src", root / "src")
    put_glibc(root)

    program = f"/{inside}/bin/python3"
    result = run_below(root, program, "-I", "-S", "-X", "utf8", "-c", IMPORT_ALL, "/site-packages", "/src")

    assert result.returncode == 0, result.stderr
    assert result.stdout == f"/{inside}\n"


@pytest.fixture(scope="module")
def with_libc(bundled: Bundled, tmp_path_factory: pytest.TempPathFactory) -> Bundled:
    """The same with the C library of this machine in it."""
    folder = tmp_path_factory.mktemp("with libc")
    result = bundle_interpreter(None, folder, bundled.site_packages, lambda _: None, include_libc=True)
    return Bundled(folder, bundled.site_packages, result, ())


def test_with_its_own_c_library_it_runs_everything_where_there_is_none(with_libc: Bundled, tmp_path: Path) -> None:
    root = tmp_path / "root"
    put_busybox(root)
    inside = Path("opt/a release") / with_libc.result.folder_name
    shutil.copytree(with_libc.folder, root / inside, symlinks=True)
    shutil.copytree(with_libc.site_packages, root / "site-packages")
    shutil.copytree(GUESTBOOK / "src", root / "src")
    (root / "link to python").symlink_to(Path("/", inside, "bin/python"))

    words = ("-I", "-S", "-X", "utf8", "-c", IMPORT_ALL, "/site-packages", "/src")
    result = run_below(root, "/link to python", *words)

    assert result.returncode == 0, result.stderr
    assert result.stdout == f"/{inside}\n"


def test_a_whole_release_with_its_own_c_library_starts_where_there_is_none(with_libc: Bundled, tmp_path: Path) -> None:
    root = tmp_path / "root"
    put_busybox(root)
    release = write_release(
        root / "opt/app",
        modules={
            "app.py": "import subprocess, sys\ndef main():\n    "
            "print('served by', subprocess.check_output([sys.executable, '-c', 'import app; print(app.__name__)']))\n"
        },
    )
    shutil.copytree(with_libc.folder, release.root / with_libc.result.folder_name, symlinks=True)
    write_launcher(release.root, "app", python=f"{PYTHON_VERSION} {with_libc.result.folder_name} -")

    result = run_below(root, "/bin/sh", "/opt/app/bin/app", "foreground")

    assert result.returncode == 0, result.stderr
    assert "served by b'app\\n'" in result.stdout


def test_with_its_own_c_library_it_needs_none_of_the_host(with_libc: Bundled) -> None:
    assert with_libc.result.glibc_min == ""
    assert {"libc.so.6", "libm.so.6"} <= set(with_libc.result.libraries)
    assert all(library.licence for library in with_libc.result.described)


def test_the_callers_environment_cannot_put_another_library_in_its_place(bundled: Bundled, tmp_path: Path) -> None:
    for name in bundled.result.libraries:
        (tmp_path / name).write_text("this is no library")

    result = run(
        bundled.folder / "bin/python3",
        "-I",
        "-S",
        "-c",
        "import _ctypes, _sqlite3, _ssl, zlib",
        env={"LD_LIBRARY_PATH": str(tmp_path)},
    )

    assert result.returncode == 0, result.stderr


def test_every_program_file_looks_for_libraries_in_the_bundle_first(bundled: Bundled) -> None:
    elves = [elf for elf in elf_files(bundled.folder) if elf.is_dynamic]

    assert len(elves) > len(bundled.result.libraries)
    for elf in elves:
        assert not elf.has_runpath, elf.path
        assert [Path(folder).resolve() for folder in elf.search] == [bundled.folder / "lib"], elf.path
    said = search_paths(bundled.folder)
    assert len(said) == len(elves)
    assert {kind for paths in said.values() for kind, _ in paths} == {"RPATH"}


def test_it_brings_what_libraries_load_by_themselves(bundled: Bundled) -> None:
    assert "libgcc_s.so.1" in bundled.result.libraries
    assert not any(name.startswith(("libc.", "libm.", "ld-")) for name in bundled.result.libraries)


def test_every_library_is_described_with_its_licence(bundled: Bundled) -> None:
    described = {library.name: library for library in bundled.result.described}
    assert set(described) == set(bundled.result.libraries)
    for library in described.values():
        assert (bundled.folder / library.path).is_file()
        assert library.licence, library.name
        if library.package:
            assert library.version
            assert (bundled.folder / "licenses" / f"{library.package}.txt").is_file() or not Path(
                "/usr/share/doc", library.package, "copyright"
            ).is_file()
    if shutil.which("dpkg-query"):
        assert described["libgcc_s.so.1"].package == "libgcc-s1"


def test_no_file_needs_a_newer_c_library_than_it_says(bundled: Bundled) -> None:
    floor = tuple(map(int, bundled.result.glibc_min.split(".")))
    versions = [elf.glibc for folder in (bundled.folder, bundled.site_packages) for elf in elf_files(folder)]
    assert max(versions) == floor


def test_every_file_has_one_of_two_modes(bundled: Bundled) -> None:
    for path in bundled.folder.rglob("*"):
        if path.is_symlink():
            continue
        wanted = {0o755} if path.is_dir() else {0o755} if path.parent.name == "bin" else {0o644}
        assert stat.S_IMODE(path.stat().st_mode) in wanted, path


def test_its_byte_code_is_there_and_is_valid_whatever_its_source_is_dated(bundled: Bundled) -> None:
    sources = list((bundled.folder / "lib").rglob("*.py"))
    assert len(sources) > 300
    for source in sources:
        code = source.parent / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc"
        assert code.read_bytes()[4:8] == b"\x01\x00\x00\x00", source  # PEP 552: by hash, and not checked


def test_its_licence_comes_along_and_tests_and_installers_do_not(bundled: Bundled) -> None:
    library = next((bundled.folder / "lib").glob("python3.*/os.py")).parent
    assert (library / "LICENSE.txt").is_file()
    assert not {"test", "site-packages", "ensurepip", "idlelib"} & {path.name for path in library.iterdir()}


def test_its_text_does_not_say_where_it_was_copied_from(bundled: Bundled) -> None:
    if sys.base_prefix in ("/usr", "/usr/local"):
        pytest.skip("the folder of this Python is the usual one")
    for path in bundled.folder.rglob("_sysconfigdata*.py"):
        assert f"{sys.base_prefix}/" not in path.read_text()


def test_bundled_again_elsewhere_it_is_the_same_to_the_byte(
    bundled: Bundled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "77")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    before = os.umask(0o077)
    try:
        bundle_interpreter(None, tmp_path / "a deeper/other release", bundled.site_packages, lambda _: None)
    finally:
        os.umask(before)

    assert contents(tmp_path / "a deeper/other release") == contents(bundled.root)


def contents(folder: Path) -> dict[str, tuple[int, str]]:
    """Return mode and hash, or target, of everything below `folder`."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        if path.is_symlink():
            content = str(path.readlink())
        else:
            content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path.relative_to(folder))] = (status.st_mode, content)
    return found


@pytest.fixture(scope="module")
def without_binutils(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A virtual environment's Python, bundled on a machine without binutils, and what was said."""
    folder = tmp_path_factory.mktemp("venv")
    subprocess.run([find_uv_bin(), "venv", "--quiet", "--python", sys.executable, str(folder / "venv")], check=True)
    (folder / "none").mkdir()
    notes: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(folder / "none"))
        result = bundle_interpreter(folder / "venv", folder / "release", folder / "none", notes.append)
    return folder / "release" / result.folder_name, notes


def test_the_prefix_of_a_virtual_environment_is_that_of_its_python(without_binutils: tuple[Path, list[str]]) -> None:
    python, _ = without_binutils
    assert run(python / "bin/python3", "-I", "-S", "-c", "import ssl").returncode == 0


def test_debugging_information_goes_without_binutils_too(without_binutils: tuple[Path, list[str]]) -> None:
    python, notes = without_binutils
    (note,) = [note for note in notes if "binutils" in note]
    names = {name for elf in elf_files(python) for name in section_names(elf.path)}
    assert [name for name in names if name.startswith(".debug_")] == []
    if ".debug_info" in section_names(PYTHON):
        assert "MB of debug info left out, but symbols are left in: " in note
        assert ".symtab" in names


def section_names(path: Path) -> list[str]:
    with path.open("rb") as file:
        return [section.name for section in ELFFile(file).iter_sections()]


def test_a_folder_without_an_interpreter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        bundle_interpreter(tmp_path, tmp_path / "release", tmp_path, lambda _: None)

    assert caught.value.message == f"cannot bundle the Python in {tmp_path}: there is no interpreter"
    assert not (tmp_path / "release").exists()


@pytest.fixture
def pretender(tmp_path: Path) -> Path:
    """A prefix whose interpreter is a script; a test writes what it answers into `answer`."""
    (tmp_path / "prefix/bin").mkdir(parents=True)
    program = tmp_path / "prefix/bin/python3"
    program.write_text('#!/bin/sh\ncat "${0%/*}/answer"\n')
    program.chmod(0o755)
    return tmp_path / "prefix"


def answer(prefix: Path, **facts: object) -> None:
    """Let the pretender in `prefix` say that it is a Python such as the one of the tests, but for `facts`."""
    usual = {
        "implementation": "cpython",
        "full_version": "3.11.7",
        "version": [3, 11],
        "executable": str(PYTHON),
        "prefix": sys.base_prefix,
        "standard_library": str(Path(os.__file__).parent),
        "extensions": [],
    }
    (prefix / "bin/answer").write_text(json.dumps(usual | facts))


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ({"full_version": "3.10.13", "version": [3, 10]}, "cpython 3.10.13"),
        ({"full_version": "3.16.0", "version": [3, 16]}, "cpython 3.16.0"),
        ({"implementation": "pypy"}, "pypy 3.11.7"),
    ],
)
def test_a_python_that_a_release_cannot_run_on_is_refused(
    pretender: Path, tmp_path: Path, facts: dict[str, object], found: str
) -> None:
    answer(pretender, **facts)

    with pytest.raises(ProjectError) as caught:
        bundle_interpreter(pretender, tmp_path / "release", tmp_path, lambda _: None)

    assert caught.value.message == (
        f"cannot bundle the Python in {pretender}: it is {found}, and a release runs on cpython 3.11 to 3.15"
    )


def test_a_python_that_does_not_run_is_refused_with_what_it_said(pretender: Path, tmp_path: Path) -> None:
    (pretender / "bin/python3").write_text("#!/bin/sh\necho libpython3.11.so.1.0: cannot open >&2\nexit 127\n")

    with pytest.raises(ProjectError) as caught:
        bundle_interpreter(pretender, tmp_path / "release", tmp_path, lambda _: None)

    assert caught.value.message.endswith("bin/python3 does not run")
    assert caught.value.output == ("libpython3.11.so.1.0: cannot open",)


def test_an_interpreter_that_is_a_script_is_refused(pretender: Path, tmp_path: Path) -> None:
    answer(pretender, executable=str(pretender / "bin/python3"))
    with pytest.raises(BuildError, match="is not a program file"):
        bundle_interpreter(pretender, tmp_path / "release", tmp_path, lambda _: None)


def needing(source: Path, library: str, to: Path, *words: str) -> Path:
    """Copy a program file so that it needs one library more."""
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, to)
    subprocess.run([_patchelf(), "--add-needed", library, *words, str(to)], check=True)
    return to


def test_an_interpreter_whose_library_is_not_there_is_refused(pretender: Path, tmp_path: Path) -> None:
    program = needing(PYTHON, "libnowhere.so.1", tmp_path / "python3.11")
    answer(pretender, executable=str(program))

    with pytest.raises(BuildError) as caught:
        bundle_interpreter(pretender, tmp_path / "release", tmp_path / "none", lambda _: None)

    assert caught.value.message == (
        f"cannot bundle Python 3.11.7: libnowhere.so.1, which {program} needs, was not found on this machine"
    )


def test_what_wheels_need_of_the_machine_comes_along_or_is_told(bundled: Bundled, tmp_path: Path) -> None:
    module = next(bundled.site_packages.glob("markupsafe/*.so"))
    wheels = tmp_path / "site-packages"
    needing(module, "libstdc++.so.6", wheels / "a/plain.so", "--set-rpath", "$ORIGIN/nothing", "--force-rpath")
    needing(module, "libz.so.1", wheels / "b/hidden.so", "--set-rpath", "$ORIGIN/nothing")
    needing(module, "libnowhere.so.1", wheels / "c/lost.so")
    needing(module, "libmine.so.1", wheels / "d/preloads.so")
    shutil.copyfile(module, wheels / "d/libmine.so.1")
    notes: list[str] = []

    result = bundle_interpreter(None, tmp_path / "release", wheels, notes.append)

    assert "libstdc++.so.6" in result.libraries
    assert not {"libnowhere.so.1", "libmine.so.1"} & set(result.libraries)
    assert [note for note in notes if "which" in note] == [
        "libnowhere.so.1, which c/lost.so needs, is not on this machine; the host must have it",
        "libz.so.1, which b/hidden.so needs, may be taken from the host: the wheel was linked with a RUNPATH",
    ]


class Silent:
    """A report that nobody reads."""

    def step(self, text: str) -> None: ...
    def note(self, text: str) -> None: ...
    def command(self, text: str) -> None: ...
    def output(self, line: str) -> None: ...
    def give_way(self) -> None: ...


def test_for_older_hosts_what_each_of_them_has_is_left_to_them(tmp_path: Path) -> None:
    source = installed_python(None, runner(Silent()))
    finder = finder_for(source.executable, runner(Silent()))
    told: dict[str, list[str]] = {"": [], "2.2": []}

    chosen = {limit: choose(source, finder, tmp_path, notes.append, limit) for limit, notes in told.items()}

    assert "libgcc_s.so.1" in chosen[""].libraries
    assert set(chosen[""].libraries) - set(chosen["2.2"].libraries) <= {"libgcc_s.so.1", "libcrypt.so.1"}
    assert "libgcc_s.so.1" not in chosen["2.2"].libraries
    (of_gcc,) = [note for note in told["2.2"] if note.startswith("libgcc_s")]
    assert of_gcc.startswith("libgcc_s.so.1 is left to the host: this machine's needs glibc 2.")
    if "libcrypt.so.1" in chosen[""].libraries:
        assert any(note.startswith("left out: _crypt, because of libcrypt.so.1: this") for note in told["2.2"])
        assert not any(elf.path.name.startswith("_crypt.") for elf in chosen["2.2"].extensions)


def test_files_that_strip_does_not_know_are_left_as_they_are(tmp_path: Path) -> None:
    program = tmp_path / "strip"
    program.write_text("#!/bin/sh\necho 'strip: unknown section' >&2\nexit 1\n")
    program.chmod(0o755)
    notes: list[str] = []
    _strip(str(program), [str(PYTHON)], runner(Silent()), notes.append)
    assert notes == ["symbols for debuggers are left in: strip ended with exit code 1 (strip: unknown section)"]
