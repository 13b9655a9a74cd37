"""How are installed packages kept, so that the next build only links them? As a folder of the cache: a layer.

    site-packages/   installed, tidied, with byte code
    scripts/         console scripts
    ...              whatever else its maker puts there
    index            what is in it, written last

What the zipapp holds of it, the same files as deflated members, is kept apart: see `packed`.

A build links a layer's files into its staging folder. A linked file that is changed there is changed in the layer too;
its time then differs from the one that every file of a layer has, so that the next build finds the layer not whole and
makes it again, and this one packs the file as it is.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from releaser.build.tools.tree import hash_of, normalise_modes

SITE_PACKAGES: Final = "site-packages"
SCRIPTS: Final = "scripts"
INDEX: Final = "index"
_TIME_S: Final = 946684800
"""2000-01-01: the time of every file in a layer; no installer sets it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file of a layer."""

    sha256: str
    size_bytes: int
    is_executable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A whole layer."""

    folder: Path
    files: Mapping[str, File]
    """By path below the layer's folder."""
    key: str
    """A hash of what is in it."""


@dataclass(slots=True)
class Linked:
    """What of the staged site-packages comes from layers."""

    files: dict[str, tuple[Layer, int]] = field(default_factory=dict)
    """By path below site-packages: the layer, and the linked file's inode."""
    layers: list[Layer] = field(default_factory=list)
    members: dict[str, IO[bytes]] = field(default_factory=dict)
    """Of each layer, by its key, its deflated members; open, for they may be removed while they are used."""

    def origin(self, name: str, status: os.stat_result) -> Layer | None:
        """Return the layer that holds the very content of the file `name` below site-packages; None: it is new."""
        layer, inode = self.files.get(name, (None, 0))
        if layer is None or status.st_ino != inode or not _is_as_made(status):
            return None
        return layer

    def close(self) -> None:
        """Close what is open."""
        for file in self.members.values():
            file.close()


def fresh_files(site_packages: Path, linked: Linked) -> list[str]:
    """Return the files of the staged site-packages that are not some layer's, by path below it, in byte order."""
    names = names_below(site_packages)
    return [name for name in names if linked.origin(name, os.lstat(f"{site_packages}/{name}")) is None]


def finish_layer(folder: Path) -> None:
    """Give `folder`, which holds everything else, its index."""
    normalise_modes(folder)
    lines: list[str] = []
    for name, path in files_below(folder):
        os.utime(path, (_TIME_S, _TIME_S), follow_symlinks=False)
        status = path.lstat()
        lines.append(f"{hash_of(path)} {status.st_size} {status.st_mode & 0o100:d} {name}\n")
    (folder / INDEX).write_text("".join(lines), encoding="utf-8", errors="surrogateescape")


def is_whole_layer(folder: Path) -> bool:
    """Tell whether every file of a layer is there as it was made, by its size and time."""
    try:
        for name, file in _read_index(folder).items():
            status = os.lstat(folder / name)
            if status.st_size != file.size_bytes or not _is_as_made(status):
                return False
    except (OSError, ValueError):
        return False
    return True


def open_layer(folder: Path) -> Layer:
    """Return the layer in `folder`."""
    return Layer(folder=folder, files=_read_index(folder), key=hash_of(folder / INDEX))


def link_layer(layer: Layer, site_packages: Path, linked: Linked, scripts: Path | None = None) -> None:
    """Link a layer's site-packages, and its scripts, into folders that may hold others' files, which it replaces."""
    linked.layers.append(layer)
    prefix = f"{SITE_PACKAGES}/"
    made: set[str] = set()
    for name in layer.files:
        if name.startswith(prefix):
            inside = name[len(prefix) :]
            target = f"{site_packages}/{inside}"
            linked.files[inside] = (layer, link(f"{layer.folder}/{name}", target, made))
        elif scripts is not None and name.startswith(f"{SCRIPTS}/"):
            link(f"{layer.folder}/{name}", f"{scripts}/{name[len(SCRIPTS) + 1 :]}", made)


def link(source: str, target: str, made: set[str]) -> int:
    """Link one file, or copy it where the file system has no links; return its inode. `made`: folders that exist."""
    folder = os.path.dirname(target)  # noqa: PTH120 - thousands of times in a build
    if folder not in made:
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103
        made.add(folder)
    try:
        os.link(source, target)
    except FileExistsError:
        os.unlink(target)  # noqa: PTH108 - whatever it is linked to stays as it is
        return link(source, target, made)
    except OSError:
        shutil.copy2(source, target)
    return os.lstat(target).st_ino


def files_below(folder: Path) -> list[tuple[str, Path]]:
    """Return each file below `folder`, by its path below it, in byte order."""
    return [(name, folder / name) for name in names_below(folder)]


def names_below(folder: Path) -> list[str]:
    """Return the path of each file below `folder`, relative to it, in byte order; there may be ten thousand."""
    skipped = len(str(folder)) + 1
    found = [f"{parent}/{name}"[skipped:] for parent, _, names in os.walk(folder) for name in names]
    return sorted(found, key=os.fsencode)


def _is_as_made(status: os.stat_result) -> bool:
    return int(status.st_mtime) == _TIME_S


def _read_index(folder: Path) -> Mapping[str, File]:
    text = (folder / INDEX).read_text(encoding="utf-8", errors="surrogateescape")
    files: dict[str, File] = {}
    for line in text.split("\n")[:-1]:
        digest, size, executable, name = line.split(" ", 3)
        files[name] = File(sha256=digest, size_bytes=int(size), is_executable=executable != "0")
    return files
