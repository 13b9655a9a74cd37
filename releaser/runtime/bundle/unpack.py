"""How the bundle's zipapp becomes a folder, and how that folder goes again; everything here holds one lock.

Not imported by a start that finds the bundle unpacked: zipfile and shutil cost 40 ms.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import zipfile
import zlib

from ..release.failures import DAMAGED, Failure
from ..release.files import write_through
from .tree import TREE, share
from .unpacked import fail_to_write, folder_of_bundles, interpreter, is_unpacked, lay_out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from ..release.context import Context

_LOCK = ".lock"
_PARTIAL = ".partial-"
PREFIX = "site-packages/"
"""Of the members of the zipapp that are unpacked as packages."""
PROGRAMS = "bin/"
"""Of those that are unpacked beside the interpreter, as a virtual environment has them."""
TREE_MEMBERS = "site-packages-app/"
"""Of the project's own files, unpacked below `app/`. shiv's bootstrap takes whatever begins with `site-packages`."""
_PIECE_BYTES = 1024 * 1024
_BY_ITS_NAMES = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL)
"""What the names in a zipapp can bring about in an empty folder: twice, below a file, too long."""


class _Damaged(Exception):
    """The zipapp is not what the builder wrote."""


def unpack(context: Context) -> None:
    """Unpack the bundle of this version unless somebody else did while this process waited for the lock.

    Raises:
        Failure: the zipapp is missing or damaged, or `var` cannot hold it; nothing is left behind.
    """
    try:
        _locked(context, _unpack_locked)
    except OSError as error:
        fail_to_write(context, "unpack the bundle into", error)


def prune(context: Context, keep_ids: Collection[str]) -> list[str]:
    """Remove the unpacked bundles that are not kept and return their ids; see `activation.prune`."""
    removed: list[str] = []

    def remove(context: Context) -> None:
        folder = folder_of_bundles(context)
        for name in sorted(os.listdir(folder)):
            if name.startswith(".") or name in keep_ids:
                continue
            partial = os.path.join(folder, _PARTIAL + name)
            os.rename(os.path.join(folder, name), partial)
            shutil.rmtree(partial)
            removed.append(name)

    if os.path.isdir(folder_of_bundles(context)):
        try:
            _locked(context, remove)
        except OSError as error:
            fail_to_write(context, "remove unpacked bundles from", error, f"removed before that: {len(removed)}")
    return removed


def _locked(context: Context, action: Callable[[Context], None]) -> None:
    """Run `action` as the only process that changes `var/bundles`; partial folders found then belong to the dead."""
    folder = folder_of_bundles(context)
    umask = os.umask(0o022)
    try:
        os.makedirs(folder, exist_ok=True)
        lock = os.open(os.path.join(folder, _LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for name in os.listdir(folder):
                if name.startswith(_PARTIAL):
                    shutil.rmtree(os.path.join(folder, name))
            action(context)
        finally:
            os.close(lock)
    finally:
        os.umask(umask)


def _unpack_locked(context: Context) -> None:
    if is_unpacked(context):
        return
    manifest = context.manifest
    source = os.path.join(context.layout.release, manifest.bundle.file)
    partial = os.path.join(folder_of_bundles(context), _PARTIAL + manifest.bundle.id)
    site_packages = os.path.join(partial, "lib", f"python{manifest.python.version}", "site-packages")
    try:
        os.makedirs(site_packages)
        _refuse_noexec(context, partial)
        _extract(context, source, partial, site_packages)
        lay_out(partial, interpreter())
        write_through(partial)
        _publish(partial, context.layout.bundle(manifest.bundle.id))
        write_through(folder_of_bundles(context))
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _publish(partial: str, home: str) -> None:
    """Rename the complete folder to its name; what somebody left there without site-packages goes first."""
    try:
        os.rename(partial, home)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise
        rubbish = f"{partial}.old"
        os.rename(home, rubbish)
        os.rename(partial, home)
        shutil.rmtree(rubbish, ignore_errors=True)


def _refuse_noexec(context: Context, folder: str) -> None:
    """A bundle with extension modules cannot run from a file system mounted `noexec`; say it before dlopen does."""
    if context.manifest.python.platform != "any" and os.statvfs(folder).f_flag & os.ST_NOEXEC:
        raise Failure(
            f"cannot run the bundle from {context.layout.var}: its file system is mounted noexec, "
            "and the bundle holds extension modules",
            now="nothing was started",
            hint="RELEASE_VAR names another folder to write to",
        )


def _extract(context: Context, source: str, home: str, site_packages: str) -> None:
    needed_bytes = 0
    try:
        with _opened(source) as archive:
            tree = os.path.join(home, TREE)
            members = {
                folder: [member for member in archive.infolist() if member.filename.startswith(prefix)]
                for prefix, folder in (
                    (PREFIX, site_packages),
                    (PROGRAMS, os.path.join(home, "bin")),
                    (TREE_MEMBERS, tree),
                )
            }
            if not members[site_packages]:
                raise _Damaged("it holds no site-packages")
            needed_bytes = sum(member.file_size for each in members.values() for member in each)
            made: set[str] = {site_packages}
            for folder, each in members.items():
                for member in each:
                    _extract_member(archive, member, folder, made)
        if context.manifest.bundle.tree == TREE:
            os.makedirs(tree, exist_ok=True)
            share(context, tree)
    except (_Damaged, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise _damaged(context, source, error) from error
    except OSError as error:
        if error.errno in _BY_ITS_NAMES:
            raise _damaged(context, source, error) from error
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise Failure(
            f"cannot unpack the bundle into {context.layout.var}: {error.strerror}; "
            f"it needs {max(1, needed_bytes // 1_000_000)} MB",
            now="nothing was started, and what was unpacked is removed",
            hint="RELEASE_VAR names another folder to write to",
        ) from error


def _damaged(context: Context, source: str, error: Exception) -> Failure:
    return Failure(
        f"cannot unpack {source}: the file is damaged: {error}",
        DAMAGED,
        now="nothing was started, and what was unpacked is removed",
        hint=f"`{context.name} unpack --repair {context.name}-{context.layout.version}.tar.gz` puts it back",
    )


def _opened(source: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(source)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EACCES, errno.EIO, errno.EISDIR):
            raise _Damaged(error.strerror) from error
        raise


def _extract_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, home: str, made: set[str]) -> None:
    """Write one member; modes come out as 0755 and 0644, `made` are the folders that exist."""
    relative = member.filename.partition("/")[2]
    if ".." in relative.split("/") or relative.startswith("/"):
        raise _Damaged(f"the member {member.filename} points outside of it")
    path = os.path.join(home, relative)
    folder = os.path.dirname(path)
    if folder not in made:
        os.makedirs(folder, exist_ok=True)
        made.add(folder)
    if not relative or relative.endswith("/"):
        return
    target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode_of(member))
    with open(target, "wb", buffering=0) as file, archive.open(member) as content:
        while piece := content.read(_PIECE_BYTES):
            view = memoryview(piece)
            while view:
                view = view[file.write(view) :]


def mode_of(member: zipfile.ZipInfo) -> int:
    """Return the mode that a member's file has once it is unpacked."""
    return 0o755 if (member.external_attr >> 16) & 0o111 else 0o644
