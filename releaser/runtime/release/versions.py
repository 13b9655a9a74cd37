"""Which versions of a release are there, and which of them boots? Read from the folders alone."""

from __future__ import annotations

import fcntl
import os

from .failures import NOT_NOW, Failure
from .regular import read_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .context import Context
    from .layout import Layout

STAGED = ".unpack-"
"""Begins the name of a folder below `releases`, with a pid behind it, for what comes or goes; whoever finds one while
holding the lock may remove it."""
PREVIOUS = "previous"
"""File in `var`, one line: the version that `current` named before the last upgrade."""

MAX_NAME = 200
"""Letters that the name of a version has at most; a build allows fewer."""
_LONGEST_FILE = 1024 * 1024


class Version:
    """One folder below `releases`."""

    __slots__ = ("is_complete", "name")

    def __init__(self, name: str, *, is_complete: bool) -> None:
        self.name = name
        self.is_complete = is_complete  # its manifest, which is written last, is there


def found_versions(root: str) -> list[Version]:
    """Return the versions below `root`, the oldest folder first."""
    folder = os.path.join(root, "releases")
    names = [name for name in os.listdir(folder) if not name.startswith(".") and os.path.isdir(f"{folder}/{name}")]
    found = [Version(name, is_complete=os.path.exists(f"{folder}/{name}/manifest.json")) for name in names]
    return sorted(found, key=lambda version: (os.stat(f"{folder}/{version.name}").st_mtime, version.name))


def is_version(value: object) -> bool:
    """Tell whether it can be the name of a folder below `releases`, and leads nowhere else."""
    return (
        type(value) is str
        and 0 < len(value) <= MAX_NAME
        and value.isprintable()
        and "/" not in value
        and not value.startswith(".")
    )


def default_version(layout: Layout) -> str:
    """Return the version that boots where `var/current` says nothing, or nothing."""
    return named_version(_default_file(layout))


def booting_version(layout: Layout) -> str:
    """Return the version that the launcher boots, as it finds it, or nothing where it refuses to."""
    return named_version(booting_file(layout))


def booting_file(layout: Layout) -> str:
    """Return the file that says which version boots: `var/current` where anything has that name, else the default's.

    Raises:
        PermissionError: this user may not look into `var`.
    """
    try:
        os.lstat(layout.current)
    except (FileNotFoundError, NotADirectoryError):
        return _default_file(layout)
    return layout.current


def previous_version(layout: Layout) -> str:
    """Return the version before the last upgrade, or nothing."""
    return named_version(previous_file(layout))


def previous_file(layout: Layout) -> str:
    """Return the file that says which version was before the last upgrade."""
    return os.path.join(layout.var, PREVIOUS)


def named_version(path: str) -> str:
    """Return the version that a file names in its first line, or nothing where there is none, or no such name in it.

    Whoever may write to `var` chooses among the versions that are here, and cannot name another folder.

    Raises:
        PermissionError: this user may not read it.
    """
    try:
        line = read_bytes(path, _LONGEST_FILE).partition(b"\n")[0]
    except PermissionError:
        raise
    except OSError:
        return ""
    name = line.decode("utf-8", "surrogateescape")
    return name if is_version(name) else ""


def how_to_name(path: str, names: list[str]) -> str:
    """Return the hint for a file that is to name one of the versions `names`, and does not."""
    return f"{path} is to hold one line, the name of a version that is here: {', '.join(names) or 'there is none'}"


def _default_file(layout: Layout) -> str:
    return os.path.join(layout.root, "releases", "default")


def take_lock(context: Context) -> int:
    """Return the descriptor that holds the lock of all that changes versions: the folder `releases` itself (flock(2)).

    Raises:
        Failure: another one holds it.
    """
    descriptor = os.open(os.path.join(context.layout.root, "releases"), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise Failure(
            f"another unpack, remove or upgrade of {context.name} is at work", NOT_NOW, now="nothing was changed"
        ) from None
    return descriptor


def is_held(path: str) -> bool:
    """Tell whether somebody holds the lock on the file `path`, which need not be there."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe is not waited for
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def remove_leftovers(releases: str) -> None:
    """Remove what others have staged in the folder `releases` and left there; to be called while holding the lock."""
    import shutil

    for name in os.listdir(releases):
        path = os.path.join(releases, name)
        if name.startswith(STAGED) and (os.path.islink(path) or not os.path.isdir(path)):
            os.unlink(path)
        elif name.startswith(STAGED):
            shutil.rmtree(path, ignore_errors=True)


def switch(layout: Layout, version: str, before: str) -> None:
    """Make `version` the one that boots; a power cut leaves either, never neither.

    `before` is the one that ran, or would have booted: it is remembered.

    The point of no return is the rename of `var/current`.

    Raises:
        OSError: `var` cannot be written to.
    """
    os.makedirs(layout.var, mode=0o755, exist_ok=True)
    if before and before != version:
        write_durably(previous_file(layout), before)
    write_durably(layout.current, version)


def write_durably(path: str, line: str) -> None:
    """Replace a file by one with that line, on the disk when this returns.

    Raises:
        OSError: it cannot be written; the old file is as it was.
    """
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        os.write(descriptor, f"{line}\n".encode("utf-8", "surrogateescape"))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.rename(temporary, path)
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
