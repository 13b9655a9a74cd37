"""Where the app's code lies on this host: the bundle, unpacked once below `var/bundles` and put on `sys.path`.

An unpacked bundle is laid out as a virtual environment, so that a program the app starts with
`sys.executable -m something` finds it as well::

    var/bundles/.lock                       held (flock) by whoever unpacks or prunes
    var/bundles/.partial-ID                 being unpacked; without a holder of the lock it is rubbish
    var/bundles/ID/pyvenv.cfg               complete: the folder appears by one rename
                  /bin/python, bin/python3  links to the interpreter that runs the release
                  /lib/python3.11/site-packages
                  /app                      the project's own files, as its folder has them; links to var/shared

The point of no return is that rename. Before it, everything unpacked is written through with one syncfs(2), so that
a power cut leaves the whole folder or none; an fsync of each file costs 15 times as much. A start that finds the
folder imports nothing for it and writes nothing, unless the interpreter has moved: then the links are replaced.
"""

from __future__ import annotations

import os
import sys

from ..release.failures import DAMAGED, Failure
from ..release.writing import tell
from .tree import enter, import_paths, keep_shared
from .unpacked import fail_to_write, is_unpacked, repair, site_packages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from types import ModuleType

    from ..release.context import Context


_launcher_main: ModuleType | None = None


def needs_unpacking(context: Context) -> bool:
    """Tell whether `ensure` would have to unpack: one stat(2), nothing imported."""
    return not is_unpacked(context)


def ensure(context: Context) -> str:
    """Return the site-packages folder of the unpacked bundle, after unpacking or repairing what has to be.

    Of several processes at once one unpacks and the others wait for it. What a killed one left behind is removed.

    Raises:
        Failure: this is another Python than the bundle was made for, the bundle is damaged, or `var` cannot hold it.
    """
    _check_python(context)
    if needs_unpacking(context):
        from .unpack import unpack

        unpack(context)
    repair(context)
    try:
        keep_shared(context)
    except OSError as error:
        fail_to_write(context, "make the shared folders below", error)
    return site_packages(context)


def activate(context: Context) -> str:
    """Make this process one of the bundle and return its site-packages folder.

    Afterwards `sys.path` is the folders of the tree, where Python puts the script's, then the standard library, the
    source folders of dev_mode, site-packages and what the recorded `.pth` files add; the working folder is the
    release's; `sys.executable`, `sys.prefix` and `sys.exec_prefix` are the bundle's, as they are in
    a virtual environment; `exit`, `quit` and `help` exist, as `site` would have made them; `__main__` is empty.

    Raises:
        Failure: as `ensure`.
    """
    sitedir = ensure(context)
    bundle = context.manifest.bundle
    enter(context, os.environ)
    sys.path[:0] = import_paths(context)
    for folder in (*bundle.source_paths, sitedir):
        if folder not in sys.path:
            sys.path.append(folder)
    home = context.layout.bundle(bundle.id)
    sys.executable = os.path.join(home, "bin", "python")
    sys.prefix = sys.exec_prefix = home
    _add_builtins()
    _become_neutral_main()
    for name in bundle.pth:
        obey_pth(sitedir, name)
    return sitedir


def unpack_command(context: Context, args: list[str]) -> int:
    """Run the internal command `_unpack`: a process of its own, so that its caller never imports zipfile."""
    ensure(context)
    return 0


def prune(context: Context, keep_ids: Collection[str]) -> list[str]:
    """Remove the unpacked bundles whose id is not in `keep_ids`, and return the ids that were removed.

    Raises:
        Failure: `var` cannot be written to.
    """
    from .unpack import prune as prune_folder

    return prune_folder(context, keep_ids)


def obey_pth(sitedir: str, name: str) -> None:
    """Do what `site` does with a `.pth` file: add the folders it names, run the lines that begin with `import`.

    A line that fails is reported on standard error and ends the file, as in `site`. The variable is called
    `sitedir` because the lines that setuptools writes for namespace packages look it up in this frame.
    """
    try:
        with open(os.path.join(sitedir, name), encoding="utf-8-sig", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except OSError:
        return
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            if line.startswith(("import ", "import\t")):
                exec(line)
            else:
                folder = os.path.abspath(os.path.join(sitedir, line.rstrip()))
                if folder not in sys.path and os.path.exists(folder):
                    sys.path.append(folder)
        except Exception as error:
            tell(
                (
                    f"warning: line {number} of {name} in the bundle failed: {type(error).__name__}: {error}",
                    "  now: the rest of that file was skipped",
                )
            )
            return


def _check_python(context: Context) -> None:
    wanted = context.manifest.python.version
    found = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if found != wanted:
        raise Failure(
            f"release {context.layout.version} needs Python {wanted}, and {sys.executable} is Python {found}",
            DAMAGED,
            now="nothing was started",
        )


def _add_builtins() -> None:
    import _sitebuiltins
    import builtins

    for name in ("exit", "quit"):
        setattr(builtins, name, _sitebuiltins.Quitter(name, "Ctrl-D (i.e. EOF)"))
    builtins.help = _sitebuiltins._Helper()


def _become_neutral_main() -> None:
    """Put an empty module in the place of `__main__`, whose file is the runtime's.

    multiprocessing imports the main module's file again in each process that it spawns. The old one is kept: what
    runs this process lives in it until the end.
    """
    global _launcher_main
    _launcher_main = sys.modules["__main__"]
    sys.modules["__main__"] = type(sys)("__main__")
