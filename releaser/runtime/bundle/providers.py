"""What do the app's config providers say? Functions of the bundle that return variables, run before it is started.

They run in a process of their own, `_provide`, so that the supervisor never imports the app. It answers on its standard
output with `NAME=value` pairs, each ended by a zero byte; when it fails, its exit code is not 0 and the answer is the
message instead. What the functions print goes to standard error.
"""

from __future__ import annotations

import os

from ..release.failures import DAMAGED, FAILED, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..release.context import Context
    from ..release.manifest import Manifest

WHAT = "asking the config providers"


def provide(context: Context, args: list[str]) -> int:
    """Run the internal command `_provide`, in the environment that the host and its file have made.

    The defaults of `env` are added as far as they can be replaced already.
    """
    from ..release import writing
    from ..release.variables import environment
    from . import activation

    given = frozenset(os.environ)
    answer = os.dup(1)
    os.dup2(2, 1)
    os.environ.update(environment.defaults(context.manifest, os.environ)[0])
    try:
        activation.activate(context)
        found: dict[str, str] = {}
        for target in context.manifest.config_providers:
            found.update(_ask(target))
            # The caller's own value wins in the end; a later provider sees what the earlier ones have said.
            os.environ.update({name: value for name, value in found.items() if name not in given})
    except Failure as failure:
        writing.write_all(answer, "\0".join([failure.message, *failure.details]).encode("utf-8", "surrogateescape"))
        return FAILED
    writing.finish(0)  # its standard output is the caller's standard error
    writing.write_all(answer, b"".join(os.fsencode(f"{name}={value}") + b"\0" for name, value in found.items()))
    return 0


def failure_of(manifest: Manifest, answer: bytes, problem: str) -> Failure:
    """Return the failure that a `_provide` process told in `answer`; `problem` is how it ended when it told none."""
    message, *details = answer.decode("utf-8", "replace").split("\0")
    if not message:
        names = ", ".join(manifest.config_providers)
        message = f"the config providers ({names}) gave no answer: {problem}"
    return Failure(message, FAILED, tuple(details), now="nothing was started")


def _ask(target: str) -> dict[str, str]:
    from . import calls

    try:
        value = calls.resolve(target)()
        if hasattr(value, "__await__"):
            from .loops import wait_for

            value = wait_for(value)
    except Failure as failure:
        raise Failure(f"the config provider {target} cannot be called: {failure.message}") from None
    except SystemExit as error:
        raise Failure(f"the config provider {target} ended its process (SystemExit: {error.code})") from None
    except Exception as error:
        from ..release.tracebacks import last_place, summary

        raise Failure(f"the config provider {target} failed: {summary(error)}", details=last_place(error)) from None
    return _checked(target, value)


def _checked(target: str, value: Any) -> dict[str, str]:
    """Return what the function returned, if every process can be given it; no message shows a value."""
    from ..release.variables.environment import CONTRACT, is_name

    if not hasattr(value, "items"):
        found = "nothing" if value is None else f"a value of type {type(value).__name__}"
        raise _unusable(target, (f"expected a mapping of names to text, found {found}",))
    own = {name for name, _ in CONTRACT}
    details = []
    for name, text in value.items():
        if not isinstance(name, str) or not is_name(name):
            details.append(f"expected the name of an environment variable, found {name!r}")
        elif name in own:
            details.append(f"{name}: set by the release itself")
        elif not isinstance(text, str):
            details.append(f"{name}: expected text, found a value of type {type(text).__name__}")
        elif "\0" in text:
            details.append(f"{name}: no program can be given text with a zero byte in it")
    if details:
        raise _unusable(target, tuple(details))
    return dict(value)


def _unusable(target: str, details: tuple[str, ...]) -> Failure:
    return Failure(f"cannot use what the config provider {target} returned", DAMAGED, details)


def ask(context: Context, environ: Mapping[str, str], argv: list[str]) -> dict[str, str]:
    """Run `_provide` with `environ`, wait for its end, and return what it says; for commands, not the supervisor.

    Raises:
        Failure: a provider failed.
    """
    from ..release.variables.environment import parse_dump

    reader, writer = os.pipe()
    try:
        child = os.posix_spawn(
            argv[0],
            argv,
            dict(environ),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, writer, 1),
            ],
        )
    except OSError as error:
        os.close(reader)
        raise Failure(f"cannot start {argv[0]}: {error.strerror}", now="nothing was started") from error
    finally:
        os.close(writer)
    with open(reader, "rb") as file:
        answer = file.read()
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code:
        problem = f"exit code {code}" if code > 0 else f"killed by signal {-code}"
        raise failure_of(context.manifest, answer, problem)
    return parse_dump(answer)
