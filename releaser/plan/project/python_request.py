"""Which Python does a project name, besides the range of `requires-python`? Files of pyenv, asdf, mise and others."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from releaser.plan.facts import PythonRequest
from releaser.plan.project.formats.pipfile import python_of, read_pipfile
from releaser.plan.project.formats.tables import table_in
from releaser.plan.project.reading import Unreadable, text_of, toml_in

_VERSION = re.compile(r"^(?:cpython|python)?[-@]?v?(3\.\d+(?:\.\d+)?)$", re.IGNORECASE)


def python_request(folder: Path) -> PythonRequest | None:
    """Return the first Python that a file in `folder` names; None: none does, or not in numbers (`pypy`, `system`).

    A project in a repository of several has that of the nearest folder above, as pyenv, asdf, mise and uv have it.
    """
    for name, read in _FILES:
        version = read(folder / name)
        if version:
            return PythonRequest(version=version, source=name)
    for above in _folders_above(folder):
        for name, read in _INHERITED:
            version = read(above / name)
            if version:
                return PythonRequest(version=version, source=os.path.relpath(above / name, folder))
    return None


def _folders_above(folder: Path) -> tuple[Path, ...]:
    """Return the folders from the one above to the top of the repository, or of the workspace of uv."""
    if (folder / ".git").exists():
        return ()
    parents = tuple(folder.parents)
    tops = (at for at, parent in enumerate(parents) if any((parent / name).exists() for name in (".git", "uv.lock")))
    return parents[: next(tops, -1) + 1]


def _first_line(path: Path) -> str:
    """Return the version in `.python-version` or `runtime.txt`; of several the first."""
    lines = (line.partition("#")[0].strip() for line in _text(path).splitlines())
    return next((version for line in lines if (version := _version(line))), "")


def _tool_versions(path: Path) -> str:
    for line in _text(path).splitlines():
        words = line.partition("#")[0].split()
        if words[:1] == ["python"]:
            return next((version for word in words[1:] if (version := _version(word))), "")
    return ""


def _mise(path: Path) -> str:
    try:
        wanted = table_in(toml_in(_text(path)), "tools").get("python", "")
    except ValueError:
        return ""
    wanted = wanted[0] if isinstance(wanted, list) and wanted else wanted
    return _version(str(wanted.get("version", "") if isinstance(wanted, dict) else wanted))


def _pipfile(path: Path) -> str:
    return _version(python_of(read_pipfile(path.parent) or {}))


_FILES: tuple[tuple[str, Callable[[Path], str]], ...] = (
    (".python-version", _first_line),
    ("runtime.txt", _first_line),
    (".tool-versions", _tool_versions),
    ("mise.toml", _mise),
    (".mise.toml", _mise),
    ("Pipfile", _pipfile),
)
"""In order of preference, each with what reads it."""
_INHERITED = tuple((name, read) for name, read in _FILES if name not in ("runtime.txt", "Pipfile"))


def _version(text: str) -> str:
    match = _VERSION.match(text.strip())
    return match[1] if match else ""


def _text(path: Path) -> str:
    try:
        return text_of(path)
    except Unreadable:
        return ""
