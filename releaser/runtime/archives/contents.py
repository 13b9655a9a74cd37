"""What release is in an archive, and is all of it as its record says? Found out before anything is written.

A second pass, `extract`, writes what the first one has seen: each member below the descriptor of a folder that was
opened component by component, none of them a link (openat(2), O_NOFOLLOW), and only if its bytes are still those of
the record.
"""

from __future__ import annotations

import hashlib
import os

from ..release.checking.record import (
    FILE,
    FOLDER,
    LINK,
    NAME,
    UNRECORDED,
    Member,
    RecordError,
    differs,
    parse,
    quoted,
)
from ..release.manifest import Manifest, ManifestError
from .reader import Archive, Damaged
from .rules import Judge, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .reader import Content

_TEXT_BYTES = 64 * 1024 * 1024
"""More than any manifest or record."""
_PIECE_BYTES = 1024 * 1024
_MANIFEST = "manifest.json"
_MOST_NAMED = 20


class Contents:
    """A release that was read from an archive, found to be whole, and not written anywhere yet."""

    __slots__ = ("_archive", "manifest", "name", "record", "record_sha256", "record_text", "version")

    def __init__(
        self, archive: Archive, judge: Judge, manifest: Manifest, record: dict[str, Member], text: str
    ) -> None:
        self._archive = archive
        self.name = judge.name
        self.version = judge.version
        self.manifest = manifest
        self.record = record
        self.record_text = text
        self.record_sha256 = hashlib.sha256(text.encode()).hexdigest()

    def extract(self, to: str) -> None:
        """Write everything below the folder `to`, which is empty.

        Raises:
            Damaged, Refused: the archive has changed since it was read.
            OSError: it cannot be written there.
        """
        below = _Below(to)
        try:
            judge = Judge()
            for path, member, content in self._archive.members(judge):
                wanted = self.record.get(path)
                if path == f"releases/{self.version}/{NAME}":
                    wanted = Member(FILE, mode=0o644, size_bytes=len(self.record_text), sha256=self.record_sha256)
                if wanted is None or not below.write(path, member, content, wanted):
                    raise Damaged(f"{quoted(path)} has changed while it was read")
        finally:
            below.close()


def read_contents(archive: Archive, record_sha256: str = "") -> Contents:
    """Read an archive to its end and return what is in it; `record_sha256` is what its record must have, if known.

    Raises:
        NoArchive, Damaged, Refused: it cannot be used; the text says why.
        OSError: it cannot be read.
    """
    judge = Judge()
    texts: dict[str, str] = {}
    for path, member, content in archive.members(judge):
        if member.kind != FILE:
            continue
        digest = hashlib.sha256()
        kept = bytearray()
        is_kept = path in (f"releases/{judge.version}/{name}" for name in (_MANIFEST, NAME))
        while piece := content.read(_PIECE_BYTES):
            digest.update(piece)
            if is_kept:
                kept += piece
                if len(kept) > _TEXT_BYTES:
                    raise Refused(f"{quoted(path)} is larger than {_TEXT_BYTES // 1024 // 1024} MB")
        member.sha256 = digest.hexdigest()
        if is_kept:
            texts[path.rpartition("/")[2]] = _decoded(path, bytes(kept))
    if record_sha256 and NAME in texts and hashlib.sha256(texts[NAME].encode()).hexdigest() != record_sha256:
        raise Refused("its record is not the one that the checksums beside it name")
    manifest = _manifest(judge, texts)
    record = _record(texts, judge.members, judge.version)
    judge.check_whole()
    _check_python(judge, manifest)
    judge.check_links({f"releases/{judge.version}/{path}": target for path, target in manifest.links.items()})
    return Contents(archive, judge, manifest, record, texts[NAME])


