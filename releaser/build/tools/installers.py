"""How are uv and pip asked to build a wheel and to fill a folder? Pure: argument lists, nothing is run here.

The caller's own configuration of the installers holds: indexes, credentials, proxies, caches. uv is asked from within
the project's folder, so that its `[tool.uv]` is read as well.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import uv

from releaser.build.tools import along_the_way
from releaser.build.tools.commands import Program
from releaser.errors import BuildError
from releaser.plan.facts import Interpreter

_DESCRIBED = ("pyproject.toml", "setup.py", "setup.cfg")
"""Files that describe a project, its build backend asked where they do not say it all."""


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
    target: tuple[str, ...] = ()
    """Added where packages are chosen for another platform or Python."""


def choose_installer(
    python: Path,
    find_uv: Callable[[], str] = uv.find_uv_bin,
    find_links: tuple[Path, ...] = (),
    is_offline: bool = False,
) -> Installer:
    """Return uv from its wheel, or pip where that wheel has no binary for this machine."""
    own = python == Path(sys.executable)
    links = tuple(f"--find-links={folder}" for folder in find_links)
    try:
        options = (*links, *(("--offline",) if is_offline else ()))
        return Installer(kind="uv", program=(find_uv(),), python=python, is_own_python=own, options=options)
    except FileNotFoundError:
        options = (*links, *(("--no-index",) if is_offline else ()))
        program = (sys.executable, "-m", "pip")
        return Installer(kind="pip", program=program, python=python, is_own_python=own, options=options)


def for_target(installer: Installer, interpreter: Interpreter) -> Installer:
    """Return `installer` as it chooses wheels for `interpreter`, which may be of another machine.

    Raises:
        BuildError: only uv knows how.
    """
    if not interpreter.is_foreign:
        return installer
    if installer.kind != "uv":
        raise BuildError("only uv installs for another platform or Python, and it has no binary for this machine")
    target: tuple[str, ...] = ("--python-version", interpreter.version, "--only-binary", ":all:")
    if interpreter.wheels_platform:
        family, *version, machine = interpreter.wheels_platform.split("_", 3)
        libc = f"{family}_{'_'.join(version)}" if family == "manylinux" else "unknown-linux-musl"
        target = (*target, "--python-platform", f"{machine}-{libc}")
    return replace(installer, target=target)


def build_wheel(installer: Installer, project: Path, into: Path) -> Program:
    """Return the command that builds `project` into a wheel in the folder `into`."""
    match installer.kind:
        case "uv":
            words = ("build", "--wheel", "--no-create-gitignore", "--python", str(installer.python), "-o", str(into))
            program = _program(installer, project, (*words, *installer.options, "."))
        case "pip":
            program = _pip(installer, project, ("wheel", "--no-deps", "-w", str(into), "."))
    return replace(program, env=along_the_way.variables(into))


def install_locked(
    installer: Installer,
    project: Path,
    lock: Path,
    into: Path,
    is_hashed: bool = True,
    is_from_any: bool = False,
    index: str = "",
    addresses: tuple[str, ...] = (),
) -> Program:
    """Return the command that installs exactly what `lock` pins into the folder `into`.

    `is_hashed`: each package must have a hash. Hashes that are there are checked in any case. `is_from_any`: the lock
    is of a tool that chooses from all of the project's indexes; whatever is no commit has a hash there. `index`, as
    `NAME=URL`, is asked before all others, and for what it has it is the only one. The users and passwords in
    `addresses` of indexes hold for the files that a pylock.toml names there.
    """
    what = ("--no-deps", *(("--require-hashes",) if is_hashed else ()), "-r", str(lock))
    match installer.kind:
        case "uv":
            if is_from_any and not index:
                # By itself uv asks only the first index that has a name, for safety; here the hashes give that.
                what = ("--index-strategy", "unsafe-best-match", *what)
            # uv takes the hashes of a pylock.toml as they are, and has no word for requiring them.
            program = _uv_install(installer, project, into, what if lock.suffix != ".toml" else ("-r", str(lock)))
        case "pip":
            program = _pip_install(installer, project, into, what)
    if addresses and installer.kind == "uv":
        return replace(program, env=_joined(addresses))
    return replace(program, env=_index_variables(installer, index)) if index else program


def _joined(indexes: tuple[str, ...]) -> dict[str, str]:
    return {"UV_INDEX": " ".join(filter(None, (*indexes, os.environ.get("UV_INDEX", ""))))}


def _index_variables(installer: Installer, index: str) -> dict[str, str]:
    """Return the variables that name an index: its address may hold a password, which no command line is to show."""
    name, _, url = index.partition("=")
    if installer.kind == "pip":
        return {"PIP_INDEX_URL": url}
    found = _joined((index,))
    key = re.sub(r"[^A-Z0-9]", "_", name.upper())
    for word in ("USERNAME", "PASSWORD"):
        value = os.environ.get(f"POETRY_HTTP_BASIC_{key}_{word}")  # Poetry's own variables for the same
        if value:
            found.setdefault(f"UV_INDEX_{key}_{word}", os.environ.get(f"UV_INDEX_{key}_{word}", value))
    return found


def install_wheels(installer: Installer, project: Path, wheels: tuple[Path, ...], into: Path) -> Program:
    """Return the command that installs `wheels`, without what they depend on, into the folder `into`."""
    # As URLs with a name: in a path `#` begins a fragment, ` ;` a marker, and `${NAME}` is a variable.
    what = ("--no-deps", *(f"{wheel.name.partition('-')[0]} @ {wheel.as_uri()}" for wheel in wheels))
    match installer.kind:
        case "uv":
            return _uv_install(installer, project, into, what)
        case "pip":
            return _pip_install(installer, project, into, what)


def resolve(
    installer: Installer,
    project: Path,
    wheel: Path,
    to: Path,
    files: tuple[Path, ...],
    extras: tuple[str, ...] = (),
    groups: tuple[str, ...] = (),
    is_universal: bool = False,
) -> Program:
    """Return the command that finds out what `files` ask for at this moment, and writes it to the file `to`.

    uv writes pinned requirements, or a pylock.toml where `to` is one; pip, which is asked about the project's `wheel`
    instead of what describes it, the report of an installation. `is_universal`: for other platforms and later Pythons.
    """
    match installer.kind:
        case "uv":
            described = any(path.name in _DESCRIBED for path in files)
            words = ("pip", "compile", "--python", str(installer.python), "--quiet", "--no-header", "--no-annotate")
            chosen = (
                *installer.options,
                *(("--universal",) if is_universal else installer.target),
                *(_chosen(extras, "--extra") if described else ()),
                *(_chosen(groups, "--group") if project / "pyproject.toml" in files else ()),
                # What a requirements file says of indexes holds for the installation as well.
                *(("--emit-index-url", "--emit-find-links") if _has_options(files) and to.suffix == ".txt" else ()),
            )
            what = tuple(
                os.path.relpath(path, project) if path.is_relative_to(project) else str(path) for path in files
            )
            return _program(installer, project, (*words, "--generate-hashes", *chosen, "-o", str(to), *what))
        case "pip":
            pip = ("install", "--dry-run", "--ignore-installed", "--quiet", "--report", str(to))
            what = (*_chosen(groups, "--group"), f"{wheel}[{','.join(extras)}]" if extras else str(wheel))
            listed = tuple(word for path in files if path.name not in _DESCRIBED for word in ("-r", str(path)))
            return _pip(installer, project, (*pip, *installer.options, *what, *listed))


def hashes_of(
    installer: Installer, project: Path, asked: Path, to: Path, indexes: tuple[str, ...], default: str
) -> Program:
    """Return the command that writes to `to` the hashes that the first of `indexes` with each version in `asked` has.

    Below each package stands the index. Only uv is asked.
    """
    words = ("pip", "compile", "--python", str(installer.python), "--quiet", "--no-header", "--no-annotate")
    chosen = ("--no-deps", "--generate-hashes", "--emit-index-annotation", *installer.target, *installer.options)
    env = {"UV_INDEX": " ".join(indexes), **({"UV_DEFAULT_INDEX": default} if default else {})}
    return replace(_program(installer, project, (*words, *chosen, "-o", str(to), str(asked))), env=env)


def without_user(url: str) -> str:
    """Return an index's address without a user and a password, as uv notes it."""
    scheme, found, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{found}{host.rpartition('@')[2]}{slash}{path}"


