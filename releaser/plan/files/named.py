"""What lies at the paths that the configuration names: kind, mode, shebang, first comment, entries."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from releaser.plan.facts import PathFact
from releaser.plan.files.private import is_private

_HEAD_BYTES = 4096


def look_at(root: Path, names: Iterable[str]) -> Mapping[str, PathFact]:
    """Return a fact for each of `names`, relative to `root`, and for each entry of those that are folders."""
    found: dict[str, PathFact] = {}
    for name in names:
        found[name] = fact = _path_fact(root / name)
        for entry in fact.entries:
            found[f"{name.rstrip('/')}/{entry}"] = _path_fact(root / name / entry)
    return found


def shebang_of(first_line: str) -> tuple[str, ...]:
    """Return the words after `#!`, split as Linux does: the interpreter, and the rest as one argument (execve(2))."""
    if not first_line.startswith("#!"):
        return ()
    return tuple(first_line[2:].strip().split(maxsplit=1))


def summary_of(text: str) -> str:
    """Return the first line of the leading comment of a script, without its `#`; ``""`` when there is none."""
    for line in text.splitlines():
        if line.startswith("#!") or not line.strip():
            continue
        if not line.startswith("#"):
            return ""
        if words := line.lstrip("#").strip():
            return words
    return ""


def _path_fact(path: Path) -> PathFact:
    if path.is_dir():
        readable = os.access(path, os.R_OK | os.X_OK)
        private = tuple(sorted(entry.name for entry in path.iterdir() if is_private(entry))) if readable else ()
        entries = tuple(name for name in _entries(path) if name not in private) if readable else ()
        return PathFact(kind="folder", readable=readable, entries=entries, private=private)
    if not path.exists():
        return PathFact(kind="missing")
    if not path.is_file():
        return PathFact(kind="other")
    if not os.access(path, os.R_OK):
        return PathFact(kind="file", readable=False)
    try:
        return _file_fact(path)
    except OSError:  # what the kernel lets one open only: a link may lead there
        return PathFact(kind="file", readable=False)


def _file_fact(path: Path) -> PathFact:
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    first = head.split(b"\n", 1)[0].decode("utf-8", "replace")
    shebang = shebang_of(first)
    return PathFact(
        kind="file",
        executable=os.access(path, os.X_OK),
        shebang=shebang,
        shebang_program_found=_is_found(shebang),
        has_carriage_return=bool(shebang) and first.endswith("\r"),
        summary=summary_of(head.decode("utf-8", "replace")),
    )


def _entries(folder: Path) -> tuple[str, ...]:
    """Return the files of a folder in byte order; hidden files and editors' backups are nobody's hooks."""
    names = (entry.name for entry in folder.iterdir() if not entry.is_dir())
    return tuple(sorted((n for n in names if not n.startswith(".") and not n.endswith("~")), key=os.fsencode))


def _is_found(shebang: tuple[str, ...]) -> bool:
    if not shebang:
        return True
    if not os.access(shebang[0], os.X_OK):
        return False
    if Path(shebang[0]).name != "env" or len(shebang) == 1:
        return True
    words = shebang[1].split()
    program = next((word for word in words if not word.startswith("-") and "=" not in word), "")
    return not program or shutil.which(program) is not None
