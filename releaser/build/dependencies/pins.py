"""What exactly is to be installed? A file of pinned requirements that an installer reads, and a key of its content."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import tomlkit
from packaging.utils import canonicalize_name

from releaser.build.tools.cache import key_of
from releaser.errors import ProjectError
from releaser.plan.project.reading import toml_in
from releaser.plan.project.requirement_lines import folder_in, is_commit, is_hashed, logical_lines
from releaser.plan.project.shapes import wrong_lock
from releaser.plan.project.target_markers import applies

_INCLUDES = re.compile(r"^\s*(?:-r|-c|--requirement|--constraint)[\s=]*(\S+)", re.MULTILINE)
_HASH = re.compile(r"--hash[= ](\S+)")
_USER = re.compile(r"://[^/\s@]*@")
"""Of a URL: a new password of an index makes no other pins, and nothing is to be named by one."""
_ANYTHING = re.compile(r"^\s*[^\s#]", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pins:
    """What a lock pins, for an installer."""

    path: Path
    """requirements.txt or pylock.toml."""
    key: str
    """Of its content, and that of the files it includes."""
    is_empty: bool
    is_hashed: bool
    """Whether the installer is to ask for a hash of each package. It checks those that are there in any case, so that
    false is as good where whatever has none is a commit of a repository."""
    others: tuple[tuple[str, Path], ...] = ()
    """`NAME=URL` of other indexes, and the requirements that only these have."""
    addresses: tuple[str, ...] = ()
    """Of indexes, with the users and passwords for what a pylock.toml names."""


def read_pins(path: Path, *, is_hashed: bool) -> Pins:
    """Return the pins in the file `path`."""
    texts = dict(_with_included(path))
    return Pins(
        path=path,
        key=key_of(path.suffix, [_USER.sub("://", text) for text in texts.values()]),
        is_empty=path.suffix != ".toml" and not any(map(_ANYTHING.search, texts.values())),
        is_hashed=is_hashed and (path.suffix == ".toml" or _can_ask_for_hashes(texts.values())),
    )


def pinned(report: str, without: str) -> str:
    """Return requirements with hashes for what pip would install by its `report`, the project `without` left out.

    The format is pip's "Installation report".
    """
    lines: list[str] = []
    for item in json.loads(report)["install"]:
        name = item["metadata"]["name"]
        hashes = item["download_info"].get("archive_info", {}).get("hashes", {})
        if canonicalize_name(name) != canonicalize_name(without):
            known = "".join(f" --hash={kind}:{value}" for kind, value in sorted(hashes.items()))
            lines.append(f"{name}=={item['metadata']['version']}{known}\n")
    return "".join(sorted(lines))


def recorded(requirements: str) -> str:
    """Return what was resolved, for whoever looks at a release later: without the addresses of indexes, and users."""
    lines = [line for line in requirements.splitlines() if not line.startswith(("--", "-e", "file:"))]
    return "".join(f"{_USER.sub('://', line)}\n" for line in lines)


def hashes_in(line: str) -> frozenset[str]:
    """Return the hashes in a line of a requirements file: `sha256:...`."""
    return frozenset(_HASH.findall(line))


def split_by_index(requirements: str, indexes: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Return the requirements that may come from anywhere, and those of each index in `indexes`, which is by hash."""
    if not indexes:
        return requirements, {}
    kept: list[str] = []
    found: dict[str, str] = {}
    for _, line in logical_lines(requirements):
        text = " ".join(line.split())
        index = next((indexes[each] for each in _HASH.findall(text) if each in indexes), "")
        if index:
            found[index] = f"{found.get(index, '')}{text}\n"
        else:
            kept.append(f"{text}\n")
    return "".join(kept), found


def split_local_projects(
    path: Path, base: Path, environment: Mapping[str, str] = MappingProxyType({})
) -> tuple[str, tuple[Path, ...]]:
    """Return the text of a lock without the projects that it names by their folders, and these folders.

    Paths are relative to `base`. A project whose marker does not hold in `environment` is none of them.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".toml":
        return _split_pylock(text, base, environment)
    kept: list[str] = []
    folders: dict[Path, None] = {}
    for line in text.splitlines(keepends=True):
        found = folder_in(line)
        folder = _project_in(base, found.path) if found else None
        if found is None or folder is None:
            kept.append(line)
        elif applies(found.marker, environment):
            folders[folder] = None
    return "".join(kept), tuple(folders)


def _split_pylock(text: str, base: Path, environment: Mapping[str, str]) -> tuple[str, tuple[Path, ...]]:
    document = _read_lock(text, "pylock.toml", "packages")
    packages: Any = document.get("packages", [])
    folders: dict[Path, None] = {}
    for package in [package for package in packages if "directory" in package]:
        packages.remove(package)
        if applies(str(package.get("marker", "")), environment):
            folders[(base / str(package["directory"]["path"])).resolve()] = None
    for package in packages:
        sources = [package.get(name, {}) for name in ("archive", "sdist", "vcs")]
        for source in (*sources, *package.get("wheels", [])):
            if "path" in source:  # relative to the lock, and the rest of it goes elsewhere
                source["path"] = str(base / str(source["path"]))
    return tomlkit.dumps(document), tuple(folders)


def _read_lock(text: str, name: str, packages: str) -> dict[str, Any]:
    try:
        data = toml_in(text)
    except ValueError as error:
        raise ProjectError(f"cannot use {name}: {error}") from error
    if wrong := wrong_lock(data, packages):
        raise ProjectError(f"cannot use {name}: {wrong}")
    return data


def _project_in(base: Path, path: str) -> Path | None:
    """Return the folder of the project at `path`, which may name extras of it in brackets."""
    for candidate in (path, re.sub(r"\[[^\]]*\]$", "", path)):
        folder = (base / candidate).resolve()
        if any((folder / name).is_file() for name in ("pyproject.toml", "setup.py", "setup.cfg")):
            return folder
    return None


def _can_ask_for_hashes(texts: Iterable[str]) -> bool:
    """Tell whether an installer can ask for the hash of each requirement: of a commit there is none.

    Where anything else has none either, it is asked all the same, and refuses.
    """
    bare = [line for text in texts for _, line in logical_lines(text) if not is_hashed(line)]
    return not bare or not all(map(is_commit, bare))


def _with_included(path: Path) -> Iterator[tuple[Path, str]]:
    """Yield the file and, for a requirements.txt, each file that it includes, once."""
    seen: set[Path] = set()
    waiting = [path]
    while waiting:
        here = waiting.pop()
        if here in seen or not here.is_file():
            continue
        seen.add(here)
        text = here.read_text(encoding="utf-8", errors="replace")
        yield here, text
        if path.suffix != ".toml":
            waiting += [here.parent / name for name in _INCLUDES.findall(text)]
