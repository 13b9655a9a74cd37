"""Which extension modules and shared libraries does a release's own Python get, and what is told of the others?"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from releaser.build.interpreter.installed import InstalledPython
from releaser.build.interpreter.libraries import ALWAYS, Collected, Finder, collect, parse_ldconfig
from releaser.build.interpreter.standard_library import DISPENSABLE, copyleft_of, is_extension_kept
from releaser.build.tools.commands import Program, ProgramFailed, Run
from releaser.build.tools.elf import Elf, elf_files
from releaser.errors import BuildError

_OF_EVERY_HOST = ("libgcc_s.so.1", "libstdc++.so.6")
"""A host whose glibc is new enough for a wheel has these, and new enough: "manylinux" rests on it (PEP 600)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is copied, and what it is copied for."""

    extensions: tuple[Elf, ...]
    libraries: Mapping[str, Elf]
    """By name, in byte order."""
    of_python: tuple[str, ...]
    """Names of those that the interpreter and its modules need, whether or not they are copied."""
    wheels: tuple[Elf, ...]
    """The program files of the app's packages, which stay where they are."""

    @property
    def elves(self) -> tuple[Elf, ...]:
        """All of it."""
        return (*self.extensions, *self.libraries.values(), *self.wheels)


def finder_for(executable: Elf, run: Run) -> Finder:
    """Return what finds libraries on this machine as they would be found for the program `executable`."""
    path = f"{os.environ.get('PATH', os.defpath)}:/sbin:/usr/sbin"
    ldconfig = shutil.which("ldconfig", path=path)
    try:
        cache = run(Program(argv=(ldconfig, "-p"), folder=Path("/"), env={"LC_ALL": "C"})) if ldconfig else ()
    except ProgramFailed:  # musl's prints its usage
        cache = ()
    return Finder(
        machine=executable.machine,
        program_search=executable.search,
        library_path=tuple(entry for entry in os.environ.get("LD_LIBRARY_PATH", "").split(":") if entry),
        cached=parse_ldconfig("\n".join(cache)),
    )


def choose(
    source: InstalledPython, finder: Finder, site_packages: Path, report: Callable[[str], None], glibc_max: str
) -> Choice:
    """Return what goes into the release: what can be loaded there, and handed on; the rest is reported.

    With `glibc_max`, such as `2.28`, what only this machine's libraries need a newer glibc for is left to the host.

    Raises:
        BuildError: the interpreter cannot do without something that is not on this machine.
    """
    limit = tuple(map(int, glibc_max.split("."))) if glibc_max else ()
    extensions = _kept_extensions(source, finder, report, limit)
    own = collect((source.executable, *extensions), finder.find)
    if own.missing:
        raise BuildError(
            f"cannot bundle Python {source.full_version}: {own.missing[0].name}, "
            f"which {own.missing[0].wanted_by} needs, was not found on this machine"
        )
    wheels = tuple(elf_files(site_packages))
    of_wheels = _of_wheels(wheels, finder, site_packages)
    _tell_trouble(of_wheels, own, wheels, site_packages, report)
    always = {name: elf for name in ALWAYS if (elf := finder.find(name, source.executable)) is not None}
    libraries = {**of_wheels.found, **always, **own.found}
    for name in _OF_EVERY_HOST:
        if name in libraries and _exceeds(libraries[name], limit):
            report(f"{name} is left to the host: {_needs(libraries[name])}")
            del libraries[name]
    return Choice(
        extensions=extensions,
        libraries=dict(sorted(libraries.items())),
        of_python=tuple(own.found),
        wheels=wheels,
    )


def _kept_extensions(
    source: InstalledPython, finder: Finder, report: Callable[[str], None], limit: tuple[int, ...]
) -> tuple[Elf, ...]:
    kept: list[Elf] = []
    for elf in elf_files(source.extensions) if source.extensions else ():
        if not is_extension_kept(elf.path.name):
            continue
        module = elf.path.name.partition(".")[0]
        needs = collect([elf], finder.find)
        copyleft = copyleft_of((*elf.needed, *needs.found))
        too_new = [library for library in needs.found.values() if _exceeds(library, limit)]
        if needs.missing:
            report(f"left out: {module}, because {needs.missing[0].name} is not on this machine")
        elif copyleft:
            report(f"left out: {module}, because {copyleft[0]} is under {copyleft[1]}")
        elif too_new and module in DISPENSABLE:
            report(f"left out: {module}, because of {too_new[0].path.name}: {_needs(too_new[0])}")
        else:
            kept.append(elf)
    return tuple(kept)


def _exceeds(library: Elf, limit: tuple[int, ...]) -> bool:
    return bool(limit) and library.glibc > limit


def _needs(library: Elf) -> str:
    return f"this machine's needs glibc {'.'.join(map(str, library.glibc))}"


def _of_wheels(wheels: Iterable[Elf], finder: Finder, site_packages: Path) -> Collected:
    names = {elf.path.name for elf in wheels}
    inside = site_packages.resolve()

    def provided(name: str, found: Elf | None) -> bool:
        if found is None:  # wheels load some of their libraries by path, before the modules that need them by name
            return name in names
        return found.path.resolve().is_relative_to(inside)

    return collect(wheels, finder.find, provided)


def _tell_trouble(
    of_wheels: Collected,
    own: Collected,
    wheels: Iterable[Elf],
    site_packages: Path,
    report: Callable[[str], None],
) -> None:
    for missing in of_wheels.missing:
        wanted_by = missing.wanted_by
        shown = wanted_by.relative_to(site_packages) if wanted_by.is_relative_to(site_packages) else wanted_by
        report(f"{missing.name}, which {shown} needs, is not on this machine; the host must have it")
    for elf in wheels:
        unseen = [name for name in elf.needed if elf.has_runpath and name in {**of_wheels.found, **own.found}]
        if unseen:
            # Its DT_RUNPATH hides the interpreter's search path; the file is the wheel's, and stays as it is.
            shown = elf.path.relative_to(site_packages)
            report(f"{unseen[0]}, which {shown} needs, may be taken from the host: the wheel was linked with a RUNPATH")
