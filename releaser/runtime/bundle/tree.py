"""Where do the project's own files lie beside the packages, and in which folder does every process of the bundle work?

What of them is `shared` lives below `var/shared`; in the unpacked tree there is a link in its place, so that an upload
or a database of one version is the next one's too (Capistrano calls them linked files).
"""

from __future__ import annotations

import errno
import os

from ..release.failures import DAMAGED, Failure
from ..release.variables.environment import setting, with_contract

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..release.context import Context

TREE = "app"
"""Name of the folder, below that of the unpacked bundle."""


def folder(context: Context) -> str:
    """Return the absolute folder of the project's files, there or not; empty: the release has none."""
    bundle = context.manifest.bundle
    return os.path.join(context.layout.bundle(bundle.id), bundle.tree) if bundle.tree else ""


def import_paths(context: Context) -> list[str]:
    """Return the folders of it that modules are imported from, in order."""
    home = folder(context)
    return [os.path.normpath(os.path.join(home, path)) for path in context.manifest.bundle.tree_paths]


def working_folder(context: Context, environ: Mapping[str, str]) -> str:
    """Return the folder in which every process of the bundle works, there or not.

    Raises:
        Failure: a variable in `working_directory` cannot be replaced.
    """
    base = folder(context) or context.layout.root
    text = context.manifest.working_directory
    if not text:
        return base
    return os.path.normpath(os.path.join(base, setting("working_directory", text, with_contract(context, environ))))


def enter(context: Context, environ: Mapping[str, str]) -> None:
    """Make it the working folder of this process.

    Raises:
        Failure: it is not there, or may not be entered.
    """
    named = working_folder(context, environ)
    try:
        os.chdir(named)
    except OSError as error:
        raise Failure(
            f"cannot work in {named}: {(error.strerror or str(error)).lower()}",
            DAMAGED,
            now="nothing was started",
            hint="`working_directory` in rel/config.toml names it" if context.manifest.working_directory else "",
        ) from error


def run_file(context: Context, target: str) -> None:
    """Run a file of the tree as `python target` does: its folder is the first that modules are looked for in.

    Raises:
        BaseException: what the file raises.
    """
    import runpy
    import sys

    path = os.path.join(folder(context), target)
    beside = os.path.dirname(path)
    if sys.path[:1] != [beside]:
        sys.path.insert(0, beside)
    sys.argv[0] = path
    runpy.run_path(path, None, "__main__")


def check_folder(path: str) -> None:
    """Do nothing if `path` is a folder.

    Raises:
        OSError: it is none; the text names it, for a message about the process that was to work there.
    """
    if not os.path.isdir(path):
        raise OSError(errno.ENOENT, f"its working folder {path} is not there")


def share(context: Context, tree: str) -> None:
    """Put a link to `var/shared` in the place of what is shared, below the folder `tree` of a bundle being unpacked.

    What the tree brings there becomes the first content, if there is none yet; otherwise it goes.

    Raises:
        OSError: `var` cannot be written to.
    """
    for path in context.manifest.bundle.shared:
        inside, kept = os.path.join(tree, path.rstrip("/")), _kept(context, path)
        if os.path.lexists(inside) and not os.path.lexists(kept):
            os.makedirs(os.path.dirname(kept), exist_ok=True)
            _move(inside, kept)
        elif os.path.isdir(inside):
            import shutil

            shutil.rmtree(inside)
        elif os.path.lexists(inside):
            os.unlink(inside)
        os.makedirs(os.path.dirname(inside), exist_ok=True)
        os.symlink(link_of(context, path), inside)
    keep_shared(context)


def keep_shared(context: Context) -> None:
    """Make the folders below `var/shared` that are not there.

    Raises:
        OSError: one cannot be made.
    """
    for path in context.manifest.bundle.shared:
        kept = _kept(context, path)
        wanted = kept if path.endswith("/") else os.path.dirname(kept)
        if not os.path.isdir(wanted):
            os.makedirs(wanted, exist_ok=True)


def link_of(context: Context, path: str) -> str:
    """Return where the link in the place of the shared `path` leads: relative, so that `var` may be moved whole."""
    inside = os.path.join(folder(context), path.rstrip("/"))
    return os.path.relpath(_kept(context, path), os.path.dirname(inside))


def is_shared(context: Context, path: str) -> bool:
    """Tell whether `path`, relative to the tree, is shared or lies in a folder that is."""
    return any(f"{path}/".startswith(f"{shared.rstrip('/')}/") for shared in context.manifest.bundle.shared)


def _kept(context: Context, path: str) -> str:
    return os.path.join(context.layout.shared, path.rstrip("/"))


def _move(source: str, to: str) -> None:
    try:
        os.rename(source, to)
    except OSError as error:
        if error.errno != errno.EXDEV:  # var/shared may be a file system of its own
            raise
        import shutil

        beside = f"{to}.new-{os.getpid()}"
        shutil.move(source, beside)
        os.rename(beside, to)
