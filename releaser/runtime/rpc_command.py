"""The command `rpc`: a function of the running app, called from outside, its result printed here."""

from __future__ import annotations

from . import client
from .failures import FAILED, USAGE, Failure
from .layout import AGENT_SOCKET

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .context import Context

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def rpc(context: Context, args: list[str]) -> int:
    """Call a function in the running app: `[--json] [--timeout D] [--] MODULE:FUNCTION [ARGS]`.

    Raises:
        Failure: the words make no call, the app is not running, ended, or took longer than the time limit.
    """
    form, timeout_s, words = _options(context, args)
    target, arguments = split_words(context, "rpc", words)
    try:
        return client.call(context, AGENT_SOCKET, "rpc", form, target, *arguments, timeout_s=timeout_s)
    except client.Late:
        raise Failure(
            f"{target} did not return in {timeout_s:g} s", FAILED, now="it may still be running in the app"
        ) from None


def split_words(context: Context, command: str, words: list[str]) -> tuple[str, list[str]]:
    """Return `module:function` and the arguments; `MODULE FUNCTION [ARGS]` is the same as `MODULE:FUNCTION [ARGS]`.

    Raises:
        Failure: there are too few words.
    """
    if words and ":" in words[0]:
        return words[0], words[1:]
    if len(words) >= 2:
        return f"{words[0]}:{words[1]}", words[2:]
    raise Failure(f"expected `{context.name} {command} MODULE:FUNCTION [ARGS]`", USAGE, now="nothing was called")


def _options(context: Context, args: list[str]) -> tuple[str, float | None, list[str]]:
    form, timeout_s = "text", None
    words = list(args)
    while words and words[0].startswith("-"):
        option = words.pop(0)
        name, equals, value = option.partition("=")
        if option == "--":
            break
        if option == "--json":
            form = "json"
        elif name == "--timeout":
            if not equals:
                value = words.pop(0) if words else ""
            timeout_s = _seconds(value)
        else:
            raise Failure(
                f"rpc has no option '{option}'",
                USAGE,
                now="nothing was called",
                hint=f"`{context.name} rpc [--json] [--timeout D] MODULE:FUNCTION [ARGS]`",
            )
    return form, timeout_s, words


def _seconds(text: str) -> float:
    number, factor = text, 1.0
    for unit, seconds in _UNITS.items():
        if text.endswith(unit):
            number, factor = text.removesuffix(unit), seconds
            break
    if not number.replace(".", "", 1).isdecimal() or not number.isascii():
        raise Failure(f"expected a duration such as 30 or '30s', found '{text}'", USAGE, now="nothing was called")
    return float(number) * factor