def _decoded(path: str, data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused(f"{quoted(path)} should be text, and is not UTF-8") from error


def _manifest(judge: Judge, texts: dict[str, str]) -> Manifest:
    if _MANIFEST not in texts:
        raise Refused("it holds no complete version")
    try:
        manifest = Manifest.from_json(texts[_MANIFEST])
    except ManifestError as error:
        raise Refused(str(error)) from error
    if (manifest.name, manifest.version) != (judge.name, judge.version):
        raise Refused(
            f"it is of {quoted(f'{manifest.name} {manifest.version}')}, "
            f"and was packed as {quoted(f'{judge.name} {judge.version}')}"
        )
    return manifest


def _check_python(judge: Judge, manifest: Manifest) -> None:
    bundled = manifest.python.bundled
    there = judge.members.get(bundled)
    if bundled and (not bundled.startswith("python-") or "/" in bundled or there is None or there.kind != FOLDER):
        raise Refused(f"it holds no interpreter {quoted(bundled)}, which its manifest names")


def _record(texts: dict[str, str], members: dict[str, Member], version: str) -> dict[str, Member]:
    """Return the record in the archive, which fits every member of it.

    Raises:
        Refused: there is none, or it does not.
    """
    if NAME not in texts:
        raise Refused(f"it holds no record of its files, releases/{quoted(version)[1:-1]}/{NAME}")
    try:
        record = parse(texts[NAME])
    except RecordError as error:
        raise Refused(f"its record {NAME} is damaged: {error}") from error
    unrecorded = {f"releases/{version}/{name}" for name in UNRECORDED}
    problems = [
        difference
        for path in sorted({*record, *members} - unrecorded)
        if (difference := differs(path, members.get(path), record.get(path)))
    ]
    problems += [f"{path}: not part of the release" for path in unrecorded & {*members} if not path.endswith(NAME)]
    if problems:
        raise NotAsBuilt(problems)
    return record


class NotAsBuilt(Refused):
    """The archive's members are not those of its record; `problems` says, a sentence each, how they differ."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("it is not as it was built")
        left = len(problems) - _MOST_NAMED
        self.problems = problems[:_MOST_NAMED] + ([f"... and {left} more"] if left > 0 else [])


class _Below:
    """Writes below one folder and nowhere else."""

    def __init__(self, folder: str) -> None:
        self._root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        self._path = ""
        self._parent = self._root  # of the last member that was written: the next one mostly lies beside it

    def write(self, path: str, member: Member, content: Content, wanted: Member) -> bool:
        """Write one member as `wanted`; tell whether it was that.

        Raises:
            OSError: it cannot be written.
        """
        if (member.kind, member.link, member.size_bytes) != (wanted.kind, wanted.link, wanted.size_bytes):
            return False
        folder, _, name = path.rpartition("/")
        parent = self._open(folder)
        if wanted.kind == FOLDER:
            os.mkdir(name, 0o755, dir_fd=parent)
            return True
        if wanted.kind == LINK:
            os.symlink(wanted.link, name, dir_fd=parent)
            return True
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        digest = hashlib.sha256()
        descriptor = os.open(name, flags, 0o755 if wanted.mode & 0o100 else 0o644, dir_fd=parent)
        with open(descriptor, "wb", buffering=0) as file:
            while piece := content.read(_PIECE_BYTES):
                digest.update(piece)
                view = memoryview(piece)
                while view:
                    view = view[file.write(view) :]
        return digest.hexdigest() == wanted.sha256

    def close(self) -> None:
        self._leave()
        os.close(self._root)

    def _open(self, folder: str) -> int:
        """Return the descriptor of a folder, reached without following a link."""
        if folder == self._path:
            return self._parent
        self._leave()
        for part in folder.split("/") if folder else ():
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            inner = os.open(part, flags, dir_fd=self._parent)
            self._leave()
            self._parent = inner
        self._path = folder
        return self._parent

    def _leave(self) -> None:
        if self._parent != self._root:
            os.close(self._parent)
        self._parent, self._path = self._root, ""
