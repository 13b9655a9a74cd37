"""What exactly is to be installed? A file of pinned requirements that an installer reads, and a key of its content."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import tomlkit
from packaging.utils import canonicalize_name

from releaser.build.cache import key_of

_INCLUDES = re.compile(r"^\s*(?:-r|-c|--requirement|--constraint)[\s=]*(\S+)", re.MULTILINE)
_FOLDER = re.compile(
    r"^\s*(?:-e\s+|--editable[\s=]+)?(?:[\w.-]+\s*@\s*)?(?P<path>(?:file:/|\.{0,2}/|\.{1,2}(?=\s|$))[^\s;]*)"
)
"""A requirement that is a path, as `./libs/foo`, `-e ../foo` and `foo @ file:///srv/foo`."""
_TRUSTED_USER = re.compile(r"^(--trusted-host\s+)\S*@", re.MULTILINE)
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
    """Whether each package must have a hash."""


def read_pins(path: Path, *, is_hashed: bool) -> Pins:
    """Return the pins in the file `path`."""
    texts = dict(_with_included(path))
    return Pins(
        path=path,
        key=key_of(path.suffix, [_USER.sub("://", text) for text in texts.values()]),
        is_empty=path.suffix != ".toml" and not any(map(_ANYTHING.search, texts.values())),
        is_hashed=is_hashed,
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


def without_users(requirements: str) -> str:
    """Return requirements without the users that Poetry writes into `--trusted-host`, which takes a host alone."""
    return _TRUSTED_USER.sub(r"\1", requirements)


def split_local_projects(path: Path, base: Path) -> tuple[str, tuple[Path, ...]]:
    """Return the text of a lock without the projects that it names by their folders, and these folders.

    Paths are relative to `base`.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".toml":
        return _split_pylock(text, base)
    kept: list[str] = []
    folders: dict[Path, None] = {}
    for line in text.splitlines(keepends=True):
        match = _FOLDER.match(line)
        folder = (base / unquote(match["path"].removeprefix("file://"))).resolve() if match else None
        if folder is not None and (folder / "pyproject.toml").is_file():
            folders[folder] = None
        else:
            kept.append(line)
    return "".join(kept), tuple(folders)


def split_pdm_lock(text: str, base: Path, chosen: tuple[str, ...]) -> tuple[str, str]:
    """Return a pdm.lock without the projects that it names by their folders, and requirements that name those needed.

    They have no hash, and PDM exports nothing at all then. `base` is the folder that their paths are relative to,
    `chosen` the extras and groups.
    """
    document = tomlkit.parse(text)
    packages: Any = document.get("package", [])
    wanted = {"default", *map(canonicalize_name, chosen)}
    lines: list[str] = []
    for package in list(packages):
        folder = (base / str(package.get("path", "."))).resolve()
        if "path" in package and (folder / "pyproject.toml").is_file():
            packages.remove(package)
            if wanted.intersection(map(canonicalize_name, package.get("groups", wanted))):
                lines.append(f"{folder.as_uri()}\n")
    return tomlkit.dumps(document), "".join(lines)


def _split_pylock(text: str, base: Path) -> tuple[str, tuple[Path, ...]]:
    document = tomlkit.parse(text)
    packages: Any = document.get("packages", [])
    local = [package for package in packages if "directory" in package]
    for package in local:
        packages.remove(package)
    folders = {(base / str(package["directory"]["path"])).resolve(): None for package in local}
    return tomlkit.dumps(document), tuple(folders)


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
