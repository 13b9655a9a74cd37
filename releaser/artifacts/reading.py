"""What does a finished release hold? A folder or an archive becomes a value; nothing of it is run or unpacked."""

from __future__ import annotations

import hashlib
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Literal, cast

from releaser.artifacts.opening import check_file, open_tar, read_to_the_end
from releaser.artifacts.packages import Package, read_packages
from releaser.errors import UsageError, reason_of
from releaser.runtime.manifest import SUMS_OF_PYTHON, Manifest, ManifestError

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
    interpreter_sums: str
    """The list of its interpreter's files, in the form of sha256sum(1); empty when it has none."""
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
        UsageError: it is none, or it is damaged.
    """
    try:
        check_file(path)
        if path.is_dir():
            return _read(path, "folder", _entries_of_folder(path))
        with open_tar(path) as archive:
            return _read(path, "archive", _entries_of_tar(archive, path))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {reason_of(error)}") from error


def read_manifest(path: Path) -> Manifest:
    """Return the manifest of the version that the archive `path` was made for; nothing else of it is looked at.

    Raises:
        UsageError: it has none, or it is damaged.
    """
    try:
        with open_tar(path) as archive:
            for entry in _entries_of_tar(archive, path):
                if _place(entry.path)[1] == "manifest.json":
                    with entry.open(False) as file:
                        return Manifest.from_json(_text(file, path))
    except (OSError, ManifestError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error
    raise UsageError(f"{path} is no release")


def _read(path: Path, kind: Literal["folder", "archive"], entries: Iterator[_Entry]) -> Artifact:
    items: list[Item] = []
    manifests: dict[str, str] = {}
    packages: dict[str, tuple[Package, ...]] = {}
    sums: dict[str, str] = {}
    default = ""
    for entry in entries:
        if entry.link:
            items.append(Item(path=entry.path, size_bytes=0, sha256="", executable=False, link=entry.link))
            continue
        version, name = _place(entry.path)
        is_looked_into = name in ("manifest.json", SUMS_OF_PYTHON) or name.endswith(".pyz") or entry.path == _DEFAULT
        with entry.open(is_looked_into) as file:
            if name == "manifest.json":
                manifests[version] = _text(file, path)
            elif entry.path == _DEFAULT:
                default = _text(file, path).strip()
            elif name == SUMS_OF_PYTHON:
                sums[version] = _text(file, path)
            elif name.endswith(".pyz"):
                packages[version] = read_packages(file, f"{path}: {entry.path}")
            if is_looked_into:
                file.seek(0)
            items.append(_item(entry, file))
    if default not in manifests:
        raise UsageError(f"{path} is no release: it has no releases/default that names a complete version in it")
    try:
        manifest = Manifest.from_json(manifests[default])
    except ManifestError as error:
        raise UsageError(f"cannot use {path}: {error}") from error
    items.sort(key=lambda item: item.path)
    return Artifact(
        path=path,
        kind=kind,
        size_bytes=path.stat().st_size if kind == "archive" else sum(item.size_bytes for item in items),
        items=tuple(items),
        manifest=manifest,
        manifest_text=manifests[default],
        versions=tuple(sorted(manifests)),
        interpreter_sums=sums.get(default, ""),
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
        raise UsageError(f"cannot use {path}: what should be a short text is larger than 64 MB")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"cannot use {path}: what should be text is not UTF-8") from error


def _quoted(name: str) -> str:
    """Return a name as it may be printed: anybody may have put codes for the terminal into it."""
    return "'" + "".join(letter if letter.isprintable() else "?" for letter in name) + "'"


def _entries_of_folder(root: Path) -> Iterator[_Entry]:
    for parent, folders, files in os.walk(root):
        if Path(parent) == root:
            folders[:] = [name for name in folders if name != "var"]
        links = [name for name in folders if Path(parent, name).is_symlink()]
        for name in (*files, *links):
            path = Path(parent, name)
            is_link = path.is_symlink()
            if not is_link and not path.is_file():
                raise UsageError(f"{root} is no release: {_quoted(name)} is neither a file, a folder nor a link")
            yield _Entry(
                str(path.relative_to(root)),
                not is_link and bool(path.stat().st_mode & 0o100),
                str(path.readlink()) if is_link else "",
                lambda is_read_twice, path=path: path.open("rb"),  # type: ignore[misc]
            )


def _entries_of_tar(archive: tarfile.TarFile, path: Path) -> Iterator[_Entry]:
    root = ""
    kinds: dict[tuple[str, ...], bytes] = {}
    for member in archive:
        parts = PurePosixPath(member.name).parts
        shown = _quoted(member.name)
        if not parts and member.isdir():
            continue  # "./"
        root = root or "".join(parts[:1])
        if not parts or parts[0] != root or ".." in parts or member.name.startswith("/"):
            raise UsageError(f"{path} is no release: {shown} would be unpacked outside its folder")
        if any(kinds.get(parts[:length], tarfile.DIRTYPE) != tarfile.DIRTYPE for length in range(1, len(parts))):
            raise UsageError(f"{path} is no release: {shown} would be unpacked through what is no folder")
        if parts in kinds and not (member.isdir() and kinds[parts] == tarfile.DIRTYPE):
            raise UsageError(f"{path} is no release: {shown} is in it twice")
        kinds[parts] = member.type
        if member.isdir():
            continue
        if len(parts) == 1 or not (member.isreg() or member.issym()):
            raise UsageError(f"{path} is no release: {shown} is neither a file, a folder nor a link in its folder")
        yield _Entry(
            "/".join(parts[1:]),
            bool(member.mode & 0o100),
            member.linkname if member.issym() else "",
            lambda is_read_twice, member=member: _member(archive, member, is_read_twice),  # type: ignore[misc]
        )
    read_to_the_end(archive, path)


@contextmanager
def _member(archive: tarfile.TarFile, member: tarfile.TarInfo, is_read_twice: bool) -> Iterator[IO[bytes]]:
    """Give a member as a file: to be read twice it is kept, for going back in an archive means from its start."""
    source = archive.extractfile(member)
    if source is None:
        raise tarfile.TarError(f"{member.name} has no content")
    if not is_read_twice:
        yield source
        return
    with tempfile.SpooledTemporaryFile(_SPOOL_BYTES) as file:
        while data := source.read(_CHUNK_BYTES):
            file.write(data)
        file.seek(0)
        yield cast(IO[bytes], file)
