"""What does a line of a requirements.txt name: a package with its hash, a project's folder, or a commit?

The format is pip's "Requirements file format"; what uv, pip-compile, Poetry and PDM write is a part of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

_COMMENT = re.compile(r"(^|\s)#.*$", re.DOTALL)
_NAME = r"(?:-e\s+|--editable[\s=]+)?(?:[\w.-]+(?:\[[^\]]*\])?\s*@\s*)?"
_FOLDER = re.compile(rf"^\s*{_NAME}(?P<path>(?:file:|\.{{0,2}}/|\.{{1,2}}(?=\s|$)).*)", re.DOTALL)
_ARCHIVE = re.compile(r"\.(?:whl|tar\.gz|zip)$")
_MARKER = re.compile(r"\s;\s*(?P<marker>.*)$", re.DOTALL)
_OPTION = re.compile(r"\s--\w.*$", re.DOTALL)
_COMMIT = re.compile(rf"^\s*{_NAME}git\+[^\s#@]+(?:@[^\s#@]+)?@[0-9a-f]{{40,64}}(?:#\S*)?(?:\s*;.*)?\s*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderLine:
    """A requirement that is a project's folder."""

    path: str
    """As it is written, relative to wherever the file's reader says; of a URL what follows `file://`."""
    marker: str
    """`sys_platform == 'win32'`; empty without one."""


def logical_lines(text: str) -> list[tuple[int, str]]:
    """Return the requirements of a requirements.txt with continuation lines joined, each with its first line's number.

    Options of their own line (`-r`, `--index-url`) are left out: a file that is included is the installer's to check.
    """
    lines: list[tuple[int, str]] = []
    start, joined = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        start = start or number
        joined += re.sub(r"(^|\s)#.*$", "", line)
        if joined.endswith("\\"):
            joined = joined[:-1] + " "
            continue
        if joined.strip() and not re.match(r"\s*-[^e]", joined):
            lines.append((start, joined))
        start, joined = 0, ""
    return lines


def folder_in(line: str) -> FolderLine | None:
    """Return the folder that a requirement names, `./libs/a b` or `foo @ file:///srv/foo`; None: it names none.

    A path to a file, a wheel for one, is no folder; whether there is a project in it has to be looked at.
    """
    match = _FOLDER.match(_COMMENT.sub("", line))
    if match is None:
        return None
    rest = _OPTION.sub("", match["path"])
    found = _MARKER.search(rest)
    path = _MARKER.sub("", rest).strip().removesuffix("\\").strip()
    if path.startswith("file:"):
        path = unquote(path.removeprefix("file:").removeprefix("//").partition("#")[0])
    if _ARCHIVE.search(path):
        return None
    return FolderLine(path=path, marker=found["marker"].strip().removesuffix("\\").strip() if found else "")


def marker_of(line: str) -> str:
    """Return the marker of a requirement: `sys_platform == 'win32'`; empty without one."""
    bare = _OPTION.sub("", _COMMENT.sub("", line)).replace("\\", " ")
    found = _MARKER.search(bare) or re.search(r";\s*(?P<marker>.*)$", bare.partition("://")[0], re.DOTALL)
    return found["marker"].strip() if found else ""


def is_commit(line: str) -> bool:
    """Tell whether a requirement is a commit of a git repository by its whole hash, which pins what is in it."""
    return _COMMIT.match(line) is not None


def is_hashed(line: str) -> bool:
    """Tell whether a requirement has the hash of what may be installed for it."""
    return "--hash" in line
