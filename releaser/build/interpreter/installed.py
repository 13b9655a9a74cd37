"""Which Python is to be bundled? One is asked what it is and where its parts lie."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from releaser.build.tools.commands import Program, ProgramFailed, Run
from releaser.build.tools.elf import Elf, read_elf
from releaser.errors import BuildError, ProjectError

OLDEST, NEWEST = (3, 11), (3, 15)
_EXECUTABLES = ("python3", "python", *(f"python3.{minor}" for minor in range(NEWEST[1], OLDEST[1] - 1, -1)))
_QUESTION = """
import json, os, platform, sys
print(json.dumps({
    "implementation": sys.implementation.name,
    "full_version": platform.python_version(),
    "version": sys.version_info[:2],
    "executable": os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable),
    "prefix": sys.base_prefix,
    "standard_library": os.path.dirname(os.__file__),
    "extensions": [path for path in sys.path if path.endswith("lib-dynload")],
}))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledPython:
    """An installed Python, as it says itself."""

    executable: Elf
    prefix: Path
    standard_library: Path
    extensions: Path | None
    """None: they are all part of the interpreter."""
    version: str
    """`3.11`."""
    full_version: str

    @property
    def inside(self) -> Path:
        """Where the standard library lies below the prefix; the interpreter has `lib` or `lib64` compiled in."""
        if self.standard_library.is_relative_to(self.prefix):
            return self.standard_library.relative_to(self.prefix)
        return Path("lib", f"python{self.version}")


def installed_python(prefix: Path | None, run: Run) -> InstalledPython:
    """Return the Python in `prefix`, which may be its program, or the one that runs this process.

    Of a virtual environment it is the one that it was made of.

    Raises:
        ProjectError: there is none that a release can run on.
        BuildError: it is no ELF program.
    """
    if not sys.platform.startswith("linux"):
        raise ProjectError("cannot bundle a Python: that is done on Linux only, for Linux")
    asked = Path(sys.executable) if prefix is None else prefix if prefix.is_file() else _executable_in(prefix)
    shown = asked if prefix is None else prefix
    try:
        answer = run(Program(argv=(str(asked), "-I", "-S", "-c", _QUESTION), folder=Path("/")))
        facts = json.loads(answer[-1])
        version: tuple[int, int] = tuple(facts["version"])
    except (ProgramFailed, ValueError, LookupError, TypeError) as error:
        lines = error.lines if isinstance(error, ProgramFailed) else ()
        raise ProjectError(f"cannot bundle the Python in {shown}: {asked} does not run", output=lines[-5:]) from error
    if facts["implementation"] != "cpython" or not OLDEST <= version <= NEWEST:
        raise ProjectError(
            f"cannot bundle the Python in {shown}: it is {facts['implementation']} {facts['full_version']}, "
            f"and a release runs on cpython {_dotted(OLDEST)} to {_dotted(NEWEST)}"
        )
    executable = read_elf(Path(facts["executable"]))
    if executable is None:
        raise BuildError(f"cannot bundle the Python in {shown}: {facts['executable']} is not a program file (ELF)")
    return InstalledPython(
        executable=executable,
        prefix=Path(facts["prefix"]),
        standard_library=Path(facts["standard_library"]),
        extensions=next((path for path in map(Path, facts["extensions"]) if path.is_dir()), None),
        version=_dotted(version),
        full_version=facts["full_version"],
    )


def _executable_in(prefix: Path) -> Path:
    for name in _EXECUTABLES:
        path = prefix / "bin" / name
        if path.is_file() and os.access(path, os.X_OK):
            return path
    raise ProjectError(
        f"cannot bundle the Python in {prefix}: there is no interpreter",
        hint=f"name the folder that has bin/{_EXECUTABLES[0]} in it",
    )


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
