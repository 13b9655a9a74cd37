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
import shutil

from . import record, tree_check
from .archive_contents import Contents, NotAsBuilt, read_contents
from .archive_reader import Archive, Damaged, NoArchive, open_file
from .archive_rules import Refused, quoted
from .failures import DAMAGED, FAILED, Failure
from .layout import Layout
from .record import FOLDER, Member
from .signatures import read_small
from .startup import check_host
from .unpack import write_through
from .versions import STAGED, remove_leftovers, take_lock
from .vouched import Vouched, check_signed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

    from .context import Context

_NOTHING = "nothing was unpacked"


class Unpacked:
    """What became of an archive."""

    __slots__ = ("is_new", "replaced", "signer", "version")

    def __init__(self, version: str, signer: str, *, is_new: bool, replaced: list[str]) -> None:
        self.version = version
        self.is_new = is_new  # it was not there before
        self.replaced = replaced  # paths below the root whose content is another one now
        self.signer = signer  # who vouches for it, in words; empty when nobody was asked


def unpack_archive(
    context: Context, path: str, *, allowed_signers: str = "", identity: str = "", repair: bool = False
) -> Unpacked:
    """Lay the version in the archive `path` beside those that are there.

    Somebody in the file `allowed_signers` must have signed it, `identity` if that is given; without, the file of that
    name in the root counts if there is one. With `repair` what is not as it was built of a version that is there is
    replaced.

    Raises:
        Failure: the archive is damaged, not signed, another release's, for another platform, or does not fit; nothing
            was changed.
    """
    own = os.path.join(context.layout.root, tree_check.ALLOWED_SIGNERS)
    allowed_signers = allowed_signers or (own if os.path.lexists(own) else "")
    lock = take_lock(context)
    umask = os.umask(0o022)
    try:
        with _opened(path) as file:
            vouched = _vouched(path, file, allowed_signers, identity)
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


def _vouched(path: str, file: IO[bytes], allowed_signers: str, identity: str) -> Vouched | None:
    if not allowed_signers:
        return None
    try:
        return check_signed(path, file, allowed_signers, identity)
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}", FAILED, now=_NOTHING) from error
    except Failure as failure:
        failure.now = f"{_NOTHING}: this host takes only what somebody in {allowed_signers} has signed"
        raise


