"""The commands `upgrade` and `rollback`: what can be found out while the old version serves, and the request.

The launcher has started this in the runtime of the *new* version, with its Python and its env.sh::

    upgrade V (V's runtime)                         supervisor (the old version's runtime)
      the tree, Python, C library, configuration
      the bundle is unpacked, the database asked
      pre_upgrade hooks, migrations of phase pre
      "upgrade" with V's environment           ->   `upgrading`: V's instance beside the old one, ready, switched,
      lines as they come                       <-     the old one drained, post_upgrade, re-executed
      exit code                                <-

Whatever fails before the request has changed nothing, and so has a kill of this process; after it the supervisor goes
on by itself. A release that does not run is only switched: `var/current` is written, and the next start runs V.
"""

from __future__ import annotations

import os

from ..bundle import activation
from ..protocol import client
from ..release import writing
from ..release.checking.host import check_python
from ..release.context import Context
from ..release.failures import DAMAGED, DONE, FAILED, NOT_NOW, USAGE, Failure
from ..release.layout import CONTROL_SOCKET
from ..release.variables import env_edits
from ..release.versions import (
    booting_version,
    found_versions,
    how_to_name,
    previous_file,
    previous_version,
    switch,
    take_lock,
)
from ..supervisor import startup
from ..supervisor.hooks.hook import migration_hooks
from . import upgrade_checks
from .version_commands import check_known, report_of_the_running

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ROLLBACK = "rollback"
"""What `rollback` adds: no migration is applied."""


def upgrade(context: Context, args: list[str]) -> int:
    """Switch to the version that this is the runtime of.

    Raises:
        Failure: it cannot be switched to, or did not become ready; the old version is what runs.
    """
    is_env_kept = env_edits.KEEP_ENV in args
    args = [word for word in args if word != env_edits.KEEP_ENV]
    if not args or args[0].startswith("-") or args[1:] not in ([], [ROLLBACK]):
        raise Failure(
            f"expected `{context.name} upgrade VERSION [{env_edits.KEEP_ENV}]`", USAGE, now="nothing was changed"
        )
    running = report_of_the_running(context)
    old = str(running.get("version", "")) or booting_version(context.layout)
    now = f"{old} {'goes on' if running else 'is what the next start runs'}" if old else "nothing was changed"
    version = args[0]
    if version != context.layout.version:
        check_known(context, version, now=now)
        raise Failure(
            f"cannot upgrade to {context.name} {version}: releases/{version} is not complete",
            DAMAGED,
            now=now,
            hint=f"`{context.name} unpack {context.name}-{version}.tar.gz` completes it",
        )
    warnings, is_carried = env_edits.before_switching(context, old, version, is_kept=is_env_kept)
    if version == old and is_carried:
        hint = f"; `{context.name} restart` starts it with them" if running else ""
        print(f"{context.name} {version} {'runs' if running else 'is current'} already{hint}")
        return DONE
    if version == old:
        print(f"{context.name} {version} {'runs' if running else 'is current'} already; nothing was changed")
        return DONE
    if running and running.get("doing") != "running":
        raise Failure(f"cannot upgrade {context.name}: it is {running.get('state')}", NOT_NOW, now=now)
    if is_carried:
        # The launcher is to source what has just been written, and to look for the Python that it names.
        os.execve(context.prog, [context.prog, "upgrade", *args], dict(context.environ))
    writing.tell(warnings)
    try:
        return _upgrade(context, old, running, is_rollback=len(args) > 1)
    except Failure as failure:
        failure.now = failure.now if failure.now.startswith((f"{version} ", client.UNKNOWN)) else now
        raise


def rollback(context: Context, args: list[str]) -> int:
    """Switch to the version before the last upgrade; only code is changed.

    Raises:
        Failure: there is none, or it cannot be switched to.
    """
    if args:
        raise Failure(f"expected `{context.name} rollback`", USAGE, now="nothing was changed")
    version = previous_version(context.layout)
    named_in = previous_file(context.layout)
    if not version and os.path.lexists(named_in):
        raise Failure(
            f"cannot roll back {context.name}: {named_in} names no version",
            DAMAGED,
            now="nothing was changed",
            hint=how_to_name(named_in, [each.name for each in found_versions(context.layout.root)]),
        )
    if not version:
        raise Failure(
            f"cannot roll back {context.name}: there was no upgrade, so no version is known that was before",
            NOT_NOW,
            now="nothing was changed",
            hint=f"`{context.name} upgrade VERSION` switches to any version that is here",
        )
    check_known(context, version, now="nothing was changed")
    os.execve(context.prog, [context.prog, "upgrade", version, ROLLBACK], dict(context.environ))


def _upgrade(context: Context, old: str, running: dict[str, Any], *, is_rollback: bool) -> int:
    version = context.layout.version
    take_lock(context)  # held until this process ends
    upgrade_checks.check_tree(context, is_rollback=is_rollback)
    check_python(context)
    startup.make_folders(context.layout)
    lock = -1 if running else startup.acquire_lock(context, 0.0, upgrade_checks.say)
    environ = upgrade_checks.configured(context, running)
    environ |= {"RELEASE_OLD_VERSION": old, "RELEASE_NEW_VERSION": version}
    new = Context(context.layout, context.name, environ, context.python)
    activation.ensure(new)
    upgrade_checks.check_database(new)
    may_migrate = bool(running) and not is_rollback
    hooks = new.manifest.hooks_of("pre_upgrade")
    if may_migrate:
        hooks = [*hooks, *migration_hooks(new.manifest, "pre_upgrade")]
    reports = upgrade_checks.run_hooks(new, hooks, environ)
    if running:
        return _request(new, old, environ, reports, may_migrate=may_migrate)
    try:
        switch(context.layout, version, old)
    except OSError as error:
        raise Failure(f"cannot write {context.layout.current}: {error.strerror}", FAILED) from error
    try:
        upgrade_checks.run_hooks(new, new.manifest.hooks_of("post_upgrade"), environ)
    except Failure as failure:
        failure.now = f"{version} is what the next start runs"
        raise
    finally:
        os.close(lock)
    print(f"{context.name} {version} is current; it does not run, `{context.name} start` starts it")
    return DONE


def _request(
    context: Context, old: str, environ: dict[str, str], reports: list[dict[str, Any]], *, may_migrate: bool
) -> int:
    """Have the supervisor do the rest, and print its lines."""
    import json

    # What the supervisor becomes in the end: if it cannot be imported, this ends here.
    from ..supervisor import foreground
    from ..supervisor.upgrade import reexecution

    request = {
        "format": 1,
        "version": context.layout.version,
        "old_version": old,
        "python": context.python,
        "may_migrate": may_migrate,
        "state_format": reexecution.FORMAT if callable(foreground.resume) else 0,
        "environ": environ,
        "hooks": reports,
    }
    try:
        return client.call(context, CONTROL_SOCKET, "upgrade", json.dumps(request))
    except writing.Unwritten as error:
        error.now = f"the supervisor goes on with the upgrade; `{context.name} status` tells how far it is"
        raise
