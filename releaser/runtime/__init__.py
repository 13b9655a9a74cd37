"""What ships inside a release and runs it: standard library only, relative imports only, copied unchanged.

Inside the running app, `from releaser.runtime import migrate` is the public interface. Nothing heavy is imported
here: `bin/NAME ping` passes through this file.
"""

from __future__ import annotations

from .failures import MigrationFailed

__all__ = ["MigrationFailed", "migrate"]


def migrate(*, to: str = "head") -> None:
    """Apply every pending migration up to `to`, in a process of its own, and return when it is done.

    Progress goes to whoever called this by `bin/NAME rpc`, and to standard error otherwise.

    Raises:
        MigrationFailed: the process failed; the database is as its last lines say.
        RuntimeError: this is not a process of a release, or the release has no migrations.
    """
    from .migration import run_in_child

    run_in_child(to)
