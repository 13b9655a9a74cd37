"""The entry point: uvicorn on an inherited socket, or on HOST and PORT."""

import argparse
import copy
import logging
import os
import signal
import socket
import sys
from collections.abc import MutableMapping, Sequence

import uvicorn
from uvicorn.config import LOGGING_CONFIG

from guestbook import database
from guestbook.web import create_app

FIRST_INHERITED_FD = 3


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT, finish the requests that are under way, and return the exit code."""
    parser = argparse.ArgumentParser(prog="guestbook", description="Serve the guestbook.")
    parser.add_argument("--host", default=os.environ.get("HOST") or "127.0.0.1", help="address (HOST, 127.0.0.1)")
    parser.add_argument("--port", default=os.environ.get("PORT") or "8000", type=int, help="port (PORT, 8000)")
    options = parser.parse_args(argv)
    try:
        listener = inherited_socket(os.environ) or bind(options.host, options.port)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        print(f"guestbook: cannot listen on {options.host}:{options.port}: {reason}", file=sys.stderr)
        return 1
    config = uvicorn.Config(create_app(database.engine()), lifespan="on", log_config=_log_config())
    server = uvicorn.Server(config)
    logging.getLogger("uvicorn.error").info("Listening on %s", _shown(listener))
    # uvicorn raises the signal that stopped it once more when it is done. With these handlers below its own that
    # is no second death: an orderly stop is exit code 0. They also catch a signal that comes before uvicorn's.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.handle_exit)
    server.run(sockets=[listener])
    return 0 if server.started else 1


def inherited_socket(environ: MutableMapping[str, str]) -> socket.socket | None:
    """Return the first socket that systemd or a release passed (sd_listen_fds(3)), or None.

    The variables are removed, so that no child of the app takes them for its own. The object is made from the
    descriptor: `uvicorn --fd` takes every socket for a Unix one, and asyncio then never sets TCP_NODELAY.
    """
    passed = environ.pop("LISTEN_FDS", "")
    meant_for = environ.pop("LISTEN_PID", "") or str(os.getpid())
    environ.pop("LISTEN_FDNAMES", None)
    if not passed.isdigit() or int(passed) < 1 or meant_for != str(os.getpid()):
        return None
    listener = socket.socket(fileno=FIRST_INHERITED_FD)
    listener.set_inheritable(False)
    return listener


def bind(host: str, port: int) -> socket.socket:
    """Return a TCP socket bound to an address.

    Raises:
        OSError: the address is not ours, or taken.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()  # a port that is taken shows here at the latest
    except BaseException:
        listener.close()
        raise
    return listener


def _shown(listener: socket.socket) -> str:
    address = listener.getsockname()
    if listener.family == socket.AF_UNIX:
        return f"unix:{address}"
    host, port = address[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _log_config() -> dict[str, object]:
    """Return uvicorn's own, with the access log on standard error too."""
    config = copy.deepcopy(LOGGING_CONFIG)
    config["handlers"]["access"]["stream"] = "ext://sys.stderr"
    return config