def _has_options(files: tuple[Path, ...]) -> bool:
    return any(path.name not in _DESCRIBED for path in files)


def export_lock(
    installer: Installer, project: Path, to: Path, extras: tuple[str, ...], groups: tuple[str, ...]
) -> Program:
    """Return the command that writes what a uv.lock pins as a hashed requirements.txt.

    The project itself is left out; other projects of the same repository are named by their folders.
    """
    words = ("export", "--frozen", "--no-emit-project", "--no-default-groups", "--no-editable", "--no-header")
    chosen = (*_chosen(extras, "--extra"), *_chosen(groups, "--group"))
    more = ("--no-annotate", "--quiet", "--format", "requirements-txt", *chosen, "-o", str(to))
    return _program(installer, project, (*words, *more))


def _chosen(names: tuple[str, ...], option: str) -> tuple[str, ...]:
    return tuple(word for name in names for word in (option, name))


def _uv_install(installer: Installer, project: Path, into: Path, what: tuple[str, ...]) -> Program:
    words: tuple[str, ...] = ("pip", "install", "--python", str(installer.python), "--target", str(into))
    words = (*words, "--link-mode", "copy", *installer.target)
    return _program(installer, project, (*words, "--no-progress", *installer.options, *what))


def _pip_install(installer: Installer, project: Path, into: Path, what: tuple[str, ...]) -> Program:
    words = ("install", "--target", str(into), "--no-compile", "--no-warn-script-location", "--upgrade")
    return _pip(installer, project, (*words, *installer.options, *what))


def _pip(installer: Installer, project: Path, words: tuple[str, ...]) -> Program:
    options = ("--disable-pip-version-check", "--no-input")
    other = () if installer.is_own_python else ("--python", str(installer.python))
    return _program(installer, project, (*other, words[0], *options, *words[1:]))


def _program(installer: Installer, project: Path, words: tuple[str, ...]) -> Program:
    return Program(argv=(*installer.program, *words), folder=project)
