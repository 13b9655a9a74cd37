"""The command `eval`: code or a function of the bundle, in this process, with the app's environment."""

from __future__ import annotations

import os
import sys

from . import bundle
from .failures import FAILED, USAGE, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

    from .context import Context

_FILE = "<eval>"


def eval_(context: Context, args: list[str]) -> int:
    """Evaluate `[--json] CODE`, `[--json] MODULE:FUNCTION [ARGS]`, `--file PATH [ARGS]` or `-` (standard input).

    One expression is evaluated and its value printed as `rpc` prints a result; anything else is executed. SystemExit
    is honoured. The code sees its ARGS as `sys.argv[1:]`.

    Raises:
        Failure: the words cannot be used, the file cannot be read, the bundle or its environment is not complete.
        SystemExit: the code's own.
    """
    form, words = _options(args)
    if not words:
        raise Failure(
            f"expected `{context.name} eval CODE`, or MODULE:FUNCTION [ARGS], --file PATH, or - for standard input",
            USAGE,
            now="nothing was done",
        )
    prepare(context, "eval")
    from . import calls

    first, *rest = words
    try:
        if first == "--file":
            result = _evaluate(_read(context, rest[:1]), rest[0], form, rest)
        elif first == "-":
            result = _evaluate(sys.stdin.read(), "<stdin>", form, words)
        elif is_target(first):
            result = calls.run(first, rest, form)
        else:
            result = _evaluate(first, _FILE, form, ["-c", *rest])
    except Failure:
        raise
    except Exception as error:
        from .tracebacks import format_exception

        sys.stderr.write(format_exception(error))
        return FAILED
    sys.stdout.flush()
    from .client import write_all

    write_all(1, result)
    return 0


def prepare(context: Context, command: str) -> dict[str, Any]:
    """Make this process one of the app's, but for the app itself; return the names of its main module.

    Raises:
        Failure: the bundle cannot be used, or its environment is not complete.
    """
    from . import configuration, launch

    launch.take_flags(context)
    os.environ.update(configuration.complete(context, command))
    bundle.activate(context)
    return vars(sys.modules["__main__"])


def is_target(text: str) -> bool:
    """Tell `shop.tasks:clean` from code: two dotted names and nothing else. `x:int` is code nobody evaluates."""
    module, colon, name = text.partition(":")
    return bool(colon) and all(part.isidentifier() for part in (*module.split("."), *name.split(".")))


def _options(args: list[str]) -> tuple[str, list[str]]:
    words = list(args)
    form = "text"
    while words and words[0] in ("--json", "--"):
        if words.pop(0) == "--":
            break
        form = "json"
    if words and words[0].startswith("--") and words[0] != "--file" and len(args) == len(words):
        raise Failure(f"eval has no option '{words[0]}'", USAGE, now="nothing was done", hint="--json, --file PATH")
    return form, words


def _read(context: Context, paths: list[str]) -> str:
    if not paths:
        raise Failure(f"expected `{context.name} eval --file PATH`", USAGE, now="nothing was done")
    try:
        with open(paths[0], encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise Failure(f"cannot read {paths[0]}: {reason}", FAILED, now="nothing was done") from None


def _evaluate(source: str, file: str, form: str, argv: list[str]) -> bytes:
    from . import calls

    sys.argv = argv
    code, is_expression = _compiled(source, file)
    value = eval(code, vars(sys.modules["__main__"]))
    if not is_expression:
        return b""
    if hasattr(value, "__await__"):
        from .loops import wait_for

        value = wait_for(value)
    return calls.render(value, form, "the code")


def _compiled(source: str, file: str) -> tuple[CodeType, bool]:
    try:
        return compile(source.strip(), file, "eval", dont_inherit=True), True
    except SyntaxError:
        pass
    return compile(source, file, "exec", dont_inherit=True), False
