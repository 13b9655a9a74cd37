"""How are uv and pip asked to build a wheel and to fill a folder? Pure: argument lists, nothing is run here.

The caller's own configuration of the installers holds: indexes, credentials, proxies, caches. uv is asked from within
the project's folder, so that its `[tool.uv]` is read as well.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import uv

from releaser.build.commands import Program


@dataclass(frozen=True, slots=True, kw_only=True)
class Installer:
    """The installer that is used, and the Python that it installs for."""

    kind: Literal["uv", "pip"]
    program: tuple[str, ...]
    """First words of each command."""
    python: Path
    is_own_python: bool
    """Whether `python` is the one that runs the build."""
    options: tuple[str, ...] = ()
    """Added to every call that may look for packages."""


def choose_installer(python: Path, find_uv: Callable[[], str] = uv.find_uv_bin) -> Installer:
    """Return uv from its wheel, or pip where that wheel has no binary for this machine."""
    own = python == Path(sys.executable)
    try:
        return Installer(kind="uv", program=(find_uv(),), python=python, is_own_python=own)
    except FileNotFoundError:
        return Installer(kind="pip", program=(sys.executable, "-m", "pip"), python=python, is_own_python=own)


def build_wheel(installer: Installer, project: Path, into: Path) -> Program:
    """Return the command that builds `project` into a wheel in the folder `into`."""
    match installer.kind:
        case "uv":
            words = ("build", "--wheel", "--no-create-gitignore", "--python", str(installer.python), "-o", str(into))
            return _program(installer, project, (*words, "."))
        case "pip":
            return _pip(installer, project, ("wheel", "--no-deps", "-w", str(into), "."))


def install_locked(installer: Installer, project: Path, lock: Path, into: Path, is_hashed: bool = True) -> Program:
    """Return the command that installs exactly what `lock` pins into the folder `into`.

    `is_hashed`: each package must have a hash. Hashes that are there are checked in any case.
    """
    what = ("--no-deps", *(("--require-hashes",) if is_hashed else ()), "-r", str(lock))
    match installer.kind:
        case "uv":
            # uv takes the hashes of a pylock.toml as they are, and has no word for requiring them.
            return _uv_install(installer, project, into, what if lock.suffix != ".toml" else ("-r", str(lock)))
        case "pip":
            return _pip_install(installer, project, into, what)


def install_wheels(installer: Installer, project: Path, wheels: tuple[Path, ...], into: Path) -> Program:
    """Return the command that installs `wheels`, without what they depend on, into the folder `into`."""
    what = ("--no-deps", *map(str, wheels))
    match installer.kind:
        case "uv":
            return _uv_install(installer, project, into, what)
        case "pip":
            return _pip_install(installer, project, into, what)


def resolve(installer: Installer, project: Path, wheel: Path, to: Path) -> Program:
    """Return the command that finds out what the project depends on at this moment, and writes it to the file `to`.

    uv writes pinned requirements; pip, which is asked about the project's `wheel`, the report of an installation.
    """
    match installer.kind:
        case "uv":
            words = ("pip", "compile", "--python", str(installer.python), "--quiet", "--no-header", "--no-annotate")
            return _program(installer, project, (*words, "--generate-hashes", "-o", str(to), "pyproject.toml"))
        case "pip":
            words = ("install", "--dry-run", "--ignore-installed", "--quiet", "--report", str(to), str(wheel))
            return _pip(installer, project, words)


def export_lock(installer: Installer, project: Path, to: Path) -> Program:
    """Return the command that writes what uv.lock pins as a hashed requirements.txt, the project itself left out."""
    words = ("export", "--frozen", "--no-emit-project", "--no-dev", "--no-header", "--no-annotate", "--quiet")
    return _program(installer, project, (*words, "--format", "requirements-txt", "-o", str(to)))


def _uv_install(installer: Installer, project: Path, into: Path, what: tuple[str, ...]) -> Program:
    words = ("pip", "install", "--python", str(installer.python), "--target", str(into), "--link-mode", "copy")
    return _program(installer, project, (*words, "--no-progress", *what))


def _pip_install(installer: Installer, project: Path, into: Path, what: tuple[str, ...]) -> Program:
    words = ("install", "--target", str(into), "--no-compile", "--no-warn-script-location", "--upgrade")
    return _pip(installer, project, (*words, *what))


def _pip(installer: Installer, project: Path, words: tuple[str, ...]) -> Program:
    options = ("--disable-pip-version-check", "--no-input")
    other = () if installer.is_own_python else ("--python", str(installer.python))
    return _program(installer, project, (*other, words[0], *options, *words[1:]))


def _program(installer: Installer, project: Path, words: tuple[str, ...]) -> Program:
    return Program(argv=(*installer.program, *words), folder=project)
