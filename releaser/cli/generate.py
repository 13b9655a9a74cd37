"""Which files put a release under systemd, into a container, or under a Procfile's runner? Text made of a plan."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from releaser.cli.output.summary import shown
from releaser.errors import UsageError
from releaser.runtime.commands import unit
from releaser.runtime.release.failures import Failure
from releaser.runtime.release.manifest import MAIN
from releaser.runtime.release.variables import environment

if TYPE_CHECKING:
    from releaser.plan.plan import Plan

KINDS = ("systemd", "containerfile", "procfile")
NOW = "nothing was written"
_UID = 10001
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_HOST = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*):-([^}]*)\}:")


def systemd_files(plan: Plan, *, root: str, user: str, has_socket: bool) -> dict[str, str]:
    """Return the units for a release that is deployed to `root`, by name of their file.

    Raises:
        UsageError: sockets are asked for and there are none, or their address is known to the host only.
    """
    sketch = plan.sketch
    if has_socket and not sketch.sockets:
        raise UsageError(f"{sketch.name} has no 'sockets' that systemd could open", now=NOW)
    ready_s = max(item.longest_s for item in (sketch.readiness, *(each.readiness for each in sketch.processes)))
    start_s, stop_s = unit.limits(sketch.hooks, ready_s, sketch.drain_s + sketch.stop_timeout_s)
    service = unit.Service(
        name=sketch.name,
        environment=sketch.environment,
        root=root.rstrip("/"),
        var=f"{root.rstrip('/')}/var",
        user=user or sketch.name,
        sockets=_addresses(plan),
        start_s=start_s,
        stop_s=stop_s,
    )
    files = {f"{sketch.name}.service": unit.service_unit(service, has_socket=has_socket)}
    if has_socket:
        files[f"{sketch.name}.socket"] = unit.socket_unit(service)
    return files


def containerfile(plan: Plan, start: Path) -> str:
    """Return a Containerfile that is used from the folder `start`; it takes the archive, which has no `var`.

    Raises:
        UsageError: there is no archive that every container tool unpacks; dev_mode links the source tree.
    """
    sketch = plan.sketch
    if not plan.has_archive or plan.archive.suffix != ".gz":
        message = f"the build of {sketch.name} for {sketch.environment} makes no tar.gz, which a container is made of"
        hint = "name an environment without dev_mode and with archive = 'tar.gz', its default, with --env"
        raise UsageError(message, now=NOW, hint=hint)
    from releaser.plan.steps import BundlePython

    is_bundled = any(isinstance(step, BundlePython) for step in plan.steps)
    root, var = f"/opt/{sketch.name}", f"/var/lib/{sketch.name}"
    grace = unit.limits(sketch.hooks, 0.0, sketch.drain_s + sketch.stop_timeout_s)[1] + unit.MARGIN_S
    minor = plan.interpreter.version
    lines = [
        f"# {sketch.name} in a container; written by `releaser generate containerfile`.",
        f"#   releaser build --env {sketch.environment}",
        f"#   podman build --file Containerfile --tag {sketch.name}:{sketch.version} .",
        "# The root may be read-only; only the folder of RELEASE_VAR is written to, and code is loaded from it:",
        f"#   podman run --read-only --tmpfs {var}:exec,mode=0700,uid={_UID} \\",
        f"#       --stop-timeout {grace:.0f} --cap-drop all {sketch.name}:{sketch.version}",
        *(["# The glibc here must not be older than that of the machine that builds."] if is_bundled else []),
        f"FROM {'debian:12-slim' if is_bundled else f'python:{minor}-slim'}",
        "",
        f"RUN useradd --system --uid {_UID} --no-create-home --shell /usr/sbin/nologin {sketch.name} \\",
        f" && install -d -o {sketch.name} -m 0700 {var}",
        f"ADD {shown(plan.archive, start)} /opt/",
        "",
        f"ENV RELEASE_VAR={var}",
        *([] if is_bundled else [f"ENV RELEASE_PYTHON=/usr/local/bin/python{minor}"]),
        *_listening(plan),
        f"USER {_UID}",
        "STOPSIGNAL SIGTERM",
        f'HEALTHCHECK --start-period={sketch.readiness.timeout_s:.0f}s CMD ["{root}/bin/{sketch.name}", "ping"]',
        f'ENTRYPOINT ["{root}/bin/{sketch.name}"]',
        'CMD ["foreground"]',
    ]
    return "\n".join(lines) + "\n"


def procfile(plan: Plan, start: Path) -> str:
    """Return a Procfile that is used from the folder `start`: one line for each process.

    Several have a supervisor each, so each has a folder of its own to write to.
    """
    sketch = plan.sketch
    word = "web" if sketch.sockets else "worker"
    folder = shlex.quote(shown(plan.published, start))
    launcher = f"{folder}/bin/{sketch.name}"
    if not sketch.processes:
        return f"{word}: {launcher} foreground\n"
    names = {MAIN: word if word not in [process.name for process in sketch.processes] else MAIN}
    names |= {process.name: process.name for process in sketch.processes}
    return "".join(
        f"{shown_name}: env RELEASE_VAR={folder}/var/{name} {launcher} foreground --only {name}\n"
        for name, shown_name in names.items()
    )


def _listening(plan: Plan) -> Sequence[str]:
    """Return what makes the release reachable from outside of its container."""
    lines: list[str] = []
    for item in plan.sketch.sockets:
        if item.address.startswith("unix:"):
            continue
        variable = _HOST.match(item.address)
        if variable and variable[2] in _LOOPBACK:
            lines.append(f"ENV {variable[1]}=0.0.0.0")
        elif item.address.startswith(_LOOPBACK):
            lines.append(f"# sockets.{item.name} is {item.address}, which is not reached from outside of a container.")
    ports = [address.rpartition(":")[2] for _, address in _addresses(plan) if not address.startswith("unix:")]
    lines += [f"EXPOSE {port}" for port in ports if port.isdigit()]
    return list(dict.fromkeys(lines))


def _addresses(plan: Plan) -> list[tuple[str, str]]:
    """Return the sockets with the defaults of their variables.

    Raises:
        UsageError: a variable has no default.
    """
    environ: dict[str, str] = {}
    try:
        for name, value in plan.sketch.env.items():
            if "$" not in value:
                environ[name] = value
        return [
            (item.name, environment.setting(f"sockets.{item.name}", item.address, environ))
            for item in plan.sketch.sockets
        ]
    except Failure as failure:
        hint = "give it a default such as ${PORT:-8000}, or call bin/NAME generate on the host"
        raise UsageError(failure.message, now=NOW, hint=hint) from failure
