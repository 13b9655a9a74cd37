"""Which Python is the release built for? The project's: that of its files, of its range, or that which was named."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from releaser.plan.facts import Interpreter

MINORS = ("3.15", "3.14", "3.13", "3.12", "3.11")
"""Versions that a release runs on, the newest first."""
_QUESTION = (
    "import json, os, platform, sys, sysconfig; print(json.dumps([sys.executable, "
    "platform.python_version(), sys.implementation.name, sysconfig.get_platform()]))"
)
_VERSION = re.compile(r"3\.\d+(\.\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The Python that was found, or what there is none of."""

    interpreter: Interpreter | None
    missing: str = ""
    """The version that is not on this machine; empty: it is, or none would do."""
    passed_over: str = ""
    """The version that the project's files name and no release runs on; another one was taken."""


def this_interpreter() -> Interpreter:
    """Return the Python that runs this process."""
    return _interpreter(
        Path(sys.executable), platform.python_version(), sys.implementation.name, sysconfig.get_platform()
    )


def interpreter_in(prefix: Path) -> Interpreter | None:
    """Return the Python in `prefix`, asked by running it; None when there is none that runs."""
    return _asked(prefix / "bin" / "python3")


def is_version(text: str) -> bool:
    """Tell whether a text names a version of Python, `3.13` or `3.13.2`, and no folder."""
    return _VERSION.fullmatch(text) is not None


def choose_interpreter(own: Interpreter, version: str, versions: str, *, is_told: bool) -> Chosen:
    """Return the Python of `version`, of that minor version if there is no other, within the range `versions`.

    Either may be empty. `own` is taken where it fits. `is_told`: the author of the release named it, and no other will
    do; otherwise a version that no release can run on is passed over.
    """
    minor = ".".join(version.split(".")[:2])
    if version and (minor not in MINORS or not _may_hold(versions, minor)):
        if is_told:
            return Chosen(interpreter=None, missing=version)
        return replace(choose_interpreter(own, "", versions, is_told=False), passed_over=version)
    wanted = [minor] if minor else [each for each in MINORS if _may_hold(versions, each)]
    if not wanted:
        return Chosen(interpreter=own)  # which is refused by the range
    if own.version in wanted and _fits(own, version, versions):
        return Chosen(interpreter=own)
    found = [each for name in wanted for each in _installed(name) if is_within(each, versions)]
    exact = [each for each in found if not version or each.full_version == version or each.version == version]
    if own.version in wanted and is_within(own, versions):
        found.insert(0, own)
    for each in (*exact, *found):
        return Chosen(interpreter=each)
    return Chosen(interpreter=None, missing=version or wanted[-1])  # the oldest: what its author surely had


def for_target(own: Interpreter, version: str, platform_tag: str) -> Interpreter:
    """Return the Python of `version` on this machine, else `own` in its place, for the platform of a wheel's tag."""
    found = own
    if version and version != own.version:
        missing = replace(own, version=version, full_version=version, compiles=False)
        found = next(_installed(version), missing)
    if platform_tag:
        machine = platform_tag.split("_", 3)[3]
        found = replace(found, platform=f"linux-{machine}", wheels_platform=platform_tag)
    return found


def _fits(interpreter: Interpreter, version: str, versions: str) -> bool:
    is_named = not version or version in (interpreter.version, interpreter.full_version)
    return is_named and is_within(interpreter, versions)


def is_within(interpreter: Interpreter, versions: str) -> bool:
    """Tell whether a Python is within a range such as `>=3.11`; whatever is no range is told elsewhere."""
    return _contains(versions, interpreter.full_version)


def _may_hold(versions: str, minor: str) -> bool:
    """Tell whether any patch of a minor version may be within a range: its first or one after all that were made."""
    return any(_contains(versions, f"{minor}.{patch}") for patch in range(40))


def _contains(versions: str, version: str) -> bool:
    try:
        return not versions or SpecifierSet(versions).contains(version, prereleases=True)
    except InvalidSpecifier:
        return True  # told elsewhere


def _installed(version: str) -> Iterator[Interpreter]:
    """Yield each Python of a minor version on this machine: on PATH, of pyenv, of uv; the newest first in each."""
    seen: set[Path] = set()
    tried: set[str] = set()
    for program in _programs(version):
        if (real := os.path.realpath(program)) in tried:
            continue
        tried.add(real)
        found = _asked(program)
        if found is not None and found.version == version and found.path not in seen:
            seen.add(found.path)
            yield found


def _programs(version: str) -> Iterator[Path]:
    for name in (f"python{version}", "python3"):
        # Not only the first: a shim of pyenv's is one, and runs nothing unless its version is chosen.
        programs = (Path(folder, name) for folder in os.get_exec_path())
        yield from (program for program in programs if program.is_file() and os.access(program, os.X_OK))
    home = Path.home()
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share")
    of_pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv") / "versions"
    of_uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv/python")
    for folder, pattern in ((of_pyenv, f"{version}.*"), (of_uv, f"cpython-{version}.*")):
        for prefix in sorted(folder.glob(pattern), key=_patch, reverse=True):
            yield prefix / "bin" / "python3"


def _patch(prefix: Path) -> tuple[int, ...]:
    """Return the numbers of a version in a folder's name, for `3.12.10` to come after `3.12.9`."""
    return tuple(map(int, re.findall(r"\d+", prefix.name)[:3]))


def _asked(program: Path) -> Interpreter | None:
    """Return the Python that a program is, asked by running it: a shim of pyenv's says which one it stands for."""
    try:
        answer = subprocess.run(
            [program, "-I", "-c", _QUESTION],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            stdin=subprocess.DEVNULL,
        )
        path, full_version, implementation, tag = json.loads(answer.stdout)
        return _interpreter(Path(path), full_version, implementation, tag)
    except (OSError, ValueError, TypeError, subprocess.SubprocessError):
        return None


def _interpreter(path: Path, full_version: str, implementation: str, tag: str) -> Interpreter:
    return Interpreter(
        path=path,
        version=".".join(full_version.split(".")[:2]),
        full_version=full_version,
        implementation=implementation,
        platform=tag,
    )
