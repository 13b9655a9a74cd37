"""Is this an address that can be listened on, or connected to? Checks as in `checks`; variables may stand in it."""

from __future__ import annotations

import ipaddress
import re

from releaser.config.document import quoted
from releaser.config.text.substitution import UNKNOWN, Wrong, expand

MAX_SOCKET_PATH_BYTES = 107
"""`sun_path` of unix(7), without the closing zero byte."""

_HOST_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?")


def socket_address(text: str) -> None:
    """Check an address to listen on: `host:port`, `[v6]:port` or `unix:/path`."""
    known = _expanded(text)
    if UNKNOWN in known and ":" not in known:
        return
    if known.startswith("unix:"):
        _socket_path(known.removeprefix("unix:"))
    elif known.startswith("/"):
        raise Wrong(hint=f"write 'unix:{text}'")
    else:
        _host_and_port(known, lowest_port=0)


def tcp_address(text: str) -> None:
    """Check an address to connect to: `host:port` or `[v6]:port`."""
    known = _expanded(text)
    if UNKNOWN not in known or ":" in known:
        _host_and_port(known, lowest_port=1)


def http_url(text: str) -> None:
    """Check the URL of a readiness probe."""
    known = _expanded(text)
    if UNKNOWN in known.partition(":")[0]:
        return
    if known.startswith("https://"):
        raise Wrong("the probe speaks plain http, not https", "use tcp, or a port that answers plain http")
    if not known.startswith("http://"):
        raise Wrong(hint="the URL starts with http://")
    if any(character.isspace() for character in known):
        raise Wrong
    authority = known.removeprefix("http://").partition("/")[0]
    if UNKNOWN not in authority:
        _host_and_port(authority if re.search(r":\d*$", authority) else f"{authority}:80", lowest_port=1)


def _expanded(text: str) -> str:
    if any(not character.isprintable() for character in text):
        raise Wrong(f"an address with a control character: {quoted(text)}")
    return expand(text)


def _socket_path(path: str) -> None:
    if not path.startswith(("/", UNKNOWN)):
        raise Wrong(hint="the path of a socket starts with '/': unix:/run/app.sock")
    if UNKNOWN not in path and len(path.encode()) > MAX_SOCKET_PATH_BYTES:
        raise Wrong(f"the path of a socket has at most {MAX_SOCKET_PATH_BYTES} bytes, this one {len(path.encode())}")


def _host_and_port(text: str, lowest_port: int) -> None:
    host, colon, port = text.rpartition(":")
    if text.startswith("[") and text.endswith("]"):
        raise Wrong(hint=f"the port is missing: '{text}:8000'")
    if not colon:
        raise Wrong(hint=f"with a host: '127.0.0.1:{text}'" if text.isdecimal() else "the port is missing: 'host:port'")
    _port(port, lowest_port)
    if UNKNOWN not in host:
        _host(host, port)


def _port(port: str, lowest: int) -> None:
    if UNKNOWN in port:
        return
    if not re.fullmatch("[0-9]{1,9}", port) or not lowest <= int(port) <= 65535:
        raise Wrong(f"expected a port from {lowest} to 65535, found {quoted(port) if port else 'none'}")


def _host(host: str, port: str) -> None:
    port = "8000" if UNKNOWN in port else port
    if host in ("", "*"):
        raise Wrong(hint=f"'0.0.0.0:{port}' means every interface, '[::]:{port}' with IPv6")
    if host.startswith("[") and host.endswith("]"):
        if not _is_address(host[1:-1], 6):
            raise Wrong(f"{quoted(host)} is not an IPv6 address")
    elif ":" in host:
        raise Wrong(hint=f"an IPv6 address is written in brackets: '[{host}]:{port}'" if _is_address(host, 6) else "")
    elif re.fullmatch("[0-9.]+", host):
        if not _is_address(host, 4):
            raise Wrong(f"{quoted(host)} is not an IPv4 address")
    elif not all(_HOST_LABEL.fullmatch(label) for label in host.removesuffix(".").split(".")):
        raise Wrong(f"{quoted(host)} is not the name of a host")


def _is_address(text: str, family: int) -> bool:
    try:
        return ipaddress.ip_address(text).version == family
    except ValueError:
        return False
