"""Which Python did the last command run on? The launcher asks no further while that one is there.

Looking for one costs a start of each candidate, and where a version manager's shim stands for Python on `PATH` that is
a shell script that takes longer than most commands. `var/python` holds one line, `MINOR PATH`.
"""

from __future__ import annotations

import os
import sys

from .files import write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .context import Context

NAME = "python"


def keep(context: Context) -> None:
    """Note the interpreter of this process for the launcher, if its name says its version; a bundled one needs no note.

    `python3` may be another version tomorrow, `python3.11` is none. A note that cannot be written costs time only.
    """
    manifest = context.manifest
    if manifest.python.bundled:
        return
    minor = manifest.python.version
    paths = (sys.executable, os.path.realpath(sys.executable))
    named = [path for path in paths if os.path.basename(path).endswith(f"python{minor}") and "\n" not in path]
    if not named:
        return
    path, text = os.path.join(context.layout.var, NAME), f"{minor} {named[0]}\n"
    try:
        if _read(path) != text:
            write(path, text)
    except OSError:
        return


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except FileNotFoundError:
        return ""
