"""Archives as somebody makes them who means harm: a real release's, with members changed, put in, twice, or torn."""

from __future__ import annotations

import gzip
import io
import tarfile
from typing import Any

from hypothesis import strategies as st

_TYPES = [
    tarfile.REGTYPE,
    tarfile.AREGTYPE,
    tarfile.LNKTYPE,
    tarfile.SYMTYPE,
    tarfile.SYMTYPE,
    tarfile.DIRTYPE,
    tarfile.DIRTYPE,
    tarfile.CHRTYPE,
    tarfile.BLKTYPE,
    tarfile.FIFOTYPE,
    tarfile.CONTTYPE,
    tarfile.GNUTYPE_SPARSE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    b"V",
    b"\xff",
]
# fmt: off
_PARTS = [
    "x", "x", "y", "y", "a", "..", ".", "", "bin", "releases", "1.0.0", "2.0.0", "default", "var", "runtime", "hooks",
    "a" * 300, "\udcff", "a b", "\x1b[2J", "x\ny",
]
_KEYWORDS = [
    "path", "linkpath", "size", "mtime", "GNU.sparse.major", "GNU.sparse.minor", "GNU.sparse.name", "GNU.sparse.map",
]
_WORDS = ["", "0", "1", "-1", "99999999999999", "nan", "../ESCAPED", "/ESCAPED", "app/x", "1,2,3", "a" * 5000, "a\0b"]
# fmt: on
_NAMES = st.lists(st.sampled_from(_PARTS), min_size=1, max_size=5).map("/".join)
_PAX = st.dictionaries(st.sampled_from(_KEYWORDS), st.sampled_from(_WORDS) | _NAMES, max_size=2)


@st.composite
def changed_members(draw: Any, original: bytes, name: str, outside: str) -> bytes:
    """Draw a tar from the one `original`, of the release `name`: some of its members, and some of an attacker's.

    `outside` is the absolute path of a folder that nothing may be written to.
    """
    into = io.BytesIO()
    form = draw(st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT]))
    with tarfile.open(fileobj=into, mode="w", format=form, errors="surrogateescape") as archive:
        for _ in range(draw(st.integers(0, 5))):
            _add(archive, draw(members(name, outside)))
        if draw(st.booleans()):
            _add_chain(archive, name, draw(st.integers(1, 6)))
        with tarfile.open(fileobj=io.BytesIO(original)) as read:
            found = read.getmembers()
            left_out = draw(st.sets(st.integers(0, len(found) - 1), max_size=3))
            twice = draw(st.integers(-3, len(found) - 1))
            for number, member in enumerate(found):
                content = read.extractfile(member) if member.isreg() else None
                data = content.read() if content else b""
                if number not in left_out:
                    _add(archive, (member, data))
                if number == twice:
                    member.mode = draw(st.sampled_from([0o644, 0o4755, 0o777, 0]))
                    _add(archive, (member, b"x" * len(data)))
        for _ in range(draw(st.integers(0, 2))):
            _add(archive, draw(members(name, outside)))
    return into.getvalue()


@st.composite
def members(draw: Any, name: str, outside: str) -> tuple[tarfile.TarInfo, bytes]:
    """Draw one member of an attacker."""
    front = draw(
        st.sampled_from([f"{name}/", f"{name}/", f"{name}/", "", "../", f"{outside}/", f"{name}/../", "other/"])
    )
    member = tarfile.TarInfo(front + draw(_NAMES))
    member.type = draw(st.sampled_from(_TYPES))
    member.mode = draw(st.sampled_from([0o644, 0o755, 0o4755, 0o777, 0, 0o7777]))
    data = draw(st.sampled_from([b"", b"x", b"#!/bin/sh\n", b"0" * 600]))
    if member.type in (tarfile.SYMTYPE, tarfile.LNKTYPE):
        target = draw(_NAMES | st.sampled_from(["..", "../..", "../../..", outside, "/", "", "x/..", "c/..", "."]))
        member.linkname = draw(st.sampled_from(["", f"{outside}/", "../../", f"{name}/"])) + target
        data = b""
    member.size = draw(st.sampled_from([len(data), len(data), len(data), 0, 1 << 33, 511, 513]))
    member.uid, member.mtime = draw(st.sampled_from([0, 1 << 40])), draw(st.sampled_from([0, -1, 1 << 40]))
    member.pax_headers = draw(_PAX)
    return member, data


def _add_chain(archive: tarfile.TarFile, name: str, length: int) -> None:
    """Add links of which each leads out by one level more than its text says, and a file behind the last."""
    for folder in (name, f"{name}/x", f"{name}/x/y"):
        member = tarfile.TarInfo(folder)
        member.type, member.mode = tarfile.DIRTYPE, 0o755
        _add(archive, (member, b""))
    before = "../.."
    for letter in "cdefgh"[:length]:
        member = tarfile.TarInfo(f"{name}/x/y/{letter}")
        member.type, member.linkname = tarfile.SYMTYPE, before
        _add(archive, (member, b""))
        before = f"{letter}/.."
    member = tarfile.TarInfo(f"{name}/x/y/{'cdefgh'[length - 1]}/ESCAPED")
    member.size, member.mode = 1, 0o755
    _add(archive, (member, b"x"))


def _add(archive: tarfile.TarFile, drawn: tuple[tarfile.TarInfo, bytes]) -> None:
    """Add a member as it is; one that the format cannot say at all is left out."""
    member, data = drawn
    try:
        header = member.tobuf(archive.format, "utf-8", "surrogateescape")  # type: ignore[arg-type]
    except (ValueError, OverflowError):
        return
    archive.fileobj.write(header + data + b"\0" * (-len(data) % tarfile.BLOCKSIZE))  # type: ignore[union-attr]


def packed_anew(tar: bytes, how: str) -> bytes:
    """Return a tar as an archive: as it is, in gzip, in gzip behind a script, or torn off in the middle of it."""
    if how == "plain":
        return tar
    data = gzip.compress(tar, 1, mtime=0)
    return {"gzip": data, "script": b"#!/bin/sh\nexit 1\n" + data, "torn": data[: len(data) // 2]}[how]
