"""The command `generate systemd`: a unit for this release, where it lies now, printed or written to a folder."""

from __future__ import annotations

import os
import sys

from ..release.failures import DONE, FAILED, USAGE, Failure
from ..release.variables import environment
from . import unit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..release.context import Context

SYNTAX = "generate systemd [--user USER] [--socket] [--output DIR]"


def generate(context: Context, args: list[str]) -> int:
    """Print the service unit and, with `--socket`, the socket unit; with `--output` write them as files.

    Raises:
        Failure: the words are wrong, an address cannot be known, or a file cannot be written.
    """
    user, has_socket, output = _options(context, args)
    manifest = context.manifest
    if has_socket and not manifest.sockets:
        raise Failure(f"{context.name} has no `sockets` that systemd could open", USAGE, now="nothing was written")
    environ = _with_defaults(context)
    layout = context.layout
    ready_s = max(process.readiness.longest_s for process in manifest.all_processes())
    start_s, stop_s = unit.limits(manifest.hooks, ready_s, manifest.drain_s + manifest.stop_timeout_s)
    variables = [] if layout.var == os.path.join(layout.root, "var") else [("RELEASE_VAR", layout.var)]
    if not manifest.python.bundled:
        variables.append(("RELEASE_PYTHON", sys.executable))
    service = unit.Service(
        name=manifest.name,
        environment=manifest.environment,
        root=layout.root,
        var=layout.var,
        user=user or manifest.name,
        sockets=[
            (item.name, environment.setting(f"sockets.{item.name}", item.address, environ)) for item in manifest.sockets
        ],
        start_s=start_s,
        stop_s=stop_s,
        environ=variables,
        paths=[] if manifest.python.bundled else [sys.executable],
    )
    files = {f"{manifest.name}.service": unit.service_unit(service, has_socket=has_socket)}
    if has_socket:
        files[f"{manifest.name}.socket"] = unit.socket_unit(service)
    _deliver(files, output)
    return DONE


def _with_defaults(context: Context) -> dict[str, str]:
    """Return the caller's environment with the release's defaults; what only the service's has is left out."""
    environ = environment.with_contract(context, context.environ)
    given = dict(environ)
    for name, value in context.manifest.env.items():
        try:
            environ.setdefault(name, environment.substitute(value, given))
        except environment.SubstitutionError:
            continue
    return environ


def _options(context: Context, args: list[str]) -> tuple[str, bool, str]:
    user, has_socket, output = "", False, ""
    kind, words = (args[0], args[1:]) if args else ("", [])
    while kind == "systemd" and words:
        match words:  # a pattern whose guard says no has bound its names all the same
            case ["--socket", *rest]:
                has_socket = True
            case ["--user", user, *rest] if user and not user.startswith("-"):
                pass
            case ["--output", output, *rest] if output and not output.startswith("-"):
                pass
            case _:
                kind, rest = "", []
        words = rest
    if kind != "systemd":
        found = f", found '{' '.join(args)}'" if args else ""
        raise Failure(f"expected `{context.name} {SYNTAX}`{found}", USAGE, now="nothing was written")
    return user, has_socket, output


def _deliver(files: dict[str, str], output: str) -> None:
    if not output:
        print("\n".join(files.values()), end="")
        return
    try:
        os.makedirs(output, exist_ok=True)
        for name, text in files.items():
            path = os.path.join(output, name)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            print(path)
    except OSError as error:
        raise Failure(
            f"cannot write to {output}: {error.strerror}", FAILED, now="the units are not complete"
        ) from None  # that folder is the caller's, not the release's
