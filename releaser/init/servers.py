"""Which web server runs an app, where does it listen, and can it be handed a socket that is open already?"""

from __future__ import annotations

import re

from releaser.init.sources import WebApp

PORT = "${PORT:-8000}"
SOCKET = "{socket.web}"
_BOUND_BY_ITSELF = {"gunicorn": f"127.0.0.1:{PORT}", "hypercorn": "127.0.0.1:8000", "waitress-serve": "127.0.0.1:8080"}
"""Where a server listens that is told nothing; gunicorn reads PORT."""
_DECIDES_ITSELF = {
    "gunicorn": ("-c", "--config"),
    "hypercorn": ("-c", "--config"),
    "uvicorn": ("--uds", "--fd", "--workers", "--reload"),
}
"""Options with which the server cannot be handed a socket, or says elsewhere where it listens."""


def server_for(app: WebApp, dependencies: frozenset[str]) -> tuple[str, ...]:
    called = f"{app.target}()" if app.is_factory else app.target
    bind = f"127.0.0.1:{PORT}"
    asgi = {
        "uvicorn": ("uvicorn", "--host", "127.0.0.1", "--port", PORT, *(("--factory",) * app.is_factory), app.target),
        "hypercorn": ("hypercorn", "--bind", bind, called),
        "granian": (
            *("granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", PORT),
            *(("--factory",) * app.is_factory),
            app.target,
        ),
        "daphne": () if app.is_factory else ("daphne", "-b", "127.0.0.1", "-p", PORT, app.target),
    }
    wsgi = {
        "gunicorn": ("gunicorn", "--bind", bind, called),
        "waitress": ("waitress-serve", "--listen", bind, *(("--call",) * app.is_factory), app.target),
    }
    commands = asgi if app.interface == "asgi" else wsgi
    return next((command for name, command in commands.items() if name in dependencies and command), ())


def address_of(command: tuple[str, ...]) -> str:
    """Return where the server will listen, as this host reaches it; empty when that cannot be told."""
    program = command[2] if command[:2] == ("python", "-m") else command[0]
    options = _options(command)
    match program:
        case "gunicorn" | "hypercorn" | "waitress-serve":
            names = ("--bind", "-b", "--listen")
            says_elsewhere = program in _DECIDES_ITSELF and any(name in options for name in _DECIDES_ITSELF[program])
            by_itself = "" if says_elsewhere else _BOUND_BY_ITSELF[program]
            bound = next((options[name] for name in names if name in options), by_itself)
            address = re.fullmatch(r"(?P<host>.*):(?P<port>[0-9]+|\$\{[^}]*\})", bound)
            return f"{_reached(address['host'])}:{address['port']}" if address else ""
        case "uvicorn" | "granian":
            is_elsewhere = "--uds" in options or "--fd" in options
            return "" if is_elsewhere else f"{_reached(options.get('--host', ''))}:{options.get('--port', '8000')}"
        case "flask":
            host, port = options.get("--host", options.get("-h", "")), options.get("--port", options.get("-p", "5000"))
            return f"{_reached(host)}:{port}" if "run" in command else ""
        case "daphne":
            return f"{_reached(options.get('-b', ''))}:{options.get('-p', '8000')}"
        case _:
            return ""


def _options(command: tuple[str, ...]) -> dict[str, str]:
    options: dict[str, str] = {}
    for word, following in zip(command, (*command[1:], ""), strict=True):
        name, equals, value = word.partition("=")
        if word.startswith("-"):
            options.setdefault(name, value if equals else following)
    return options


def _reached(host: str) -> str:
    return "127.0.0.1" if host in ("", "0.0.0.0", "*", "[::]", "::", "localhost") else host


def with_socket(command: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """Return the command for a socket that it inherits, and the address of that; empty text when it takes none."""
    start = 3 if command[:2] == ("python", "-m") else 1
    program, options = command[start - 1], _options(command)
    if program not in _DECIDES_ITSELF or any(name in options for name in _DECIDES_ITSELF[program]):
        return command, ""
    taken = {"uvicorn": ("--host", "--port")}.get(program, ("--bind", "-b"))
    if sum(word.partition("=")[0] in taken for word in command) > len(set(taken) & set(options)):
        return command, ""  # it listens in several places
    if program == "uvicorn":
        address = f"{options.get('--host', '127.0.0.1')}:{options.get('--port', '8000')}"
    else:
        address = next((options[name] for name in taken if name in options), _BOUND_BY_ITSELF[program])
    if not re.fullmatch(r"[A-Za-z0-9.-]+:([0-9]+|\$\{[^}]*\})", address):
        return command, ""
    handed = {"uvicorn": ("--fd", SOCKET), "hypercorn": ("--bind", f"fd://{SOCKET}")}.get(program, ())
    return (*command[:start], *handed, *_without(command[start:], taken)), address


def _without(words: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words without these options and their values."""
    kept: list[str] = []
    skips = False
    for word in words:
        if not skips and word.partition("=")[0] not in names:
            kept.append(word)
        skips = word in names
    return tuple(kept)
