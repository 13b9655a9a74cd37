"""The command `eval`: code or a function of the bundle, in this process, with the app's environment."""

from __future__ import annotations

import os
import sys

from ..bundle import activation
from ..release.failures import FAILED, USAGE, Failure
from ..release.writing import Unwritten, finish, write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

    from ..release.context import Context

_FILE = "<eval>"


def eval_(context: Context, args: list[str]) -> int:
    """Evaluate `[--json] CODE`, `[--json] MODULE:FUNCTION [ARGS]`, `--file PATH [ARGS]` or `-` (standard input).

    One expression is evaluated and its value printed as `rpc` prints a result; anything else is executed. `await`
    works at the top. SystemExit is honoured. The code sees its ARGS as `sys.argv[1:]`.

    Raises:
        Failure: the words cannot be used, the file cannot be read, the bundle or its environment is not complete.
        SystemExit: the code's own.
    """
    form, path, words = _options(context, args)
    if not words and not path:
        raise Failure(
            f"expected `{context.name} eval CODE`, or MODULE:FUNCTION [ARGS], --file PATH, or - for standard input",
            USAGE,
            now="nothing was done",
        )
    source = _read(path) if path else b""
    file = os.path.abspath(path)  # the working folder is about to change
    prepare(context, "eval")
    from ..bundle import calls

    try:
        if path:
            vars(sys.modules["__main__"])["__file__"] = file
            result = _evaluate(source, path, form, [path, *words])
        elif words[0] == "-":
            result = _evaluate(sys.stdin.buffer.read(), "<stdin>", form, words)
        elif is_target(words[0]):
            result = calls.run(words[0], words[1:], form)
        else:
            result = _evaluate(words[0], _FILE, form, ["-c", *words[1:]])
    except (Failure, Unwritten):
        raise
    except Exception as error:
        from ..release.tracebacks import format_exception

        finish(FAILED)  # what the code has printed comes first
        sys.stderr.write(format_exception(error))
        return FAILED
    sys.stdout.flush()
    write_all(1, result)
    return 0


def prepare(context: Context, command: str) -> dict[str, Any]:
    """Make this process one of the app's, but for the app itself; return the names of its main module.

    Raises:
        Failure: the bundle cannot be used, or its environment is not complete.
    """
    from ..bundle import configuration, launch

    launch.take_flags(context)
    os.environ.update(configuration.complete(context, command))
    activation.activate(context)
    return vars(sys.modules["__main__"])


def is_target(text: str) -> bool:
    """Tell `shop.tasks:clean` from code: two dotted names and nothing else. `x:int` is code nobody evaluates."""
    module, colon, name = text.partition(":")
    return bool(colon) and all(part.isidentifier() for part in (*module.split("."), *name.split(".")))


def _options(context: Context, args: list[str]) -> tuple[str, str, list[str]]:
    """Return the form of the result, the path of `--file` or nothing, and the words behind the options."""
    form, path = "text", ""
    words = list(args)
    while words and words[0].startswith("--") and not path:
        option = words.pop(0)
        name, equals, value = option.partition("=")
        if option == "--":
            break
        if option == "--json":
            form = "json"
        elif name == "--file":
            path = value if equals else (words.pop(0) if words else "")
            if not path:
                raise Failure(f"expected `{context.name} eval --file PATH`", USAGE, now="nothing was done")
        else:
            raise Failure(f"eval has no option '{option}'", USAGE, now="nothing was done", hint="--json, --file PATH")
    return form, path, words


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}", FAILED, now="nothing was done") from None


def _evaluate(source: str | bytes, file: str, form: str, argv: list[str]) -> bytes:
    from ..bundle import calls

    sys.argv = argv
    code, is_expression = _compiled(source, file)
    value = eval(code, vars(sys.modules["__main__"]))
    if hasattr(value, "__await__"):
        from ..bundle.loops import wait_for

        value = wait_for(value)
    return calls.render(value, form, "the code") if is_expression else b""


def _compiled(source: str | bytes, file: str) -> tuple[CodeType, bool]:
    from _ast import PyCF_ALLOW_TOP_LEVEL_AWAIT as FLAGS

    try:
        return compile(source.strip(), file, "eval", FLAGS, dont_inherit=True), True
    except SyntaxError:
        pass
    return compile(source, file, "exec", FLAGS, dont_inherit=True), False
