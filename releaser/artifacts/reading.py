"""What does a finished release hold? A folder or an archive becomes a value; nothing of it is run or unpacked."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, cast

from releaser.artifacts.opening import DamagedArtifact, check_file, opened
from releaser.artifacts.packages import Package, read_packages
from releaser.errors import UsageError, reason_of
from releaser.runtime.archives.contents import read_contents
from releaser.runtime.archives.reader import Archive, Content
from releaser.runtime.archives.rules import Judge
from releaser.runtime.release.checking.record import FILE, FOLDER, LINK, quoted
from releaser.runtime.release.checking.tree_check import is_var
from releaser.runtime.release.manifest import Manifest, ManifestError

_CHUNK_BYTES = 1024 * 1024
_SPOOL_BYTES = 64 * 1024 * 1024
_TEXT_BYTES = 64 * 1024 * 1024
"""More than any manifest."""
_PARTS_OF_A_VERSION_FILE = 3  # releases, VERSION, name
_DEFAULT = "releases/default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One file or link of a release."""

    path: str
    """Below the release's root."""
    size_bytes: int
    """0 for a link."""
    sha256: str
    """Empty for a link."""
    executable: bool
    link: str = ""
    """Where a link leads, as it is written; empty for a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A release, as a folder or in an archive."""

    path: Path
    kind: Literal["folder", "archive"]
    size_bytes: int
    """Of the archive; of a folder, the sum of its files."""
    items: tuple[Item, ...]
    """In the order of their paths; `var` is left out."""
    manifest: Manifest
    """That of the version that it boots when nothing else was said: `releases/default`."""
    manifest_text: str
    versions: tuple[str, ...]
    """Every version in it."""
    packages: tuple[Package, ...]
    """What is in the bundle of `manifest`'s version, the largest first."""

    @property
    def title(self) -> str:
        return f"{self.manifest.name} {self.manifest.version}"


Open = Callable[[bool], AbstractContextManager[IO[bytes]]]
"""Opens a file; whether it is to be read twice has to be said."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file or link before it is looked at."""

    path: str
    executable: bool
    link: str
    open: Open


def read_artifact(path: Path) -> Artifact:
    """Return the release in the folder or archive `path`.

    Raises:
        UsageError: it is none.
        DamagedArtifact: it is damaged, or holds what no release holds.
    """
    try:
        check_file(path)
        if path.is_dir():
            return _read(path, "folder", _entries_of_folder(path))
        with opened(path) as archive:
            read_contents(archive)  # by the same rules as `unpack`
            return _read(path, "archive", _entries_of_archive(archive, Judge()))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {reason_of(error)}") from error


def read_manifest(path: Path) -> Manifest:
    """Return the manifest of the version that the archive `path` was made for; nothing else of it is looked at.

    Raises:
        UsageError: it has none.
        DamagedArtifact: it cannot be read as far as that.
    """
    try:
        with opened(path) as archive:
            for entry in _entries_of_archive(archive, Judge()):
                if _place(entry.path)[1] == "manifest.json":
                    with entry.open(False) as file:
                        return Manifest.from_json(_text(file, path))
    except ManifestError as error:
        raise DamagedArtifact(f"cannot read {path}: {error}") from error
    except OSError as error:
        raise UsageError(f"cannot read {path}: {reason_of(error)}") from error
    raise UsageError(f"{path} is no release")


def _read(path: Path, kind: Literal["folder", "archive"], entries: Iterator[_Entry]) -> Artifact:
    items: list[Item] = []
    manifests: dict[str, str] = {}
    packages: dict[str, tuple[Package, ...]] = {}
    default = ""
    for entry in entries:
        if entry.link:
            items.append(Item(path=entry.path, size_bytes=0, sha256="", executable=False, link=entry.link))
            continue
        version, name = _place(entry.path)
        is_looked_into = name == "manifest.json" or name.endswith(".pyz") or entry.path == _DEFAULT
        with entry.open(is_looked_into) as file:
            if name == "manifest.json":
                manifests[version] = _text(file, path)
            elif entry.path == _DEFAULT:
                default = _text(file, path).strip()
            elif name.endswith(".pyz"):
                packages[version] = read_packages(file, f"{path}: {entry.path}")
            if is_looked_into:
                file.seek(0)
            items.append(_item(entry, file))
    if default not in manifests:
        raise DamagedArtifact(f"{path} is no release: it has no releases/default that names a complete version in it")
    try:
        manifest = Manifest.from_json(manifests[default])
    except ManifestError as error:
        raise DamagedArtifact(f"cannot use {path}: {error}") from error
    items.sort(key=lambda item: item.path)
    return Artifact(
        path=path,
        kind=kind,
        size_bytes=path.stat().st_size if kind == "archive" else sum(item.size_bytes for item in items),
        items=tuple(items),
        manifest=manifest,
        manifest_text=manifests[default],
        versions=tuple(sorted(manifests)),
        packages=packages.get(default, ()),
    )


def _item(entry: _Entry, file: IO[bytes]) -> Item:
    digest = hashlib.sha256()
    size_bytes = 0
    while data := file.read(_CHUNK_BYTES):
        digest.update(data)
        size_bytes += len(data)
    return Item(path=entry.path, size_bytes=size_bytes, sha256=digest.hexdigest(), executable=entry.executable)


def _place(path: str) -> tuple[str, str]:
    """Return version and name of a file right in a version's folder; empty texts for any other."""
    parts = path.split("/")
    return (parts[1], parts[2]) if len(parts) == _PARTS_OF_A_VERSION_FILE and parts[0] == "releases" else ("", "")


def _text(file: IO[bytes], path: Path) -> str:
    data = file.read(_TEXT_BYTES + 1)
    if len(data) > _TEXT_BYTES:
        raise DamagedArtifact(f"cannot use {path}: what should be a short text is larger than 64 MB")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DamagedArtifact(f"cannot use {path}: what should be text is not UTF-8") from error


def _entries_of_folder(root: Path) -> Iterator[_Entry]:
    for parent, folders, files in os.walk(root):
        if Path(parent) == root:
            folders[:] = [name for name in folders if name != "var" and not is_var(f"{parent}/{name}")]
        links = [name for name in folders if Path(parent, name).is_symlink()]
        for name in (*files, *links):
            path = Path(parent, name)
            is_link = path.is_symlink()
            if not is_link and not path.is_file():
                raise DamagedArtifact(f"{root} is no release: {quoted(name)} is neither a file, a folder nor a link")
            yield _Entry(
                str(path.relative_to(root)),
                not is_link and bool(path.stat().st_mode & 0o100),
                str(path.readlink()) if is_link else "",
                lambda is_read_twice, path=path: path.open("rb"),  # type: ignore[misc]
            )


def _entries_of_archive(archive: Archive, judge: Judge) -> Iterator[_Entry]:
    for path, member, content in archive.members(judge):
        if member.kind != FOLDER:
            yield _Entry(
                path,
                member.kind == FILE and bool(member.mode & 0o100),
                member.link if member.kind == LINK else "",
                lambda is_read_twice, content=content: _content(content, is_read_twice),  # type: ignore[misc]
            )


@contextmanager
def _content(content: Content, is_read_twice: bool) -> Iterator[IO[bytes]]:
    """Give a member as a file: to be read twice it is kept, for going back in an archive means from its start."""
    if not is_read_twice:
        yield cast(IO[bytes], content)
        return
    with tempfile.SpooledTemporaryFile(_SPOOL_BYTES) as file:
        while data := content.read(_CHUNK_BYTES):
            file.write(data)
        file.seek(0)
        yield cast(IO[bytes], file)
