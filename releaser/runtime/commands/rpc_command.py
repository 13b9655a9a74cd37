"""The command `rpc`: a function of the running app, called from outside, its result printed here."""

from __future__ import annotations

from ..protocol import agents, client
from ..release import durations
from ..release.failures import FAILED, NOT_NOW, USAGE, Failure
from ..release.writing import Unwritten, write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..release.context import Context

_NOTHING = "nothing was called"


class _Options:
    """What stands before MODULE:FUNCTION."""

    __slots__ = ("form", "is_for_all", "process", "timeout_s")

    def __init__(self) -> None:
        self.form = "text"
        self.timeout_s: float | None = None
        self.process = ""
        self.is_for_all = False


def rpc(context: Context, args: list[str]) -> int:
    """Call a function in the running app: `[--json] [--timeout D] [--process P | --all] [--] MODULE:FUNCTION [ARGS]`.

    Raises:
        Failure: the words make no call, the app is not running, ended, or took longer than the time limit.
    """
    options, words = _options(context, args)
    target, arguments = split_words(context, "rpc", words)
    if options.is_for_all:
        return _call_all(context, options, target, arguments)
    return _call(context, options, agents.socket_of(context, options.process), target, arguments)


def _call(context: Context, options: _Options, socket: str, target: str, arguments: list[str]) -> int:
    event = context.environ.get("RELEASE_EVENT", "")
    verb = ("rpc_at", event) if event else ("rpc",)
    try:
        return client.call(
            context,
            socket,
            *verb,
            options.form,
            target,
            *arguments,
            timeout_s=options.timeout_s,
            when_interrupted=f"interrupted: {target} may still be running in the app",
        )
    except Unwritten as error:
        error.now = f"{target} may still be running in the app"
        raise
    except client.Late:
        raise Failure(
            f"{target} did not return in {options.timeout_s:g} s", FAILED, now="it may still be running in the app"
        ) from None


def _call_all(context: Context, options: _Options, target: str, arguments: list[str]) -> int:
    """Call one process after the other, each under a line with its name; return the greatest exit code."""
    known = agents.everyone(context)
    if not known:
        raise Failure(f"{context.name} is not running", NOT_NOW)
    exit_code = 0
    for name, socket in known.items():
        write_all(1, f"[{name}]\n".encode())
        exit_code = max(exit_code, _call(context, options, socket, target, arguments))
    return exit_code


def split_words(context: Context, command: str, words: list[str]) -> tuple[str, list[str]]:
    """Return `module:function` and the arguments; `MODULE FUNCTION [ARGS]` is the same as `MODULE:FUNCTION [ARGS]`.

    Raises:
        Failure: there are too few words.
    """
    if words and ":" in words[0]:
        return words[0], words[1:]
    if len(words) >= 2:
        return f"{words[0]}:{words[1]}", words[2:]
    raise Failure(f"expected `{context.name} {command} MODULE:FUNCTION [ARGS]`", USAGE, now=_NOTHING)


def _options(context: Context, args: list[str]) -> tuple[_Options, list[str]]:
    options = _Options()
    words = list(args)
    while words and words[0].startswith("-"):
        option = words.pop(0)
        name, equals, value = option.partition("=")
        if option == "--":
            break
        if option == "--json":
            options.form = "json"
        elif option == "--all":
            options.is_for_all = True
        elif name == "--process":
            options.process = agents.take_option(words, value, bool(equals))
        elif name == "--timeout":
            text = value if equals else (words.pop(0) if words else "")
            options.timeout_s = durations.seconds(text, _NOTHING)
        else:
            raise Failure(
                f"rpc has no option '{option}'",
                USAGE,
                now=_NOTHING,
                hint=f"`{context.name} rpc [--json] [--timeout D] [--process P | --all] MODULE:FUNCTION [ARGS]`",
            )
    if options.is_for_all and options.process:
        raise Failure("--all and --process exclude each other", USAGE, now=_NOTHING)
    return options, words
