"""Is a release on this host as it was built? Every file, folder and link of its root, against the version's record.

What is the operator's is not compared: `var`, `env.sh`, `allowed_signers`, and the `env_file` where it lies below the
root. The launcher, `releases/default` and whatever else lies outside of the versions' folders belongs to all of them
and is that of one: each version that is unpacked replaces it.

A folder or file may be closed to others than its owner, as `tar` under a tight umask makes it. More rights than it was
built with are a problem, and so is an owner who lacks some.
"""

from __future__ import annotations

import os
import stat

from ..failures import DAMAGED, Failure
from ..versions import STAGED
from . import record
from .record import FOLDER, LINK, Member, differs, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..layout import Layout
    from ..manifest import Manifest

ALLOWED_SIGNERS = "allowed_signers"
"""The operator's file below the root: whose archives `unpack` takes."""
NOT_PART = "not part of the release"
"""What ends the sentence about something that was not built."""
_ENV = "env.sh"
_OWNER = 0o700
_OTHERS_WRITE = 0o002
_SET_GROUP_ID = 0o2000
"""Of a folder: inherited from the one above it, and no right of anybody's."""


class Difference:
    """One path that is not as it was built."""

    __slots__ = ("path", "told")

    def __init__(self, path: str, told: str) -> None:
        self.path = path  # below the root
        self.told = told  # in a sentence, the path in front

    def __repr__(self) -> str:
        return self.told


class Tree:
    """What was found of a version and of what it shares with others."""

    __slots__ = ("count", "differences", "is_env_edited")

    def __init__(self, count: int, differences: list[Difference], *, is_env_edited: bool) -> None:
        self.count = count  # of the files, folders and links that are recorded
        self.differences = differences
        self.is_env_edited = is_env_edited

    @property
    def problems(self) -> tuple[str, ...]:
        return tuple(difference.told for difference in self.differences)

    def of_version(self, version: str) -> tuple[str, ...]:
        """Return the problems of the version's own folder and of interpreters, without what all versions share."""
        own = (f"releases/{version}/", "python-")
        return tuple(each.told for each in self.differences if each.path.startswith(own))

    @property
    def of_release(self) -> list[Difference]:
        """The differences without what somebody has laid into the root itself, the archive for one."""
        return [each for each in self.differences if "/" in each.path or not each.told.endswith(NOT_PART)]


def record_path(root: str, version: str) -> str:
    """Return where the record of a version lies."""
    return os.path.join(root, "releases", version, record.NAME)


def load_record(root: str, version: str) -> dict[str, Member]:
    """Return the record of a version.

    Raises:
        Failure: there is none, or it is damaged.
    """
    path = record_path(root, version)
    try:
        return record.load(path)
    except record.RecordError as error:
        raise Failure(
            f"cannot use {path}, which says how the release was built: {error}",
            DAMAGED,
            now="nothing was compared",
            hint="`unpack --repair` of the archive that it came with puts it back",
        ) from error


def compare(layout: Layout, manifest: Manifest, own: dict[str, Member] | None = None) -> Tree:
    """Return what differs of the version of `layout`, whose manifest is `manifest`, and of the root around it.

    `own` is its record, where that is known from elsewhere than its folder.

    Raises:
        Failure: its record cannot be used, or something cannot be read.
    """
    root = layout.root
    own = dict(own) if own is not None else load_record(root, layout.version)
    others = _records_of_others(layout)
    try:
        return _compare(layout, manifest, own, others)
    except OSError as error:
        raise Failure(f"cannot read {error.filename}: {error.strerror}", DAMAGED) from error


def compare_members(root: str, members: Mapping[str, Member]) -> list[Difference]:
    """Return what differs of `members`, by path below `root`, and what lies in their folders besides.

    Raises:
        OSError: something cannot be read.
    """
    found = [_difference(root, path, (member,)) for path, member in members.items()]
    for top in sorted(path for path, member in members.items() if "/" not in path and member.kind == FOLDER):
        if os.path.isdir(os.path.join(root, top)):
            inside = (f"{top}/{path}" for path in record.paths_below(os.path.join(root, top)))
            found += [_unknown(path) for path in inside if path not in members]
    return _sorted(found)


