"""The text of a systemd service for a release, and of the socket unit beside it: values in, text out.

The service is closed as far as a Python app bears: nothing of the host can be written but `var`, other users'
processes are not seen, no privilege can be gained. Left open are the network, /proc, and memory that is written and
executed (cffi's callbacks, JITs). Every limit exceeds what the release allows itself, so that its own messages, not
systemd's SIGKILL, are the end of a start or a stop that takes too long.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..release.manifest import Hook

MARGIN_S = 15.0
KILL_AFTER_S = 5.0
UNPACK_S = 60.0
WATCHDOG_S = 30
LOWEST_FREE_PORT = 1024
_HOMES = ("/home", "/root", "/run/user")
_TEMPORARY = ("/tmp", "/var/tmp")
_START = ("pre_configure", "post_configure", "pre_start", "post_start")
_STOP = ("pre_stop", "post_stop")
_CLOSED = """\
NoNewPrivileges=yes
ProtectSystem=strict
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
ProtectProc=invisible
RestrictSUIDSGID=yes
RestrictNamespaces=yes
RestrictRealtime=yes
LockPersonality=yes
RemoveIPC=yes
KeyringMode=private
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
UMask=0027
LimitNOFILE=65536
"""


class Service:
    """What a unit has to know of a release and of the host that it is for."""

    __slots__ = ("environ", "environment", "name", "paths", "root", "sockets", "start_s", "stop_s", "user", "var")

    def __init__(
        self,
        *,
        name: str,
        environment: str,
        root: str,
        var: str,
        user: str,
        sockets: Sequence[tuple[str, str]],
        start_s: float,
        stop_s: float,
        environ: Sequence[tuple[str, str]] = (),
        paths: Sequence[str] = (),
    ) -> None:
        """Keep the values.

        `sockets` are names and addresses after replacement, `environ` variables that the unit sets, `paths` what is
        read besides the root: an interpreter of the host. `start_s` and `stop_s` come from `limits`.
        """
        self.name = name
        self.environment = environment
        self.root = root
        self.var = var
        self.user = user
        self.sockets = sockets
        self.start_s = start_s
        self.stop_s = stop_s
        self.environ = environ
        self.paths = paths


def limits(hooks: Sequence[Hook], ready_s: float, ending_s: float) -> tuple[float, float]:
    """Return how long a start and a stop of the release take at most, in seconds, hooks that are ended included.

    `ending_s` is what the app may take: `drain` and `stop_timeout`.
    """
    starting = sum(hook.timeout_s + KILL_AFTER_S for hook in hooks if hook.event in _START)
    stopping = sum(hook.timeout_s + KILL_AFTER_S for hook in hooks if hook.event in _STOP)
    return UNPACK_S + starting + ready_s, stopping + ending_s


def service_unit(service: Service, *, has_socket: bool) -> str:
    """Return the text of NAME.service; with `has_socket` systemd keeps the sockets, see `socket_unit`."""
    name = service.name
    units = f"{name}.socket {name}.service" if has_socket else f"{name}.service"
    lines = [
        f"# systemd service of {name}, written by `generate systemd`.",
        f"#   install -d -o {service.user} -g {service.user} {_in_shell(service.var)}",
        f"#   install -m 0644 {units} /etc/systemd/system/",
        f"#   systemctl daemon-reload && systemctl enable --now {units}",
        "# Secrets and settings of this host belong in the EnvironmentFile, mode 0600.",
        "",
        "[Unit]",
        f"Description={_text(name)} ({_text(service.environment)})",
        "Wants=network-online.target",
        "After=network-online.target",
    ]
    if has_socket:
        lines += [f"Requires={name}.socket", f"After={name}.socket"]
    lines += [
        "StartLimitIntervalSec=300",
        "StartLimitBurst=10",
        "",
        "[Service]",
        "Type=notify",
        "NotifyAccess=main",
        f"User={service.user}",
        f"Group={service.user}",
        f"WorkingDirectory={_text(service.root)}",
        f"EnvironmentFile=-/etc/{name}/env",
        *(f"Environment={_word(f'{key}={value}', always=True)}" for key, value in service.environ),
        f"ExecStart={_argument(f'{service.root}/bin/{name}')} foreground",
        f"ExecReload={_argument(f'{service.root}/bin/{name}')} reload_config",
        "Restart=on-failure",
        "RestartSec=1",
        "# The command line or the configuration is wrong: starting again does not mend that.",
        "RestartPreventExitStatus=2 3",
        f"TimeoutStartSec={_seconds(service.start_s)}",
        f"TimeoutStopSec={_seconds(service.stop_s)}",
        f"WatchdogSec={WATCHDOG_S}",
        "# The release stops the app itself, in order; what is left at the limit is killed.",
        "KillMode=mixed",
        "KillSignal=SIGTERM",
        "",
        f"RuntimeDirectory={name}",
        f"ReadWritePaths={_word(service.var)}",
        *(f"ReadWritePaths=-{_word(folder)}" for folder in _socket_folders(service)),
    ]
    read = [service.root, service.var, *service.paths]
    lines.append(f"ProtectHome={'read-only' if _is_any_below(read, _HOMES) else 'yes'}")
    if not _is_any_below(read, _TEMPORARY):
        lines.append("PrivateTmp=yes")
    lines += _CLOSED.splitlines()
    if not has_socket and any(_port(address) < LOWEST_FREE_PORT for _, address in service.sockets):
        lines += ["CapabilityBoundingSet=CAP_NET_BIND_SERVICE", "AmbientCapabilities=CAP_NET_BIND_SERVICE"]
    else:
        lines += ["CapabilityBoundingSet=", "PrivateUsers=yes"]
    lines += ["", "[Install]", "WantedBy=multi-user.target", ""]
    return "\n".join(lines)


def socket_unit(service: Service) -> str:
    """Return the text of NAME.socket: systemd binds what the release listens on, and keeps it while it restarts."""
    lines = [
        f"# Sockets of {service.name}, handed to {service.name}.service in this order.",
        "[Unit]",
        f"Description=sockets of {_text(service.name)}",
        "",
        "[Socket]",
    ]
    for _, address in service.sockets:
        lines.append(f"ListenStream={_text(address.removeprefix('unix:'))}")
    if len(service.sockets) == 1:
        lines.append(f"FileDescriptorName={service.sockets[0][0]}")
    if any(address.startswith("unix:") for _, address in service.sockets):
        lines += [f"SocketUser={service.user}", f"SocketGroup={service.user}", "SocketMode=0660"]
    lines += ["Backlog=2048", "NoDelay=yes", "", "[Install]", "WantedBy=sockets.target", ""]
    return "\n".join(lines)


def _seconds(seconds: float) -> str:
    return f"{seconds + MARGIN_S:.0f}"


def _socket_folders(service: Service) -> list[str]:
    """Return the folders of Unix sockets that are neither in `var` nor in the RuntimeDirectory."""
    folders = {address[5:].rpartition("/")[0] for _, address in service.sockets if address.startswith("unix:")}
    known = (service.var, f"/run/{service.name}")
    return sorted(folder for folder in folders if not _is_any_below([folder], known))


def _port(address: str) -> int:
    port = address.rpartition(":")[2]
    return int(port) if port.isdigit() and not address.startswith("unix:") else LOWEST_FREE_PORT


def _is_any_below(paths: Sequence[str], folders: Sequence[str]) -> bool:
    return any(f"{path}/".startswith(f"{folder}/") for path in paths for folder in folders)


def _text(text: str) -> str:
    """Return a value that is the rest of its line; systemd.unit(5) has specifiers there."""
    return text.replace("%", "%%")


def _word(text: str, *, always: bool = False) -> str:
    """Return one word of a list, quoted where it has to be (systemd.syntax(7))."""
    escaped = _text(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if always or escaped != text or " " in text or "'" in text else text


def _in_shell(path: str) -> str:
    """Return a path as a shell takes it for one word."""
    is_plain = all(character.isalnum() or character in "/._-+" for character in path)
    return path if is_plain else "'" + path.replace("'", "'\\''") + "'"


def _argument(text: str) -> str:
    """Return one word of a command line, where `$` begins a variable (systemd.service(5))."""
    return _word(text).replace("$", "$$")
