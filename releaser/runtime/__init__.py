"""What ships inside a release and runs it: standard library only, relative imports only, copied unchanged.

Inside the running app, `from releaser.runtime import migrate, on_reload` is the public interface. Nothing heavy is
imported here: `bin/NAME ping` passes through this file. Open `commands/command_line` first: the table of commands.
"""

from __future__ import annotations

from .release.failures import MigrationFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeVar

    Function = TypeVar("Function", bound=Callable[[Mapping[str, str | None]], Any])

__all__ = ["MigrationFailed", "migrate", "on_reload"]


def migrate(*databases: str, to: str = "head") -> None:
    """Apply every pending migration up to `to`, in a process of its own, and return when it is done.

    `databases` names some of several databases, in any order; all are meant without it.

    Progress goes to whoever called this by `bin/NAME rpc`, and to standard error otherwise.

    Raises:
        MigrationFailed: the process failed; the database is as its last lines say.
        RuntimeError: this is not a process of a release, or the release has no migrations.
    """
    from .migrations.from_the_app import run_in_child

    run_in_child(databases, to)


def on_reload(function: Function) -> Function:
    """Have `function` called when `bin/NAME reload_config` finds the configuration changed; return it.

    It is given a mapping of the names that changed to their new values, None for one that is gone, and may be a
    coroutine function. Whatever it raises is shown to the caller of `reload_config`, and the change is offered again
    at the next one. `os.environ` is left as it is.
    """
    from .instance.reloading import register

    register(function)
    return function
