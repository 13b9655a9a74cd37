"""How does a process get its configuration? The same way for the app, `eval`, `console`, `migrate` and commands.

From the strongest to the weakest, and each only where the one before says nothing::

    the caller's environment, changed by env.sh (the launcher sources it)
    env_file            a file of this host
    config_providers    functions of the bundle, in a process of their own; a later one over an earlier one
    env                 the defaults of rel/config.toml, whose `${NAME}` are replaced now

Then `required_env` is checked. The supervisor does the same in steps, since it may not wait for the providers; a
command does it at once with `complete`.
"""

from __future__ import annotations

import os
import sys

from ..release.variables import env_file, environment
from . import launch, providers
from .unpacked import with_programs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..release.context import Context


def complete(context: Context, command: str) -> dict[str, str]:
    """Return the whole environment of a process that `bin/NAME command` makes, `RELEASE_*` included.

    A process that the running release has started is configured already, and nobody is asked again.

    Raises:
        Failure: the file or a provider failed, or what is required is not there.
    """
    environ = dict(context.environ)
    contract = environment.contract(context, command, sys.executable)
    if not _is_complete(context):
        environ = with_file(context, environ)
        if context.manifest.config_providers:
            answer = providers.ask(context, {**environ, **contract}, launch.provide_command(context))
            environ = {**answer, **environ}
    return with_programs(context, {**environment.configured(context.manifest, environ, contract), **contract})


def with_file(context: Context, environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` with the variables of the host's file that it has not.

    Raises:
        Failure: the file cannot be used.
    """
    return {**env_file.read(context, environ), **environ}


def _is_complete(context: Context) -> bool:
    """Tell whether the caller is a process of this very release while it runs; pre_configure comes before all this."""
    environ = context.environ
    return (
        environ.get("RELEASE_PID", "").isdigit()
        and environ.get("RELEASE_VERSION") == context.layout.version
        and os.path.realpath(environ.get("RELEASE_ROOT", "")) == os.path.realpath(context.layout.root)
        and environ.get("RELEASE_EVENT") != "pre_configure"
    )
