"""The command `reload_config`: the configuration is read again, and the running app is given what has changed.

What was passed to the release when it was started is the supervisor's own environment, as the kernel keeps it; env.sh
is sourced over that, and then everything else comes as at a start (`configuration`). The app itself finds out what is
different, so values are sent over its socket and shown to nobody. The supervisor gets them too, for the instances that
it starts from now on.
"""

from __future__ import annotations

import os
import sys

from ..protocol import agents, client
from ..release.failures import DAMAGED, DONE, NOT_NOW, USAGE, Failure
from ..release.layout import CONTROL_SOCKET
from ..release.writing import write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..release.context import Context

_NOTHING = "the app goes on with the configuration that it has"


def reload_config(context: Context, args: list[str]) -> int:
    """Hand changed variables to the functions that the app registered; print their names.

    Every process of the release is asked, one after the other. Return the greatest exit code.

    Raises:
        Failure: the release is not running, or its configuration cannot be used.
    """
    if args:
        raise Failure(
            f"expected `{context.name} reload_config`, found '{' '.join(args)}' behind it",
            USAGE,
            now="nothing was done",
        )
    known = agents.everyone(context)
    if not known:
        raise Failure(f"{context.name} is not running", NOT_NOW)
    try:
        new = _configuration_of_today(context)
    except Failure as failure:
        raise Failure(failure.message, failure.exit_code, failure.details, _NOTHING, failure.hint) from None
    words = [f"{name}={value}" for name, value in new.items()]
    exit_codes = []
    for name, socket in known.items():
        if len(known) > 1:
            write_all(1, f"[{name}]\n".encode())
        exit_codes.append(client.call(context, socket, "reload", *words))
    if DONE in exit_codes:  # one process that takes no change does not keep it from those that are started anew
        client.call(context, CONTROL_SOCKET, "reloaded", *words)
    return max(exit_codes)


def _configuration_of_today(context: Context) -> dict[str, str]:
    from ..bundle import configuration
    from ..release.context import Context

    environ = with_env_file(context, environment_of_the_start(context))
    return configuration.complete(Context(context.layout, context.name, environ), "reload_config")


def environment_of_the_start(context: Context) -> dict[str, str]:
    """Ask the supervisor: systemd's PrivateUsers= hides /proc/PID/environ from a command of the same unit.

    Raises:
        Failure: the release is not running.
    """
    from ..release.variables.environment import CONTRACT, parse_dump

    data = client.ask(context, CONTROL_SOCKET, "environ").encode("utf-8", "surrogateescape")
    kept = {"RELEASE_VAR", "RELEASE_PYTHON"}
    ours = {name for name, _ in CONTRACT} - kept
    return {name: value for name, value in parse_dump(data).items() if name not in ours}


def with_env_file(context: Context, environ: dict[str, str]) -> dict[str, str]:
    """Return `environ` as env.sh changes it."""
    from ..release.variables.environment import dump_command, parse_dump

    path = context.layout.env_file
    if not os.path.exists(path):
        return environ
    argv = dump_command(path, sys.executable)
    reader, writer = os.pipe()
    try:
        child = os.posix_spawn(argv[0], argv, environ, file_actions=[(os.POSIX_SPAWN_DUP2, writer, 1)])
    finally:
        os.close(writer)
    with open(reader, "rb") as file:
        answer = file.read()
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code:
        raise Failure(f"cannot use {path}: its shell ended with {code}", DAMAGED)
    return parse_dump(answer)
