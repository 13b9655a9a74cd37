"""How does one package of a lock read in a requirements.txt? With all its hashes, for uv and pip alike."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from releaser.plan.facts import LockedPackage

PYPI = "https://pypi.org/simple"


def by_hashes(name: str, version: str, hashes: Sequence[str], index: str = "") -> LockedPackage:
    """Return a package of an index, `name=URL` if it is another one than the default."""
    return _package(name, version, f"{name}=={version}{_told(hashes)}", index=index, has_hash=bool(hashes))


def by_file(name: str, version: str, url: str, hashes: Sequence[str]) -> LockedPackage:
    """Return a package of one file, wherever that is."""
    return _package(name, version, f"{name} @ {url.partition('#')[0]}{_told(hashes)}", has_hash=bool(hashes))


def by_commit(name: str, version: str, url: str, commit: str, folder: str = "") -> LockedPackage:
    """Return a package of a commit in a repository, whose `url` begins with `git+`."""
    inside = f"#subdirectory={folder}" if folder else ""
    return _package(name, version, f"{name} @ {url}@{commit}{inside}", has_hash=bool(commit))


def by_folder(name: str, version: str, folder: Path) -> LockedPackage:
    """Return a project of the same repository, of which a wheel is built."""
    return _package(name, version, folder.resolve().as_uri())


def index_options(urls: Iterable[str]) -> tuple[str, ...]:
    """Return the lines of a requirements file that name indexes; PyPI is the caller's to name, or a mirror of it."""
    others = [(at, url) for at, url in enumerate(urls) if url.rstrip("/") not in ("", PYPI)]
    return tuple(f"{'--extra-index-url' if at else '--index-url'} {os.path.expandvars(url)}" for at, url in others)


def _package(name: str, version: str, line: str, index: str = "", has_hash: bool = True) -> LockedPackage:
    return LockedPackage(name=name, version=version, line=line, index=index, has_hash=has_hash)


def _told(hashes: Sequence[str]) -> str:
    return "".join(f" --hash={each}" for each in sorted(set(hashes)))
