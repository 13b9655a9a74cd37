"""What the bundle looks like once it is unpacked: a virtual environment whose links follow the interpreter.

`releaser.runtime.bundle.activation` draws the folder. Nothing heavy is imported here.
"""

from __future__ import annotations

import errno
import os
import sys

from ..release import known_python
from ..release.failures import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NoReturn

    from ..release.context import Context

SOURCE_PATHS_FILE = "_release_source_paths.pth"
"""Tells a child process of the app, which runs `site`, the source folders of dev_mode."""

_OWN_TEMPORARY = ".new-"


def is_unpacked(context: Context) -> bool:
    """Tell whether the bundle is there, complete: it appears by one rename."""
    return os.path.isdir(site_packages(context))


def site_packages(context: Context) -> str:
    """Return the path of the bundle's site-packages folder, there or not."""
    manifest = context.manifest
    return context.layout.site_packages(manifest.bundle.id, manifest.python.version)


def program(context: Context, name: str) -> str:
    """Return the path of the bundle's program `name`, or the name alone where it has none: then it is no file."""
    path = os.path.join(_programs(context), name)
    return path if os.path.isfile(path) else name


def with_programs(context: Context, environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` with the bundle's programs first in PATH; those of another bundle of this release are not in it.

    The folder may not be there yet: the hooks before a first start come before the bundle is unpacked.
    """
    own, others = _programs(context), f"{folder_of_bundles(context)}{os.sep}"
    rest = [folder for folder in environ.get("PATH", os.defpath).split(os.pathsep) if not folder.startswith(others)]
    return {**environ, "PATH": os.pathsep.join((own, *rest))}


def _programs(context: Context) -> str:
    return os.path.join(context.layout.bundle(context.manifest.bundle.id), "bin")


def folder_of_bundles(context: Context) -> str:
    """Return the folder that holds every unpacked bundle."""
    return os.path.join(context.layout.var, "bundles")


def repair(context: Context) -> None:
    """Point the virtual environment at the interpreter of this process, which may have moved since.

    Where this user may not, one of the same version that runs will do: nothing was moved.

    Raises:
        Failure: `var` cannot be written to.
    """
    known_python.keep(context)
    home = context.layout.bundle(context.manifest.bundle.id)
    python = interpreter()
    link = os.path.join(home, "bin", "python")
    try:
        found = os.readlink(link)
    except OSError:
        found = ""
    try:
        if found != python:
            try:
                lay_out(home, python)
            except OSError as error:
                if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS) or not os.access(link, os.X_OK):
                    raise
        _repair_source_paths(context)
    except OSError as error:
        fail_to_write(context, "point the unpacked bundle at the present interpreter in", error)


def interpreter() -> str:
    """Return the real path of the interpreter that runs this process, links of virtual environments followed."""
    return os.path.realpath(sys.executable)


def lay_out(home: str, python: str) -> None:
    """Write `pyvenv.cfg` and the links of the virtual environment `home`; each is replaced in one step.

    `bin/python` comes last: whoever finds it right may rely on the others.
    """
    os.makedirs(os.path.join(home, "bin"), exist_ok=True)
    _write_file(os.path.join(home, "pyvenv.cfg"), environment_text(python))
    _link(os.path.join(home, "bin", "python3"), "python")
    _link(os.path.join(home, "bin", "python"), python)


def environment_text(python: str) -> str:
    """Return what `pyvenv.cfg` says of an environment of the interpreter at `python`, which this process runs on."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    return f"home = {os.path.dirname(python)}\ninclude-system-site-packages = false\nversion = {version}\n"


def fail_to_write(context: Context, action: str, error: OSError, now: str = "nothing was started") -> NoReturn:
    """Raise the failure that says why `var` could not be written to.

    Raises:
        Failure: always.
    """
    raise Failure(
        f"cannot {action} {context.layout.var}: {error.strerror or error}",
        now=now,
        hint="RELEASE_VAR names another folder to write to",
    ) from error


def _repair_source_paths(context: Context) -> None:
    wanted = context.manifest.bundle.source_paths
    if not wanted:
        return
    path = os.path.join(site_packages(context), SOURCE_PATHS_FILE)
    text = "".join(f"{folder}\n" for folder in wanted)
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            found = file.read()
    except OSError:
        found = ""
    if found != text:
        _write_file(path, text)


def _write_file(path: str, text: str) -> None:
    """Replace the file at `path` in one step."""
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f"{_OWN_TEMPORARY}{name}-{os.getpid()}")
    with open(temporary, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
    os.rename(temporary, path)


def _link(path: str, target: str) -> None:
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f"{_OWN_TEMPORARY}{name}-{os.getpid()}")
    try:
        os.unlink(temporary)
    except FileNotFoundError:
        pass
    os.symlink(target, temporary)
    os.rename(temporary, path)
