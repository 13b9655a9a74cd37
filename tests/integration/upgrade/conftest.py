"""Archives of a small server, each built once for the session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.running import Release, ended
from support.two_versions import build_version, unpacked_by_tar

Archive = Callable[..., Path]


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Return a function that gives the archive of a version; it is built when it is first asked for."""
    known: dict[str, Path] = {}

    def get(version: str, word: str, **settings: str) -> Path:
        key = repr((version, word, settings))
        if key not in known:
            known[key] = build_version(tmp_path_factory.mktemp("versions"), version, word, **settings)
        return known[key]

    return get


@pytest.fixture
def release(archive: Archive, tmp_path: Path) -> Iterator[Release]:
    """Version 1.0.0 of the server, on its own."""
    release = unpacked_by_tar(archive("1.0.0", "one"), tmp_path / "a place")
    with ended(release):
        yield release
