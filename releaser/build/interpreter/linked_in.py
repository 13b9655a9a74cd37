"""Which libraries are part of a bundled interpreter's own files, where no list of shared libraries shows them?

Standalone builds link OpenSSL, SQLite and the rest into the program, and any build of CPython may have copies of expat
and libmpdec of its own. Only the interpreter can tell, so its copy in the release is asked: a module that can be
imported, and whose library is not among the shared ones, has it inside.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from releaser.build.stage.found import LinkedIn
from releaser.build.tools.commands import Program, ProgramFailed, Run
from releaser.errors import BuildError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """One module, what of it tells the version, and how the library is called when it is a shared one."""

    module: str
    attribute: str
    """Empty: it cannot tell."""
    shared: tuple[str, ...]
    """Beginnings of names."""
    name: str
    other: tuple[str, str] = ("", "")
    """A word in the answer, and the name of the library that is meant then."""


_QUESTIONS = (
    _Question(module="_bz2", attribute="", shared=("libbz2",), name="bzip2"),
    _Question(module="_ctypes", attribute="", shared=("libffi",), name="libffi"),
    _Question(module="_curses", attribute="ncurses_version", shared=("libncurses",), name="ncurses"),
    _Question(
        module="_dbm",
        attribute="library",
        shared=("libdb", "libgdbm", "libndbm"),
        name="berkeley-db",
        other=("gdbm", "gdbm"),
    ),
    _Question(module="_decimal", attribute="__libmpdec_version__", shared=("libmpdec",), name="mpdecimal"),
    _Question(module="_gdbm", attribute="_GDBM_VERSION", shared=("libgdbm",), name="gdbm"),
    _Question(module="_lzma", attribute="", shared=("liblzma",), name="xz"),
    _Question(module="_sqlite3", attribute="sqlite_version", shared=("libsqlite3",), name="sqlite"),
    _Question(
        module="_ssl",
        attribute="OPENSSL_VERSION",
        shared=("libssl", "libcrypto"),
        name="openssl",
        other=("LibreSSL", "libressl"),
    ),
    _Question(module="_tkinter", attribute="TK_VERSION", shared=("libtk",), name="tk"),
    _Question(module="_uuid", attribute="", shared=("libuuid",), name="libuuid"),
    _Question(module="pyexpat", attribute="EXPAT_VERSION", shared=("libexpat",), name="expat"),
    _Question(
        module="readline",
        attribute="_READLINE_LIBRARY_VERSION",
        shared=("libreadline", "libedit"),
        name="readline",
        other=("EditLine", "libedit"),
    ),
    _Question(
        module="zlib",
        attribute="ZLIB_RUNTIME_VERSION",
        shared=("libz.",),
        name="zlib",
        other=("zlib-ng", "zlib-ng"),  # which tells the version of zlib that it can stand for, not its own
    ),
)
_KNOWN = {
    "berkeley-db": ("AGPL-3.0-only OR Sleepycat", "oracle:berkeley_db"),
    "bzip2": ("bzip2-1.0.6", "bzip:bzip2"),
    "expat": ("MIT", "libexpat_project:libexpat"),
    "gdbm": ("GPL-3.0-or-later", "gnu:gdbm"),
    "libedit": ("BSD-3-Clause", ""),
    "libffi": ("MIT", "libffi_project:libffi"),
    "libressl": ("OpenSSL AND ISC", "openbsd:libressl"),
    "libuuid": ("BSD-3-Clause", ""),
    "mpdecimal": ("BSD-2-Clause", ""),
    "ncurses": ("X11-distribute-modifications-variant", "gnu:ncurses"),
    "openssl": ("Apache-2.0", "openssl:openssl"),
    "readline": ("GPL-3.0-or-later", "gnu:readline"),
    "sqlite": ("blessing", "sqlite:sqlite"),
    "tk": ("TCL", ""),
    "xz": ("0BSD", "tukaani:xz"),
    "zlib": ("Zlib", "zlib:zlib"),
    "zlib-ng": ("Zlib", ""),
}
"""Licence, and name in vulnerability databases, of each."""
_CODE = """
import importlib, json, sys
answers = {}
for module, attribute in json.loads(sys.argv[1]):
    try:
        found = importlib.import_module(module)
    except ImportError:
        continue
    value = getattr(found, attribute, "") if attribute else ""
    if isinstance(value, tuple):  # without a date, which ncurses has for its third part
        value = ".".join(str(part) for part in value if part < 10000)
    answers[module] = str(value)
print(json.dumps(answers))
"""
_VERSION = re.compile(r"\d+(\.\d+)+[a-z]?")


def linked_in(program: Path, shared: Iterable[str], run: Run) -> tuple[LinkedIn, ...]:
    """Return what the interpreter `program` has inside, by name; `shared` are the libraries that lie beside it.

    Raises:
        BuildError: it does not answer.
    """
    words = json.dumps([[question.module, question.attribute] for question in _QUESTIONS])
    try:
        lines = run(Program(argv=(str(program), "-I", "-S", "-B", "-c", _CODE, words), folder=Path("/")))
        answers: dict[str, str] = json.loads(lines[-1])
    except (ProgramFailed, ValueError, LookupError) as error:
        lines = error.lines if isinstance(error, ProgramFailed) else ()
        raise BuildError(
            f"cannot ask {program.name} for the libraries that are part of it", output=lines[-5:]
        ) from error
    return from_answers(answers, tuple(shared))


def from_answers(answers: Mapping[str, str], shared: tuple[str, ...]) -> tuple[LinkedIn, ...]:
    """Return the libraries that `answers`, by module what it says of its version, tell of, but those of `shared`."""
    found: dict[str, LinkedIn] = {}
    for question in _QUESTIONS:
        answer = answers.get(question.module)
        if answer is None or any(name.startswith(question.shared) for name in shared):
            continue
        word, other = question.other
        name = other if word and word in answer else question.name
        version = _VERSION.search(answer) if name != "zlib-ng" else None
        licence, vendor = _KNOWN[name]
        if name == "openssl" and version and version[0].startswith("1."):
            licence = "OpenSSL"
        found[name] = LinkedIn(name=name, version=version[0] if version else "", licence=licence, vendor=vendor)
    return tuple(found[name] for name in sorted(found))


def is_copyleft(library: LinkedIn) -> bool:
    """Tell whether its licence would hold for the whole release that is handed on."""
    return "GPL" in library.licence
