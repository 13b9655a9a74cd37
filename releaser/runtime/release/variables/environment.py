"""The environment of a release: the contract's `RELEASE_*` variables, defaults, and `${NAME:-default}`.

Values are replaced once, at start, after the configuration was parsed; a value that comes out of the environment
is never looked at again. `$$` stands for one dollar sign.
"""

from __future__ import annotations

import os

from ..failures import DAMAGED, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..context import Context
    from ..manifest import Manifest

CONTRACT = (
    ("RELEASE_ROOT", "folder of the release"),
    ("RELEASE_NAME", "name of the release"),
    ("RELEASE_VERSION", "version that runs"),
    ("RELEASE_ENVIRONMENT", "environment it was built for"),
    ("RELEASE_COMMAND", "command of bin/NAME that led here"),
    ("RELEASE_EVENT", "event of a hook"),
    ("RELEASE_PROG", "absolute path of bin/NAME"),
    ("RELEASE_VAR", "the only folder that is written to"),
    ("RELEASE_PYTHON", "absolute path of the interpreter"),
    ("RELEASE_PID", "process id of the running app"),
    ("RELEASE_INSTANCE", "the app's own process: its id and its name"),
    ("RELEASE_OLD_VERSION", "during an upgrade: version that served before"),
    ("RELEASE_NEW_VERSION", "during an upgrade: version that takes over"),
    ("RELEASE_DATABASE", "pre_migrate: name of the database"),
    ("RELEASE_TARGET", "pre_migrate: the tenant, where there are several"),
    ("RELEASE_PENDING", "pre_migrate: file that lists the pending revisions"),
    ("RELEASE_EXIT_CODE", "post_stop: exit code of the app"),
)
OF_THE_MANAGER = (
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "LISTEN_PID",
    "LISTEN_PIDFDID",
)
"""What systemd sets for one process (see `systemd`); another that found them would take them for its own."""
SECRET_WORDS = (
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "TOKEN",
    "CREDENTIAL",
    "PRIVATE",
    "API_KEY",
    "APIKEY",
    "AUTH",
    "DSN",
)
_LASTING = "; a file that `env_file` in rel/config.toml names is read by every version"
_DUMP = "import os, sys; sys.stdout.buffer.write(b'\\0'.join(k + b'=' + v for k, v in os.environb.items()))"
_NAME = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789"


class SubstitutionError(ValueError):
    """A value's `${...}` cannot be replaced: the text after the key in a message."""


def contract(context: Context, command: str, python: str) -> dict[str, str]:
    """Return the `RELEASE_*` variables that hold in every process of the release."""
    layout = context.layout
    return {
        "RELEASE_ROOT": layout.root,
        "RELEASE_NAME": context.name,
        "RELEASE_VERSION": layout.version,
        "RELEASE_ENVIRONMENT": context.manifest.environment,
        "RELEASE_COMMAND": command,
        "RELEASE_PROG": context.prog,
        "RELEASE_VAR": layout.var,
        "RELEASE_PYTHON": python,
    }


def with_contract(context: Context, environ: Mapping[str, str], command: str = "") -> dict[str, str]:
    """Return what the `${NAME}` of a setting are replaced from: `environ`, and the contract's variables over it."""
    return {**environ, **contract(context, command or environ.get("RELEASE_COMMAND", ""), context.python)}


def substitute(text: str, environ: Mapping[str, str]) -> str:
    """Return `text` with `${NAME}` and `${NAME:-default}` replaced from `environ`.

    An empty variable counts as missing where a default is given, as in a shell.

    Raises:
        SubstitutionError: a variable without default is missing, or the syntax is not one of the two.
    """
    result: list[str] = []
    rest = text
    while True:
        before, dollar, after = rest.partition("$")
        result.append(before)
        if not dollar:
            return "".join(result)
        if after.startswith("$"):
            result.append("$")
            rest = after[1:]
        elif after.startswith("{"):
            inside, brace, rest = after[1:].partition("}")
            if not brace:
                raise SubstitutionError("'${' without '}'; write '$$' for a dollar sign")
            result.append(_value_of(inside, environ))
        else:
            raise SubstitutionError("a lone '$'; write '$$' for a dollar sign, '${NAME}' for a variable")


def configured(manifest: Manifest, environ: Mapping[str, str], contract: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` with the manifest's `env` defaults added where it has none.

    In a default, `contract` holds over `environ`, whose `RELEASE_*` may be those of a release that started this one.

    Raises:
        Failure: variables of `required_env` are missing, or a default cannot be replaced; all of them at once.
    """
    result = dict(environ)
    found, details = defaults(manifest, {**environ, **contract})
    result.update(found)
    details += [
        f"{name}: not set, and listed in required_env" for name in manifest.required_env if not result.get(name)
    ]
    if details:
        places = [
            "in the caller's environment",
            f"in releases/{manifest.version}/env.sh, which is this version's alone",
        ]
        if manifest.env_file:  # what lasts comes first
            places.insert(0, f"in {manifest.env_file.removeprefix('-')}")
        raise Failure(
            f"the environment of {manifest.name} {manifest.version} is not complete",
            DAMAGED,
            details=tuple(details),
            now="nothing was started",
            hint=f"set them {', '.join(places[:-1])} or {places[-1]}{'' if manifest.env_file else _LASTING}",
        )
    return result


def defaults(manifest: Manifest, environ: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return the defaults of `env` for what `environ` has not, replaced, and why some cannot be."""
    found: dict[str, str] = {}
    details: list[str] = []
    for name, value in manifest.env.items():
        if name in environ:
            continue
        try:
            found[name] = substitute(value, environ)
        except SubstitutionError as error:
            details.append(f"env.{name}: {error}")
    return found, details


def setting(key: str, text: str, environ: Mapping[str, str]) -> str:
    """Return the value of one setting, replaced.

    Raises:
        Failure: it cannot be; the message names `key`.
    """
    try:
        return substitute(text, environ)
    except SubstitutionError as error:
        raise Failure(f"cannot use the setting {key}: {error}", DAMAGED, now="nothing was started") from error


def dump_command(env_file: str, python: str) -> list[str]:
    """Return the command that sources `env_file` in a shell and prints the environment that results."""
    return [
        "/bin/sh",
        "-c",
        'set -a; . "$1"; set +a; shift; exec "$@"',
        "sh",
        env_file,
        python,
        "-I",
        "-S",
        "-c",
        _DUMP,
    ]


def parse_dump(data: bytes) -> dict[str, str]:
    """Return the variables that the command of `dump_command` printed."""
    pairs = (item.partition(b"=") for item in data.split(b"\0") if item)
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}


def is_name(text: str) -> bool:
    """Tell whether `text` can be the name of a variable."""
    return bool(text) and not text[0].isdigit() and all(character in _NAME for character in text)


def is_secret(name: str) -> bool:
    """Tell whether a variable's name looks like that of a secret."""
    upper = name.upper()
    return any(word in upper for word in SECRET_WORDS) or upper.endswith(("_KEY", "_URL"))


def _value_of(inside: str, environ: Mapping[str, str]) -> str:
    name, separator, default = inside.partition(":-")
    if not is_name(name):
        raise SubstitutionError(f"'${{{inside}}}' is not '${{NAME}}' or '${{NAME:-default}}'")
    value = environ.get(name, "")
    if value or (name in environ and not separator):
        return value
    if separator:
        return default
    raise SubstitutionError(f"the variable {name} is not set, and there is no default")