def _compare(layout: Layout, manifest: Manifest, own: dict[str, Member], others: dict[str, dict[str, Member]]) -> Tree:
    root, home = layout.root, f"releases/{layout.version}"
    env = own.pop(f"{home}/{_ENV}", None)
    is_edited = _is_edited(os.path.join(root, home, _ENV), env)
    found: list[Difference | None] = [
        Difference(path, f"{path}: others may write to it (mode {mode:04o})")
        for path in (".", f"{home}/{_ENV}")
        if (mode := _mode(os.path.join(root, path))) & _OTHERS_WRITE
    ]
    for path, member in own.items():
        is_own = path.startswith((f"{home}/", "python-"))
        allowed = (member, *(() if is_own else (other[path] for other in others.values() if path in other)))
        found.append(_difference(root, path, allowed))
    known = {*own, *(path for other in others.values() for path in other), home, "releases"}
    known |= {f"{home}/{name}" for name in record.UNRECORDED}
    skipped = _not_compared(layout, manifest, others)

    def is_skipped(path: str) -> bool:
        """Note what is not known, and go into no folder of that kind."""
        if path in skipped or _is_staged(path) or (path not in known and is_var(os.path.join(root, path))):
            return True
        if path in known:
            return False
        found.append(_unknown(path))
        return True

    for _ in record.paths_below(root, is_skipped):
        pass
    return Tree(len(own) + (env is not None), _sorted(found), is_env_edited=is_edited)


def _records_of_others(layout: Layout) -> dict[str, dict[str, Member]]:
    """Return the records of the other versions; one that has none that can be used has an empty one."""
    found: dict[str, dict[str, Member]] = {}
    folder = os.path.join(layout.root, "releases")
    for name in os.listdir(folder):
        if name == layout.version or not os.path.isfile(os.path.join(folder, name, "manifest.json")):
            continue
        try:
            found[name] = record.load(record_path(layout.root, name))
        except record.RecordError:
            found[name] = {}
    return found


def _not_compared(layout: Layout, manifest: Manifest, others: Iterable[str]) -> set[str]:
    """Return the paths below the root that are the operator's, or another version's own."""
    home = f"releases/{layout.version}"
    skipped = {"var", ALLOWED_SIGNERS, f"{home}/{_ENV}", *(f"releases/{name}" for name in others)}
    for path in (layout.var, os.path.join(layout.root, manifest.env_file.removeprefix("-"))):
        relative = os.path.relpath(path, layout.root)
        if not relative.startswith(".."):
            skipped.add(relative)
    return skipped


def _is_staged(path: str) -> bool:
    """Tell whether `unpack` or `remove` is at work there, or was killed."""
    return path.startswith(f"releases/{STAGED}") and path.count("/") == 1


def is_var(path: str) -> bool:
    """Tell whether a release writes there: `RELEASE_VAR` may have named it to another one than this process."""
    return os.path.isfile(os.path.join(path, "run", "lock"))


def _mode(path: str) -> int:
    """Return the permission bits of what is there, 0 if nothing is."""
    try:
        return stat.S_IMODE(os.stat(path).st_mode)
    except FileNotFoundError:
        return 0


def _is_edited(path: str, built: Member | None) -> bool:
    try:
        return built is not None and record.sha256_of(path) != built.sha256
    except FileNotFoundError:
        return True
    except PermissionError:
        return False  # it holds secrets of another user; the rest is compared all the same


def _difference(root: str, path: str, allowed: tuple[Member, ...]) -> Difference | None:
    """Return how what lies at `path` differs from each of what is allowed there; nothing where it does not."""
    full = os.path.join(root, path)
    try:
        found: Member | None = record.look_at(full, record.sha256_of)
    except (FileNotFoundError, NotADirectoryError):
        found = None
    told = [differs(path, _as_built(found, built), built) for built in allowed]
    return Difference(path, told[0]) if all(told) else None


def _as_built(found: Member | None, built: Member) -> Member | None:
    """Return `found`, with the mode of `built` if it gives nobody more and its owner no less."""
    if found is None or found.kind == LINK:
        return found
    mode = found.mode & ~_SET_GROUP_ID if found.kind == FOLDER else found.mode
    is_fine = not mode & ~built.mode and mode & _OWNER == built.mode & _OWNER
    return Member(
        found.kind, mode=built.mode if is_fine else found.mode, size_bytes=found.size_bytes, sha256=found.sha256
    )


def _unknown(path: str) -> Difference:
    return Difference(path, f"{quoted(path)[1:-1]}: {NOT_PART}")


def _sorted(found: Iterable[Difference | None]) -> list[Difference]:
    return sorted((each for each in found if each is not None), key=lambda each: each.path)
