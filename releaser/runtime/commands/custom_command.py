"""A custom command: its file becomes this process, arguments untouched, with the contract's variables."""

from __future__ import annotations

import os

from ..bundle import activation, configuration, tree
from ..release.failures import Failure
from ..release.files import why_not_executed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..release.context import Context


def run(context: Context, name: str, args: list[str]) -> int:
    """Become the command's program; its exit code is ours.

    Raises:
        Failure: it cannot be executed, or there is no folder to work in.
    """
    command = next(item for item in context.manifest.commands if item.name == name)
    path = os.path.join(context.layout.release, command.path)
    environ = configuration.complete(context, name)
    if context.manifest.bundle.tree:
        activation.ensure(context)  # the folder that it works in is a part of the bundle
    tree.enter(context, environ)
    try:
        os.execve(path, [path, *args], environ)
    except OSError as error:
        # A file without a `#!` line is for sh, as execvp(3) has it.
        import errno

        if error.errno == errno.ENOEXEC:
            os.execve("/bin/sh", ["sh", path, *args], environ)
        raise Failure(f"the command {name} cannot be executed: {why_not_executed(path, error)}") from error
