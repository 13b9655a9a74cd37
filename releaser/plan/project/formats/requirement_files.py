"""Which requirements file does a project mean, and what does it hold, with the files that it includes?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from releaser.plan.project.reading import Unreadable, content_of
from releaser.plan.project.requirement_lines import folder_in, is_commit, is_hashed, logical_lines

MAIN = "requirements.txt"
_OF_PRODUCTION = ("production", "prod", "deploy", "server")
_OF_ALL = ("base", "main", "common", "app", "requirements")
NAMES = (
    MAIN,
    *(f"requirements/{word}.txt" for word in _OF_PRODUCTION),
    *(f"requirements{sign}{word}.txt" for word in _OF_PRODUCTION for sign in "-_."),
    *(f"requirements/{word}.txt" for word in _OF_ALL),
    "requirements.in",
)
"""In order of preference: what `pip install -r` is given where nobody says, then what is named for production."""
_LIMIT = re.compile(r"^\s*(?:-c|--constraint)[\s=]*(\S+)", re.MULTILINE)
_ADDRESS = re.compile(r"^\s*(?:-i|--index-url|--extra-index-url)[\s=]+(\S+)", re.MULTILINE)
_INCLUDE = re.compile(r"^\s*(?:-r|--requirement)[\s=]*(\S+)", re.MULTILINE)
_PINNED = re.compile(r"^\s*[A-Za-z0-9][\w.-]*(?:\[[^\]]*\])?\s*===?\s*[^\s*;,]+\s*(?:[;\s]|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One requirement of a file, or of one that it includes."""

    path: Path
    number: int
    """Of its first line, from 1."""
    text: str

    @property
    def has_hash(self) -> bool:
        """Whether nothing else can be installed for it: by a hash, a commit, or because it is built here."""
        return is_hashed(self.text) or is_commit(self.text) or folder_in(self.text) is not None

    @property
    def is_pinned(self) -> bool:
        """Whether it names one version."""
        return self.has_hash or _PINNED.match(self.text) is not None


def main_file(folder: Path) -> Path | None:
    """Return the requirements file that stands for the project in `folder`; None: it has none."""
    return next((folder / name for name in NAMES if (folder / name).is_file()), None)


def requirements_in(path: Path) -> Iterator[Requirement]:
    """Yield the requirements in the file at `path` and in those that it includes, each file once.

    Raises:
        Unreadable: the file itself cannot be read; one that it includes is the installer's to find.
    """
    for here, text in _read(path, _INCLUDE):
        for number, line in logical_lines(text):
            yield Requirement(path=here, number=number, text=line)


def files_of(path: Path) -> list[Path]:
    """Return the file at `path` with those that it includes, and those that limit versions: `-c limits.txt`.

    Raises:
        Unreadable: as `requirements_in`.
    """
    return [here for here, _ in _read(path, _INCLUDE, _LIMIT)]


def addresses_in(text: str) -> list[str]:
    """Return the addresses of the indexes that the lines of a requirements file name, as they are written."""
    return _ADDRESS.findall(text)


def names_other_files(text: str) -> bool:
    """Tell whether a requirements file of that text includes others."""
    return _INCLUDE.search(text) is not None


def _read(path: Path, *names: re.Pattern[str]) -> Iterator[tuple[Path, str]]:
    """Yield the file and, once each, those that it names in these ways, with their texts."""
    seen = {path.resolve()}
    waiting = [path]
    while waiting:
        here = waiting.pop(0)
        try:
            text = content_of(here).decode("utf-8", "replace")
        except Unreadable:
            if here == path:
                raise
            continue
        yield here, text
        for name in (name for pattern in names for name in pattern.findall(text)):
            named = here.parent / name
            if named.resolve() not in seen:
                seen.add(named.resolve())
                waiting.append(named)
