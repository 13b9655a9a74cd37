"""What exactly is to be installed? A file of pinned requirements that an installer reads, and a key of its content."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name

from releaser.build.cache import key_of

_INCLUDES = re.compile(r"^\s*(?:-r|-c|--requirement|--constraint)[\s=]*(\S+)", re.MULTILINE)
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
        key=key_of(path.suffix, list(texts.values())),
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
