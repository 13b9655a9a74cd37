"""Is a version as it was built? Every file of its folder, byte for byte, against the manifest, and its interpreter.

The interpreter's files are listed in `python.sha256` beside the manifest, which has the hash of that list: there are
more than a thousand of them, and whoever reads the manifest for something else must not wait for them.
"""

from __future__ import annotations

import os

from .failures import DAMAGED, Failure
from .manifest import SUMS_OF_PYTHON, parse_sums

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .manifest import Manifest

_NOT_COMPARED = ("manifest.json", "env.sh")
"""The record itself, and the one file that operators may edit."""


def compare(root: str, manifest: Manifest) -> tuple[list[str], int]:
    """Return what differs of a version below `root`, a sentence for each file, and how many files were to be there.

    Nothing, and 0, for a build of dev_mode.

    Raises:
        Failure: a file cannot be read.
    """
    folder = os.path.join(root, "releases", manifest.version)
    if not manifest.files:
        return [], 0
    expected = {name: digest for name, digest in manifest.files.items() if name not in _NOT_COMPARED}
    problems = _differences(folder, expected, "")
    if manifest.python.bundled and SUMS_OF_PYTHON in expected:
        try:
            with open(os.path.join(folder, SUMS_OF_PYTHON), encoding="utf-8", errors="replace") as file:
                of_interpreter = parse_sums(file.read())
        except OSError:
            of_interpreter = {}  # told as missing
        home = os.path.join(root, manifest.python.bundled)
        if not os.path.isdir(home):
            problems.append(f"{manifest.python.bundled}: missing")
        elif of_interpreter:
            problems += _differences(home, of_interpreter, f"{manifest.python.bundled}/")
            expected |= of_interpreter
    return problems, len(expected)


def _differences(folder: str, files: dict[str, str], prefix: str) -> list[str]:
    import hashlib

    expected = dict(files)
    problems: list[str] = []
    for path in _files_below(folder):
        name = os.path.relpath(path, folder)
        wanted = expected.pop(name, None)
        if name in _NOT_COMPARED or (wanted is None and os.path.islink(path)):
            continue
        if wanted is None:
            problems.append(f"{prefix}{name}: not part of the release")
            continue
        try:
            with open(path, "rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != wanted:
                    problems.append(f"{prefix}{name}: changed")
        except OSError as error:
            _refuse(error)
    problems += [f"{prefix}{name}: missing" for name in expected]
    return sorted(problems)


def _files_below(folder: str) -> list[str]:
    return sorted(os.path.join(parent, name) for parent, _, names in os.walk(folder, onerror=_refuse) for name in names)


def _refuse(error: OSError) -> None:
    raise Failure(f"cannot read {error.filename}: {error.strerror}", DAMAGED)
