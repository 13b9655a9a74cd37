"""How does a version get from an archive into the root? Judged whole, staged beside the others, and renamed.

::

    the archive is read, and judged by its signature, its members and its record; nothing has been written
    releases/.unpack-PID/           the members, each compared with the record as it is written
    python-3.11.7-HASH/             renamed to its place unless it is there, as it was built
    bin/NAME                        replaced, by rename
    releases/1.4.0/                 renamed to its place: the point of no return

The lock is that of `versions`; a staged folder that somebody finds while holding it belongs to the dead.
"""

from __future__ import annotations

import errno
import os
import shlex
import shutil

from ..release.checking import record, tree_check
from ..release.checking.host import check_host
from ..release.checking.record import quoted
from ..release.checking.signatures import read_small
from ..release.failures import DAMAGED, FAILED, Failure
from ..release.files import write_through
from ..release.versions import STAGED, remove_leftovers, take_lock
from .contents import Contents, NotAsBuilt, read_contents
from .placing import Placing
from .reader import Archive, Damaged, NoArchive, open_file
from .rules import Refused
from .vouched import Vouched, check_signed
from .zstd_program import unpacked_by_zstd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import IO

    from ..release.context import Context

_NOTHING = "nothing was unpacked"


class Unpacked:
    """What became of an archive."""

    __slots__ = ("is_new", "left", "replaced", "signer", "version")

    def __init__(
        self, version: str, signer: str, *, is_new: bool, replaced: Sequence[str] = (), left: Sequence[str] = ()
    ) -> None:
        self.version = version
        self.is_new = is_new  # it was not there before
        self.replaced = replaced  # paths below the root whose content is another one now
        self.left = left  # paths below the root that are not part of the release, and were not touched
        self.signer = signer  # who vouches for it, in words; empty when nobody was asked


def unpack_archive(
    context: Context, path: str, *, allowed_signers: str = "", identity: str = "", repair: bool = False
) -> Unpacked:
    """Lay the version in the archive `path` beside those that are there.

    Somebody in the file `allowed_signers` must have signed it, `identity` if that is given, and somebody in the file of
    that name in the root if there is one. With `repair` what is not as it was built of a version that is there is
    replaced; what is not part of it stays.

    Raises:
        Failure: the archive is damaged, not signed, another release's, for another platform, or does not fit; nothing
            was changed.
    """
    own = os.path.join(context.layout.root, tree_check.ALLOWED_SIGNERS)
    lists = [(allowed_signers, identity)] if allowed_signers else []
    if os.path.lexists(own):
        lists.insert(0, (own, "" if lists else identity))
    lock = take_lock(context)
    umask = os.umask(0o022)
    try:
        with _opened(path) as file:
            vouched = _vouched(path, file, lists)
            contents = _read(context, path, file, vouched)
            check_host(contents.manifest, now=_NOTHING)
            return _place(context, path, contents, vouched, repair=repair)
    finally:
        os.umask(umask)
        os.close(lock)


def _opened(path: str) -> IO[bytes]:
    try:
        return open_file(path)
    except NoArchive as error:
        raise Failure(f"cannot use {path}: {error}", DAMAGED, now=_NOTHING) from error
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}", FAILED, now=_NOTHING) from error


def _vouched(path: str, file: IO[bytes], lists: Sequence[tuple[str, str]]) -> Vouched | None:
    """Return who vouches for the archive, by the last of the lists; somebody in each of them has to."""
    vouched: Vouched | None = None
    for allowed_signers, identity in lists:
        try:
            vouched = check_signed(path, file, allowed_signers, identity)
        except OSError as error:
            raise Failure(f"cannot read {path}: {error.strerror}", FAILED, now=_NOTHING) from error
        except Failure as failure:
            failure.now = f"{_NOTHING}: it is taken only if somebody in {allowed_signers} has signed it"
            raise
    return vouched


