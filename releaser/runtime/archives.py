"""How does a version get from an archive into the root? Read, staged beside the others, checked, and renamed.

::

    releases/.unpack-PID/           the members as they come; removed whatever goes wrong
        digests, name, platform     nothing else has been touched so far
    python-3.11.7-HASH/             renamed to its place unless it is there: the same name means the same content
    bin/NAME                        replaced, by rename
    releases/1.4.0/                 renamed to its place: the point of no return

The lock is that of `versions`; a staged folder that somebody finds while holding it belongs to the dead.
"""

from __future__ import annotations

import errno
import filecmp
import os
import shutil
import tarfile
import zlib

from .failures import DAMAGED, FAILED, Failure
from .manifest import ManifestError, load
from .startup import check_host
from .tree_check import compare
from .unpack import write_through
from .versions import take_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .context import Context
    from .manifest import Manifest

_STAGED = ".unpack-"
_NOTHING = "nothing was unpacked"
_GZIP = b"\x1f\x8b\x08\x00"
_ZSTD = b"\x28\xb5\x2f\xfd"
_PIECE_BYTES = 1024 * 1024
_SCRIPT_BYTES = 64 * 1024
"""More than the script in front of the archive of a file that runs."""


class _Refused(Exception):
    """The archive is not one of a release; the text says why."""


def unpack_archive(context: Context, path: str) -> tuple[str, bool]:
    """Lay the version in the archive `path` beside those that are there; return it, and whether it was new.

    Raises:
        Failure: the archive is damaged, another release's, for another platform, or does not fit; nothing was changed.
    """
    releases = os.path.join(context.layout.root, "releases")
    lock = take_lock(context)
    umask = os.umask(0o022)
    staged = os.path.join(releases, f"{_STAGED}{os.getpid()}")
    try:
        _remove_leftovers(releases)
        try:
            os.mkdir(staged)
            _extract(path, staged, context.name)
            return _place(context, path, staged)
        except (tarfile.TarError, zlib.error, EOFError, _Refused) as error:
            raise Failure(f"cannot use the archive {path}: {error}", DAMAGED, now=_NOTHING) from error
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            hint = f"`{context.name} remove VERSION` makes room" if full else ""
            where = path if error.filename == path else releases
            raise Failure(
                f"cannot unpack {path}: {where}: {error.strerror or error}", FAILED, now=_NOTHING, hint=hint
            ) from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)
        os.umask(umask)
        os.close(lock)


def remove_version(context: Context, version: str) -> None:
    """Remove a version's folder: it is gone from its place by one rename before the first file goes.

    Raises:
        Failure: somebody unpacks or removes at this moment.
        OSError: it cannot be removed.
    """
    releases = os.path.join(context.layout.root, "releases")
    lock = take_lock(context)
    try:
        _remove_leftovers(releases)
        gone = os.path.join(releases, f"{_STAGED}{os.getpid()}")
        os.rename(os.path.join(releases, version), gone)
        shutil.rmtree(gone)
    finally:
        os.close(lock)


def _remove_leftovers(releases: str) -> None:
    for name in os.listdir(releases):
        if name.startswith(_STAGED):
            shutil.rmtree(os.path.join(releases, name), ignore_errors=True)


def _extract(path: str, to: str, name: str) -> None:
    with open(path, "rb") as raw:
        beginning = raw.read(_SCRIPT_BYTES)
        if beginning.startswith(_ZSTD):
            raise _Refused(f"it is compressed with zstd; `zstd -d {os.path.basename(path)}` makes a .tar of it first")
        raw.seek(max(beginning.find(_GZIP), 0) if beginning.startswith(b"#!") else 0)
        with tarfile.open(fileobj=raw, mode="r|*") as archive:
            for member in archive:
                _extract_member(archive, member, to, name)


