"""Whose is a release? A user who may not do something is told that, not which file refused it first.

Imported where something was refused, and only there.
"""

from __future__ import annotations

import os

from ..failures import NOT_NOW, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..layout import Layout

HINT = "call it as that user, or as root"


def told(layout: Layout, name: str, command: str, error: BaseException) -> Failure:
    """Return the failure that a command ends with: `error`, or that the release, or a file, belongs to another user.

    That is exit code 4, whatever `error` says: nothing is wrong with what cannot be seen.
    """
    refused = _permission(error)
    path = os.fsdecode(refused.filename) if refused is not None and refused.filename else ""
    failure = error if isinstance(error, Failure) else _failure(command, path)
    owner = whose(layout, name, path) if refused is not None else ""
    if not owner:
        return failure
    return Failure(failure.message, NOT_NOW, (*failure.details, owner), failure.now or "nothing was changed", HINT)


def whose(layout: Layout, name: str, path: str = "") -> str:
    """Return to whom what refused this user belongs, as a sentence, or nothing if it is this user's own.

    The release is its owner's who has run it, `var/run`, or who has put it there. A file at `path` outside of it, or
    one of somebody else inside, has an owner of its own.
    """
    own = os.geteuid()
    found = [(name, _owner(layout.run, layout.var, layout.root))]
    if path:
        of_path = (path, _owner(path, os.path.dirname(path)))
        found.insert(0 if not _is_within(path, layout) else 1, of_path)
    for subject, uid in found:
        if uid not in (None, own):
            return f"{subject} belongs to {_user(uid)}, and this is {_user(own)}"
    return ""


def _permission(error: BaseException | None) -> PermissionError | None:
    """Return what the system refused, if that is at the ground of `error`."""
    while error is not None and not isinstance(error, PermissionError):
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return error


def _failure(command: str, path: str) -> Failure:
    return Failure(
        f"cannot carry out {command}: {f'{path}: ' if path else ''}permission denied", now="nothing was done"
    )


def _owner(*paths: str) -> int | None:
    """Return the owner of the first path that can be seen."""
    for path in paths:
        try:
            return os.stat(path).st_uid
        except OSError:
            continue
    return None


def _is_within(path: str, layout: Layout) -> bool:
    path = os.path.abspath(path)
    return any(path == folder or path.startswith(f"{folder}/") for folder in (layout.root, layout.var))


def _user(uid: int | None) -> str:
    """Return a user by name and number, or by number where the host has no name for it."""
    try:
        import pwd

        return f"user '{pwd.getpwuid(uid or 0).pw_name}' (uid {uid})"
    except (ImportError, KeyError):
        return f"uid {uid}"