def _read(context: Context, path: str, file: IO[bytes], vouched: Vouched | None) -> Contents:
    """Return what is in the archive; all of it has been read and judged.

    Raises:
        Failure: it cannot be used, or is another release's.
    """
    hint = "copy it anew, and compare its checksum"
    try:
        contents = read_contents(Archive(file), vouched.record_sha256 if vouched else "")
    except NoArchive as error:
        zstd = f"`zstd -d {os.path.basename(path)}` makes a .tar of it first" if "Zstandard" in str(error) else ""
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
    is_there = os.path.exists(os.path.join(home, "manifest.json"))
    if is_there:
        _check_same_build(context, contents)
        problems = _tree(context, contents).problems
        if problems and not repair:
            raise _not_as_built(context, path, contents, problems)
        if not problems and not (repair and vouched and not _has_checksums(home, vouched)):
            return Unpacked(version, signer, is_new=False, replaced=[])
    staged = os.path.join(releases, f"{STAGED}{os.getpid()}")
    try:
        os.mkdir(staged)
        contents.extract(staged)
        if vouched:
            _keep_checksums(os.path.join(staged, "releases", version), vouched)
        write_through(staged)
        placing = _Placing(context, contents, staged)
        replaced = placing.repair() if is_there else placing.add()
        write_through(context.layout.root)
        return Unpacked(version, signer, is_new=not is_there, replaced=replaced)
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

    Raises:
        Failure: it did not, or its record is gone.
    """
    root, version = context.layout.root, contents.version
    try:
        is_same = record.sha256_of(tree_check.record_path(root, version)) == contents.record_sha256
    except FileNotFoundError:
        is_same = False
    if not is_same:
        raise Failure(
            f"another build of {context.name} {version} is there already",
            FAILED,
            now=f"nothing was unpacked; releases/{version} is as it was",
            hint=f"`{context.name} remove {version}` makes room for it",
        )


def _tree(context: Context, contents: Contents) -> tree_check.Tree:
    """Return what was found of the version of an archive that is there already."""
    layout = Layout(context.layout.root, contents.version, context.layout.var)
    return tree_check.compare(layout, contents.manifest)


def _not_as_built(context: Context, path: str, contents: Contents, problems: tuple[str, ...]) -> Failure:
    return Failure(
        f"{context.name} {contents.version} is there already, the same build, and is not as it was built",
        FAILED,
        details=problems,
        now="nothing was changed",
        hint=f"`{context.name} unpack --repair {path}` puts back what differs, and leaves env.sh alone",
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


class _Placing:
    """Moves what was staged to its place."""

    def __init__(self, context: Context, contents: Contents, staged: str) -> None:
        self._root = context.layout.root
        self._context = context
        self._contents = contents
        self._staged = staged
        self._home = f"releases/{contents.version}"
        self._wrong = 0

    def add(self) -> list[str]:
        """Put a version there that is not; return what was replaced of the things that all versions share.

        Raises:
            Failure: an interpreter that is there is not as it was built.
            OSError: something cannot be moved; the version is not there.
        """
        self._check_pythons()
        replaced = [path for path, member in self._shared() if self._replace(path, member)]
        home = os.path.join(self._root, self._home)
        if os.path.lexists(home):  # left by something that does not know how a version is put there
            os.rename(home, os.path.join(self._staged, "incomplete"))
        os.rename(os.path.join(self._staged, self._home), home)
        return replaced

    def repair(self) -> list[str]:
        """Replace what differs of a version that is there, each by a rename; return the paths.

        Raises:
            OSError: something cannot be moved; calling it again goes on.
        """
        paths = [difference.path for difference in _tree(self._context, self._contents).differences]
        whole = ""
        for path in paths:
            if not whole or not path.startswith(f"{whole}/"):
                whole = path if self._put_back(path) else ""
        for name in (record.CHECKSUMS, f"{record.CHECKSUMS}.sig"):
            staged = os.path.join(self._staged, self._home, name)
            if os.path.exists(staged):
                os.rename(staged, os.path.join(self._root, self._home, name))
        return paths

    def _put_back(self, path: str) -> bool:
        """Have at `path` what was built; tell whether that is a folder with all that belongs in it."""
        place, staged = os.path.join(self._root, path), os.path.join(self._staged, path)
        member = self._contents.record.get(path)
        if member is not None and member.kind == FOLDER and os.path.isdir(place) and not os.path.islink(place):
            os.chmod(place, member.mode)
            return False
        if os.path.lexists(place):
            self._wrong += 1
            os.rename(place, os.path.join(self._staged, f"wrong-{self._wrong}"))
        if member is None:
            return False
        os.rename(staged, place)
        return member.kind == FOLDER

    def _shared(self) -> list[tuple[str, Member]]:
        """Return what lies outside of the version's folder, but for the file that only a first version brings."""
        return [
            (path, member)
            for path, member in self._contents.record.items()
            if not f"{path}/".startswith("releases/") and not self._is_in_python(path)
        ]

    def _is_in_python(self, path: str) -> bool:
        bundled = self._contents.manifest.python.bundled
        return bool(bundled) and path.startswith(f"{bundled}/")

    def _replace(self, path: str, member: Member) -> bool:
        """Put one shared thing in its place; tell whether something else was there."""
        place = os.path.join(self._root, path)
        is_there = os.path.lexists(place)
        if member.kind == FOLDER and is_there:
            return False
        found = record.look_at(place, record.sha256_of) if is_there else None
        if found == member:
            return False
        os.rename(os.path.join(self._staged, path), place)
        return is_there

    def _check_pythons(self) -> None:
        bundled = self._contents.manifest.python.bundled
        if not bundled or not os.path.lexists(os.path.join(self._root, bundled)):
            return
        members = {
            path: member for path, member in self._contents.record.items() if f"{path}/".startswith(f"{bundled}/")
        }
        differences = tree_check.compare_members(self._root, members)
        if differences:
            raise Failure(
                f"the interpreter {bundled} is there already, and is not as it was built",
                FAILED,
                details=tuple(difference.said for difference in differences[:20]),
                now=_NOTHING,
                hint=f"`{self._context.name} verify` tells more; `unpack --repair` of the version that brought it "
                "puts it back",
            )
