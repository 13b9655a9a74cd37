"""How `MODULE:FUNCTION` and words become a call, and its result becomes text: the same for rpc and eval."""

from __future__ import annotations

import sys

from ..release.failures import FAILED, USAGE, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

TEXT = "text"
JSON = "json"
_LONGEST_HINT = 200


def run(target: str, words: Sequence[str], form: str) -> bytes:
    """Call the function and return its result as bytes to print; a coroutine is awaited.

    Raises:
        Failure: there is no such function, a word is not JSON, or JSON cannot hold the result.
        BaseException: what the function raised.
    """
    from .hubs import call

    def called() -> Any:
        function = resolve(target)
        arguments = parse(words) if form == JSON else list(words)
        return function(*arguments)

    value = call(called)
    if hasattr(value, "__await__"):
        from .loops import wait_for

        value = wait_for(value)
    return render(value, form, target)


def split_target(target: str) -> tuple[str, str]:
    """Return module and function of `MODULE:FUNCTION`.

    Raises:
        Failure: it is not of that form.
    """
    module, colon, name = target.partition(":")
    dotted = (*module.split("."), *name.split("."))
    if not colon or not all(part.isidentifier() for part in dotted):
        raise Failure(f"expected MODULE:FUNCTION, found '{target}'", USAGE, now="nothing was called")
    return module, name


def resolve(target: str) -> Callable[..., Any]:
    """Return the function that `target`, `module:function` or `module:Class.method`, names.

    Raises:
        Failure: there is no such module or function, or it cannot be called; the nearest name is the hint.
        BaseException: what importing the module raised.
    """
    module_name, name = split_target(target)
    import importlib

    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if module_name != missing and not module_name.startswith(f"{missing}."):
            raise
        raise Failure(
            f"there is no module '{missing}' in the bundle",
            FAILED,
            now="nothing was called",
            hint=_nearest(missing, _modules_beside(missing)),
        ) from None
    found: Any = module
    path = module_name
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            submodule = _submodule(found, part)
            if submodule is None:
                raise Failure(
                    f"there is no '{part}' in {path}",
                    FAILED,
                    now="nothing was called",
                    hint=_nearest(part, (known for known in dir(found) if not known.startswith("__"))),
                ) from None
            found = submodule
        path = f"{path}.{part}" if ":" in path else f"{path}:{part}"
    if not callable(found):
        raise Failure(f"{target} is no function but of type {type(found).__name__}", FAILED, now="nothing was called")
    function: Callable[..., Any] = found
    return function


def _submodule(found: Any, name: str) -> Any:
    """Return a package's module `name`, as the `from package import name` of a console script does, or None."""
    if not hasattr(found, "__path__"):
        return None
    import importlib

    full_name = f"{found.__name__}.{name}"
    try:
        return importlib.import_module(full_name)
    except ModuleNotFoundError as error:
        if error.name != full_name:
            raise
        return None


def parse(words: Sequence[str]) -> list[Any]:
    """Return the values of words that are JSON.

    Raises:
        Failure: one is not.
    """
    import json

    values: list[Any] = []
    for number, word in enumerate(words, 1):
        try:
            values.append(json.loads(word))
        except (ValueError, RecursionError) as error:
            raise Failure(
                f"argument {number} is not JSON: {error}",
                USAGE,
                now="nothing was called",
                hint=f"a string needs its own quotes: '{json.dumps(word)}'" if len(word) < _LONGEST_HINT else "",
            ) from None
    return values


def render(value: Any, form: str, target: str = "") -> bytes:
    """Return a result as it is printed, with a line ending.

    As text, None is nothing, a string is itself, anything else is JSON where JSON can hold it, and its repr where
    not. As JSON, None is `null`.

    Raises:
        Failure: `form` is JSON and the value cannot be held; the call itself was done.
    """
    if form == TEXT and value is None:
        return b""
    if form == TEXT and isinstance(value, str):
        text = value
    else:
        import json

        try:
            text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            if form == JSON:
                raise Failure(
                    f"JSON cannot hold what {target or 'the function'} returned, a value of type "
                    f"{type(value).__name__}: {error}",
                    FAILED,
                    now="the function has run",
                    hint="without --json its text is printed",
                ) from None
            text = repr(value)
    if not text.endswith("\n"):
        text += "\n"
    return encode(text)


def encode(text: str) -> bytes:
    """Return UTF-8 of any string, also of one that holds lone surrogates."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace")


def exit_code_of(value: object) -> tuple[int, str]:
    """Return the exit code that `sys.exit(value)` means, and what it prints on standard error."""
    if value is None:
        return 0, ""
    if isinstance(value, int):
        return value & 0xFF, ""
    return 1, f"{value}\n"


def _modules_beside(missing: str) -> Iterable[str]:
    import pkgutil

    parent, _, _ = missing.rpartition(".")
    if not parent:
        return (module.name for module in pkgutil.iter_modules())
    folders = getattr(sys.modules.get(parent), "__path__", ())
    return (f"{parent}.{module.name}" for module in pkgutil.iter_modules(folders))


def _nearest(name: str, known: Iterable[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean '{near[0]}'?" if near else ""
