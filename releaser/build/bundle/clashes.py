"""Do two distributions bring the same file? Then it is chance which of them an installer, working on both, leaves.

opencv-python and opencv-python-headless are such a pair. The `__init__.py` of a package that several distributions
share is alike in all of them, and so no clash. What the project brings is laid over the rest, and always wins.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator
from pathlib import Path

from releaser.build.tools.dist_info import dist_infos

_MOST_SHARED_BYTES = 400
"""Of an `__init__.py` that only says that its package is shared."""
_SHARING = (b"extend_path", b"declare_namespace")


def clashes(site_packages: Path, own: Collection[str]) -> Iterator[str]:
    """Yield a sentence for each two distributions, none of the project's `own`, of which both bring some file."""
    owners: dict[str, str] = {}
    found: dict[tuple[str, str], list[str]] = {}
    for folder in dist_infos(site_packages):
        distribution = folder.name.removesuffix(".dist-info").rpartition("-")[0]
        for name in _names(folder / "RECORD") if distribution not in own else ():
            other = owners.setdefault(name, distribution)
            if other != distribution and not _is_shared(site_packages / name):
                found.setdefault((other, distribution), []).append(name)
    for (one, other), names in sorted(found.items()):
        files = names[0] if len(names) == 1 else f"{len(names)} files, {min(names)} among them"
        yield f"{one} and {other} both bring {files}: which one's is in the release is chance"


def _names(record: Path) -> Iterator[str]:
    if record.is_file():
        with record.open(encoding="utf-8", newline="") as file:
            yield from (row[0] for row in csv.reader(file) if row)


def _is_shared(path: Path) -> bool:
    if path.name != "__init__.py" or not path.is_file():
        return False
    content = path.read_bytes()
    return not content.strip() or (len(content) < _MOST_SHARED_BYTES and any(word in content for word in _SHARING))