def _read(context: Context, path: str, file: IO[bytes], vouched: Vouched | None) -> Contents:
    """Return what is in the archive; all of it has been read and judged.

    Raises:
        Failure: it cannot be used, or is another release's.
    """
    hint = "copy it anew, and compare its checksum"
    try:
        contents = read_contents(Archive(file, zstd=unpacked_by_zstd()), vouched.record_sha256 if vouched else "")
    except NoArchive as error:
        zstd = "install the program zstd, which unpacks it" if "Zstandard" in str(error) else ""
        raise Failure(f"cannot use {path}: {error}", DAMAGED, now=_NOTHING, hint=zstd) from error
    except Damaged as error:
        raise Failure(f"cannot use {path}: damaged archive: {error}", DAMAGED, now=_NOTHING, hint=hint) from error
    except NotAsBuilt as error:
        raise Failure(
            f"cannot use {path}: {error}", DAMAGED, details=tuple(error.problems), now=_NOTHING, hint=hint
        ) from error
    except Refused as error:
        raise Failure(f"cannot use {path}: {error}", DAMAGED, now=_NOTHING) from error
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror or error}", FAILED, now=_NOTHING) from error
    if contents.name != context.name:
        raise Failure(
            f"cannot use {path}: it is of {quoted(contents.name)}, and this release is '{context.name}'",
            DAMAGED,
            now=_NOTHING,
        )
    return contents


def _place(context: Context, path: str, contents: Contents, vouched: Vouched | None, *, repair: bool) -> Unpacked:
    version = contents.version
    releases = os.path.join(context.layout.root, "releases")
    home = os.path.join(releases, version)
    remove_leftovers(releases)
    signer = f"{vouched.signer.identity} with {vouched.signer.key}" if vouched else ""
    is_there = os.path.lexists(os.path.join(home, "manifest.json"))
    staged = os.path.join(releases, f"{STAGED}{os.getpid()}")
    placing = Placing(context, contents, staged)
    if is_there:
        _check_same_build(context, contents)
        problems = tuple(each.told for each in placing.tree().of_release)
        lacks_checksums = vouched is not None and not _has_checksums(home, vouched)
        if problems and not repair:
            raise _not_as_built(context, path, contents, problems)
        if not problems and not (repair and lacks_checksums):
            return Unpacked(version, signer, is_new=False)
    placing.check(is_there=is_there)
    try:
        os.mkdir(staged)
        contents.extract(staged)
        if vouched:
            _keep_checksums(os.path.join(staged, "releases", version), vouched)
        write_through(staged)
        if is_there:
            replaced, left = placing.repair()
        else:
            replaced, left = placing.add(), []
        write_through(context.layout.root)
        return Unpacked(version, signer, is_new=not is_there, replaced=replaced, left=left)
    except (Damaged, Refused) as error:
        raise Failure(f"cannot use {path}: damaged archive: {error}", DAMAGED, now=_NOTHING) from error
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        hint = f"`{context.name} remove VERSION` makes room" if full else ""
        raise Failure(
            f"cannot unpack {path}: {releases}: {error.strerror or error}", FAILED, now=_NOTHING, hint=hint
        ) from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _check_same_build(context: Context, contents: Contents) -> None:
    """Raise unless the version that is there came from an archive of the same content.

    Its record says so, or its manifest: one of them may be what is damaged.

    Raises:
        Failure: neither does.
    """
    root, version = context.layout.root, contents.version
    of_manifest = contents.record[f"releases/{version}/manifest.json"].sha256
    for path, wanted in (
        (tree_check.record_path(root, version), contents.record_sha256),
        (os.path.join(root, "releases", version, "manifest.json"), of_manifest),
    ):
        try:
            if record.sha256_of(path) == wanted:
                return
        except OSError:
            continue
    raise Failure(
        f"another build of {context.name} {version} is there already",
        FAILED,
        now=f"nothing was unpacked; releases/{version} is as it was",
        hint=f"`{context.name} remove {version}` makes room for it",
    )


def _not_as_built(context: Context, path: str, contents: Contents, problems: tuple[str, ...]) -> Failure:
    return Failure(
        f"{context.name} {contents.version} is there already, the same build, and is not as it was built",
        FAILED,
        details=problems,
        now="nothing was changed",
        hint=f"`{context.name} unpack --repair {shlex.quote(path)}` puts back what was changed or is missing, but for "
        "env.sh",
    )


def _has_checksums(folder: str, vouched: Vouched) -> bool:
    """Tell whether what vouches for a version lies in its folder."""
    try:
        return all(read_small(os.path.join(folder, name)) == content for name, content in vouched.kept)
    except (OSError, Failure):
        return False


def _keep_checksums(folder: str, vouched: Vouched) -> None:
    """Keep what vouches for a version in its folder, so that `verify` can ask for it on this host at any time."""
    for name, content in vouched.kept:
        with open(os.path.join(folder, name), "xb") as file:
            file.write(content)
