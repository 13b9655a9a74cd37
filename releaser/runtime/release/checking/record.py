"""What does each file, folder and link of a release look like, as it was built? A line for each, as mtree(5) has them.

The record lies in the version's folder as `release.mtree` and speaks of the whole root::

    #mtree
    ./bin type=dir mode=0755
    ./bin/shop type=file mode=0755 size=6121 sha256=4f2c...
    ./python-3.11.7-4f2c.../bin/python3 type=link link=python3.11

Its own hash stands in the checksums beside the archive, and what signs these vouches for every line. The only files
that it does not speak of are itself and the checksums that `unpack` keeps beside it.
"""

from __future__ import annotations

import errno
import os
import stat

from ..regular import read_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

NAME = "release.mtree"
"""The record's file, below the version's folder."""
CHECKSUMS = "release.sha256"
"""The checksums that came with the archive, kept by `unpack` if they were signed; the signature adds `.sig`."""
UNRECORDED = (NAME, CHECKSUMS, f"{CHECKSUMS}.sig")
FILE, FOLDER, LINK, OTHER = "file", "dir", "link", "other"
_KINDS = (FILE, FOLDER, LINK)
_FIRST_LINE = "#mtree"
_DIGITS = "0123456789abcdef"
_SHA256_DIGITS = 64
_MOST_BYTES = 64 * 1024 * 1024
"""More than any record."""
_PLAIN = frozenset(range(0x21, 0x7F)) - frozenset(b"\\#=*?[]")


class RecordError(Exception):
    """The record is missing or damaged."""


class Member:
    """One file, folder or link; what does not apply to its kind is 0 or empty."""

    __slots__ = ("kind", "link", "mode", "sha256", "size_bytes")

    def __init__(self, kind: str, *, mode: int = 0, size_bytes: int = 0, sha256: str = "", link: str = "") -> None:
        self.kind = kind  # FILE, FOLDER, LINK, or OTHER: a pipe, a socket, a device
        self.mode = mode  # permission bits with set-user-id and its like; 0 of a link
        self.size_bytes = size_bytes
        self.sha256 = sha256
        self.link = link  # where a link leads, as it is written

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Member) and self.line("") == other.line("")

    def __hash__(self) -> int:
        return hash(self.line(""))

    def __repr__(self) -> str:
        return f"Member({self.line('')})"

    def line(self, path: str) -> str:
        """Return the line of this member at `path`."""
        words = [f"./{_encoded(path)}", f"type={self.kind}"]
        if self.kind == LINK:
            words.append(f"link={_encoded(self.link)}")
        else:
            words.append(f"mode={self.mode:04o}")
        if self.kind == FILE:
            words += [f"size={self.size_bytes}", f"sha256={self.sha256}"]
        return " ".join(words)


def encode(members: Mapping[str, Member]) -> str:
    """Return the text of the record of `members`, by path below the root; the same for the same members."""
    lines = [members[path].line(path) for path in sorted(members, key=os.fsencode)]
    return "".join(f"{line}\n" for line in (_FIRST_LINE, *lines))


def parse(text: str) -> dict[str, Member]:
    """Return the members of a record by their path below the root.

    Raises:
        RecordError: it is none; the message names the line.
    """
    first, *lines = text.split("\n")
    if first != _FIRST_LINE or lines[-1:] != [""]:
        raise RecordError(f"it does not begin with '{_FIRST_LINE}', or ends in the middle of a line")
    members: dict[str, Member] = {}
    for number, line in enumerate(lines[:-1], 2):
        try:
            path, member = _parse_line(line)
        except (ValueError, KeyError) as error:
            raise RecordError(f"line {number} is no line of a record") from error
        if path in members:
            raise RecordError(f"line {number} is about what a line before it is about")
        members[path] = member
    return members


def load(path: str) -> dict[str, Member]:
    """Read the record in the file `path`.

    Raises:
        RecordError: it cannot be read or used.
    """
    try:
        return parse(read_bytes(path, _MOST_BYTES).decode("ascii"))
    except OSError as error:
        raise RecordError(str(error.strerror).lower()) from error
    except UnicodeDecodeError as error:
        raise RecordError("it is no text in ASCII") from error


