"""How is `HOST:PORT` read, of a probe and of a socket alike?"""

from __future__ import annotations


def split_address(text: str, default_port: int | None = None) -> tuple[str, int]:
    """Return host and port of `host:port` or `[v6]:port`.

    Raises:
        ValueError: it is neither, or the port is no number from 0 to 65535.
    """
    host, colon, port = text.rpartition(":")
    if (not colon or port.endswith("]")) and default_port is not None:
        host, port = text, str(default_port)
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"expected HOST:PORT, found '{text}'")
    return host.removeprefix("[").removesuffix("]"), int(port)
