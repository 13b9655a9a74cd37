"""Is a version's folder as it was built? Every file of it, byte for byte, against the manifest."""

from __future__ import annotations

import os

from .failures import DAMAGED, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .manifest import Manifest

_NOT_COMPARED = ("manifest.json", "env.sh")
"""The record itself, and the one file that operators may edit."""


def differences(folder: str, manifest: Manifest) -> list[str]:
    """Return what differs in `folder`, a sentence for each file, in byte order; nothing for a build of dev_mode.

    Raises:
        Failure: a file cannot be read.
    """
    import hashlib

    expected = dict(manifest.files)
    if not expected:
        return []
    problems: list[str] = []
    for path in _files_below(folder):
        name = os.path.relpath(path, folder)
        wanted = expected.pop(name, None)
        if name in _NOT_COMPARED:
            continue
        if wanted is None:
            problems.append(f"{name}: not part of the release")
            continue
        try:
            with open(path, "rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != wanted:
                    problems.append(f"{name}: changed")
        except OSError as error:
            _refuse(error)
    problems += [f"{name}: missing" for name in expected]
    return sorted(problems)


def _files_below(folder: str) -> list[str]:
    return sorted(os.path.join(parent, name) for parent, _, names in os.walk(folder, onerror=_refuse) for name in names)


def _refuse(error: OSError) -> None:
    raise Failure(f"cannot read {error.filename}: {error.strerror}", DAMAGED)