def look_at(path: str, digest: Callable[[str], str] | None = None) -> Member:
    """Return what lies at `path`, links not followed; `digest` returns the sha256 of a file, else it is empty.

    Raises:
        OSError: there is nothing, or it cannot be read.
    """
    status = os.lstat(path)
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISLNK(status.st_mode):
        return Member(LINK, link=os.readlink(path))
    if stat.S_ISDIR(status.st_mode):
        return Member(FOLDER, mode=mode)
    if stat.S_ISREG(status.st_mode):
        return Member(FILE, mode=mode, size_bytes=status.st_size, sha256=digest(path) if digest else "")
    return Member(OTHER, mode=mode)


def sha256_of(path: str) -> str:
    """Return the sha256 of a file.

    Raises:
        OSError: it cannot be read, or is no regular file: a pipe would be waited for.
    """
    import hashlib

    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", path)
        return hashlib.file_digest(file, "sha256").hexdigest()


def paths_below(folder: str, is_skipped: Callable[[str], bool] = lambda path: False) -> Iterator[str]:
    """Yield the path of everything below `folder`, relative to it, a folder before what is in it.

    What `is_skipped` is true of is left out, with what is below it.

    Raises:
        OSError: a folder cannot be read.
    """
    waiting = [""]
    while waiting:
        parent = waiting.pop()
        with os.scandir(os.path.join(folder, parent)) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        for entry in entries:
            path = os.path.join(parent, entry.name)
            if is_skipped(path):
                continue
            yield path
            if entry.is_dir(follow_symlinks=False):
                waiting.append(path)


def _parse_line(line: str) -> tuple[str, Member]:
    """Return path and member of a line.

    Raises:
        ValueError, KeyError: it is none.
    """
    name, *words = line.split(" ")
    values = dict(word.split("=", 1) for word in words)
    kind = values.pop("type")
    path = _decoded(name.removeprefix("./"))
    if not name.startswith("./") or not path or kind not in _KINDS or len(values) + 1 != len(words):
        raise ValueError(line)
    if kind == LINK:
        member = Member(kind, link=_decoded(values.pop("link")))
    elif kind == FOLDER:
        member = Member(kind, mode=_mode(values.pop("mode"), kind))
    else:
        member = Member(
            kind,
            mode=_mode(values.pop("mode"), kind),
            size_bytes=_number(values.pop("size"), 10),
            sha256=_digest(values.pop("sha256")),
        )
    if values:
        raise ValueError(line)
    return path, member


def _mode(text: str, kind: str) -> int:
    """Return a mode that a release has: 0755, or 0644 of a file."""
    if text not in (("0755", "0644") if kind == FILE else ("0755",)):
        raise ValueError(text)
    return int(text, 8)


def _number(text: str, base: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 20:
        raise ValueError(text)
    return int(text, base)


def _digest(text: str) -> str:
    if len(text) != _SHA256_DIGITS or text.strip(_DIGITS):
        raise ValueError(text)
    return text


def _encoded(text: str) -> str:
    """Return a path in the letters that mtree(5) takes as they are, and others as `\\ooo` (vis(3))."""
    return "".join(chr(byte) if byte in _PLAIN else f"\\{byte:03o}" for byte in os.fsencode(text))


def _decoded(text: str) -> str:
    first, *rest = text.split("\\")
    data = first.encode("ascii")
    for part in rest:
        data += bytes([_number(part[:3], 8)]) + part[3:].encode("ascii")
    return os.fsdecode(data)


def quoted(name: str) -> str:
    """Return a name as it may be printed: anybody may have put codes for the terminal into it; a long one is cut."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in name[:200])
    return f"'{shown}{'...' if len(name) > 200 else ''}'"


def differs(path: str, found: Member | None, built: Member | None) -> str:
    """Return in a sentence how what was found at `path` differs from what was built; empty if it does not."""
    shown = quoted(path)[1:-1]
    if found is None or built is None:
        return f"{shown}: missing" if found is None else f"{shown}: not part of the release"
    if found.kind != built.kind:
        return f"{shown}: it is a {_WORDS[found.kind]}, and was built as a {_WORDS[built.kind]}"
    if found.link != built.link:
        return f"{shown}: it leads to {quoted(found.link)}, and was built to lead to {quoted(built.link)}"
    if found.sha256 != built.sha256 or found.size_bytes != built.size_bytes:
        return f"{shown}: changed"
    return (
        f"{shown}: its mode is {found.mode:04o}, and was built as {built.mode:04o}" if found.mode != built.mode else ""
    )


_WORDS = {FILE: "file", FOLDER: "folder", LINK: "link", "other": "pipe, socket or device"}