def _extract_member(archive: tarfile.TarFile, member: tarfile.TarInfo, to: str, name: str) -> None:
    parts = member.name.split("/")
    if parts[0] != name:
        raise _Refused(f"it holds '{member.name}', and this release is '{name}'")
    if ".." in parts or "" in parts[:-1]:
        raise _Refused(f"'{member.name}' would lie outside of it")
    target = os.path.join(to, *parts[1:])
    if member.isdir():
        os.makedirs(target, exist_ok=True)
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if member.issym():
        _check_link(member.linkname, parts)
        os.symlink(member.linkname, target)
        return
    content = archive.extractfile(member) if member.isreg() else None
    if content is None:
        raise _Refused(f"'{member.name}' is neither a file, a folder nor a link")
    mode = 0o755 if member.mode & 0o100 else 0o644
    with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as file:
        shutil.copyfileobj(content, file, _PIECE_BYTES)
        if file.tell() != member.size:
            raise _Refused(f"'{member.name}' ends early")


def _check_link(link: str, parts: list[str]) -> None:
    """Refuse a link that leaves the release's root: a member behind it would be written anywhere."""
    where = os.path.normpath("/".join([*parts[1:-1], link]))
    if link.startswith("/") or where.startswith(".."):
        raise _Refused(f"the link '{'/'.join(parts)}' leads out of it")


def _place(context: Context, path: str, staged: str) -> tuple[str, bool]:
    version, manifest = _check(context, path, staged)
    root = context.layout.root
    home = os.path.join(root, "releases", version)
    arrived = os.path.join(staged, "releases", version)
    if os.path.exists(os.path.join(home, "manifest.json")):
        if filecmp.cmp(f"{home}/manifest.json", f"{arrived}/manifest.json", shallow=False):
            return version, False
        raise Failure(
            f"another build of {context.name} {version} is there already",
            FAILED,
            now=f"nothing was unpacked; releases/{version} is as it was",
            hint=f"`{context.name} remove {version}` makes room for it",
        )
    write_through(staged)
    _place_python(root, staged, manifest.python.bundled)
    launcher = os.path.join(staged, "bin", context.name)
    if os.path.exists(launcher) and not filecmp.cmp(launcher, context.prog, shallow=False):
        os.rename(launcher, context.prog)
    if os.path.exists(home):  # left by something that does not know how a version is put there
        os.rename(home, os.path.join(staged, "incomplete"))
    os.rename(arrived, home)
    write_through(root)
    return version, True


def _place_python(root: str, staged: str, bundled: str) -> None:
    if bundled and not os.path.exists(os.path.join(root, bundled)):
        os.rename(os.path.join(staged, bundled), os.path.join(root, bundled))


def _check(context: Context, path: str, staged: str) -> tuple[str, Manifest]:
    """Return version and manifest of what was staged.

    Raises:
        Failure: it is not whole, not this release's, or not for this host.
        _Refused: it is no release at all.
    """
    folder = os.path.join(staged, "releases")
    names = os.listdir(folder) if os.path.isdir(folder) else []
    versions = [name for name in names if os.path.exists(os.path.join(folder, name, "manifest.json"))]
    if len(versions) != 1:
        raise _Refused("it holds no complete version" if not versions else "it holds more than one version")
    version = versions[0]
    try:
        manifest = load(os.path.join(folder, version, "manifest.json"))
    except ManifestError as error:
        raise Failure(f"cannot use the archive {path}: {error}", DAMAGED, now=_NOTHING) from error
    if (manifest.name, manifest.version) != (context.name, version):
        raise _Refused(f"it is of {manifest.name} {manifest.version}, and was packed as {context.name} {version}")
    problems, _ = compare(staged, manifest)
    if problems:
        raise Failure(
            f"cannot use the archive {path}: it is not as it was built",
            DAMAGED,
            details=tuple(problems),
            now=_NOTHING,
            hint="copy it anew, and compare its checksum",
        )
    check_host(manifest, now=_NOTHING)
    return version, manifest
