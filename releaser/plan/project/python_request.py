"""Which Python does a project name, besides the range of `requires-python`? Files of pyenv, asdf, mise and others."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from releaser.plan.facts import PythonRequest
from releaser.plan.project.formats.pipfile import python_of, read_pipfile
from releaser.plan.project.formats.tables import table_in
from releaser.plan.project.reading import Unreadable, text_of, toml_in

_VERSION = re.compile(r"^(?:cpython|python)?[-@]?v?(3\.\d+(?:\.\d+)?)$", re.IGNORECASE)


def python_request(folder: Path) -> PythonRequest | None:
    """Return the first Python that a file in `folder` names; None: none does, or not in numbers (`pypy`, `system`)."""
    for name, read in _FILES:
        version = read(folder / name)
        if version:
            return PythonRequest(version=version, source=name)
    return None


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


def _version(text: str) -> str:
    match = _VERSION.match(text.strip())
    return match[1] if match else ""


def _text(path: Path) -> str:
    try:
        return text_of(path)
    except Unreadable:
        return ""
