"""What does the first configuration say? Values computed from what was found; nothing is read or written here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from releaser.config.checks import BUILT_IN_COMMANDS, NAME_PATTERN, entry_point
from releaser.config.substitution import Wrong
from releaser.errors import ProjectError
from releaser.init.findings import Findings, WebApp

PORT = "${PORT:-8000}"
WRAPPERS = (
    ("exec",),
    ("uv", "run"),
    ("poetry", "run"),
    ("pdm", "run"),
    ("pipenv", "run"),
    ("tini", "--"),
    ("dumb-init",),
)
"""What stands before the program in a Procfile or Dockerfile, and has no place in a release."""
_BOUND_BY_ITSELF = {"gunicorn": f"127.0.0.1:{PORT}", "hypercorn": "127.0.0.1:8000", "waitress-serve": "127.0.0.1:8080"}
"""Where a server listens that is told nothing; gunicorn reads PORT."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What is written."""

    name: str
    entry_point: str = ""
    command: tuple[str, ...] = ()
    reason: str
    """Where what runs was found."""
    readiness: str = "started"
    """`started`, `tcp` or `http`."""
    address: str = ""
    """What `tcp` connects to, `host:port`."""
    health: str = ""
    """Path of the health check for `http`."""
    required_env: tuple[str, ...] = ()
    """Variables without a value in what runs."""
    suggested_env: tuple[str, ...] = ()
    """Variables that the sources cannot do without; only mentioned."""
    script_location: str = ""
    """Empty: the release gets no migrations."""
    migrations_run: str = "post_start"


def choose(found: Findings) -> Choices:
    """Return what is written for a project.

    Raises:
        ProjectError: there is nothing that a release could start.
    """
    for choices in _candidates(found):
        return choices
    raise ProjectError(
        f"nothing was found that a release of {found.name} could start",
        now="nothing was written",
        hint="looked for: a Procfile, a Dockerfile's CMD, a web app and its server among the dependencies, "
        "[project.scripts], a function main",
    )


def release_name(name: str) -> str:
    """Return the name of the release for a project's name."""
    found = re.sub(r"[^a-z0-9_-]+", "_", name.lower()).strip("_-").lstrip("0123456789_-")[:64] or "app"
    return found if re.fullmatch(NAME_PATTERN, found) and found not in BUILT_IN_COMMANDS else f"app_{found}"[:64]


def _candidates(found: Findings) -> Iterator[Choices]:
    for words, place in ((found.procfile, "the Procfile"), (found.dockerfile, "the Dockerfile")):
        command, variables = _without_shell(words)
        if command and _is_runnable(command, found):
            yield _serving(found, command, place, variables)
    for app in found.web_apps:
        command = _server_for(app, found.dependencies)
        if command:
            yield _serving(found, command, f"{app.target} and {command[0]} among the dependencies", ())
    ordered = sorted(found.scripts.items(), key=lambda script: script[0] != found.name)
    for name, target in ordered:
        target = target.partition("[")[0].strip()
        if _is_entry_point(target):
            yield _running(found, f"[project.scripts] {name}", entry=target)
    for target in found.main_functions:
        if _is_entry_point(target):
            yield _running(found, f"the function main of {target.partition(':')[0]}", entry=target)
    for package in found.packages_with_main:
        yield _running(found, f"{package}/__main__.py", command=("python", "-m", package))


def _running(found: Findings, reason: str, *, entry: str = "", command: tuple[str, ...] = ()) -> Choices:
    return Choices(
        name=release_name(found.name),
        entry_point=entry,
        command=command,
        reason=reason,
        suggested_env=found.required_variables,
        script_location=found.script_location if found.has_alembic else "",
        migrations_run="manual" if found.has_placeholder_url else "post_start",
    )


def _serving(found: Findings, command: tuple[str, ...], reason: str, variables: tuple[str, ...]) -> Choices:
    address = _address(command)
    return Choices(
        name=release_name(found.name),
        command=command,
        reason=reason,
        readiness="http" if address and found.health else "tcp" if address else "started",
        address=address,
        health=found.health if address else "",
        required_env=variables,
        suggested_env=tuple(name for name in found.required_variables if name not in variables),
        script_location=found.script_location if found.has_alembic else "",
        migrations_run="manual" if found.has_placeholder_url else "post_start",
    )


def _is_entry_point(text: str) -> bool:
    try:
        entry_point(text)
    except Wrong:
        return False
    return True


def _without_shell(words: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return a command as rel/config.toml has it, and the variables in it that have no default."""
    for wrapper in WRAPPERS:
        if words[: len(wrapper)] == wrapper:
            words = words[len(wrapper) :]
    variables: list[str] = []

    def replaced(match: re.Match[str]) -> str:
        name = match["braced"] or match["plain"]
        if match["default"]:
            return f"${{{name}{match['default']}}}"
        if name == "PORT":
            return PORT
        variables.append(name)
        return f"${{{name}}}"

    pattern = r"\$(?:\{(?P<braced>[A-Za-z_]\w*)(?P<default>:-[^}$]*)?\}|(?P<plain>[A-Za-z_]\w*))"
    result = tuple(re.sub(pattern, replaced, word) for word in words)
    if any("$" in re.sub(r"\$\{[A-Za-z_]\w*(:-[^}$]*)?\}", "", word) for word in result):
        return (), ()
    if result and re.fullmatch(r"(.*/)?python3?(\.\d+)?", result[0]):
        result = ("python", *result[1:])
    return result, tuple(dict.fromkeys(variables))


def _is_runnable(command: tuple[str, ...], found: Findings) -> bool:
    """Tell whether the bundle will hold the program: a console script of the project or of a dependency."""
    program = command[0]
    if program == "python":
        return len(command) > 2 and command[1] == "-m"
    packages = {"waitress-serve": "waitress", "celery": "celery", "flask": "flask"}
    return program in found.scripts or packages.get(program, program) in found.dependencies


def _server_for(app: WebApp, dependencies: frozenset[str]) -> tuple[str, ...]:
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


def _address(command: tuple[str, ...]) -> str:
    """Return where the server will listen, as this host reaches it; empty when that cannot be told."""
    program = command[2] if command[:2] == ("python", "-m") else command[0]
    options = _options(command)
    match program:
        case "gunicorn" | "hypercorn" | "waitress-serve":
            names = ("--bind", "-b", "--listen")
            bound = next((options[name] for name in names if name in options), _BOUND_BY_ITSELF[program])
            address = re.fullmatch(r"(?P<host>.*):(?P<port>[0-9]+|\$\{[^}]*\})", bound)
            return f"{_reached(address['host'])}:{address['port']}" if address else ""
        case "uvicorn" | "granian":
            is_elsewhere = "--uds" in options or "--fd" in options
            return "" if is_elsewhere else f"{_reached(options.get('--host', ''))}:{options.get('--port', '8000')}"
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
