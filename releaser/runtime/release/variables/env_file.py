"""What does the `env_file` of this host say? Lines `NAME=value`, read once at each start.

`export` in front and comments are allowed. A value in single quotes is taken as it stands, one in double quotes has
`\\n`, `\\t`, `\\"`, `\\\\` and `\\$`; both may go over several lines. Without quotes it ends with its line, or at ` #`.
Nothing is replaced: a `$` in a password is a `$`. Messages name lines, never values.
"""

from __future__ import annotations

import os

from ..failures import DAMAGED, Failure
from ..regular import read_text
from .environment import CONTRACT, is_name, setting, with_contract

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..context import Context

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_MAX_BYTES = 1024 * 1024
_TOLD = 20
"""Lines of a file that a message names."""
_SHOWN = 100
"""Characters of a name that a message repeats."""


def path_of(context: Context, environ: Mapping[str, str]) -> str:
    """Return the absolute path of the file, or "" when the release has none.

    Raises:
        Failure: a variable in the path cannot be replaced.
    """
    text = context.manifest.env_file.removeprefix("-")
    return os.path.join(context.layout.root, setting("env_file", text, with_contract(context, environ))) if text else ""


def read(context: Context, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of the file, nothing when the release has none or it may be missing and is.

    Raises:
        Failure: it is missing, cannot be read, or has lines that are no variables; all of them at once.
    """
    path = path_of(context, environ)
    if not path:
        return {}
    try:
        text = read_text(path, _MAX_BYTES).replace("\r\n", "\n")
    except FileNotFoundError:
        if context.manifest.env_file.startswith("-"):
            return {}
        raise _failure(
            path, "no such file", hint="a '-' before the path in rel/config.toml lets it be missing"
        ) from None
    except OSError as error:
        raise _failure(path, (error.strerror or str(error)).lower()) from error
    except UnicodeDecodeError:
        raise _failure(path, "expected UTF-8 text") from None
    variables, problems = parse(text)
    if problems:
        told = [f"{path}:{line}: {what}" for line, what in problems[:_TOLD]]
        told += [f"... and {len(problems) - _TOLD} more"] if len(problems) > _TOLD else []
        raise _failure(path, "not every line is a variable", tuple(told))
    return variables


def parse(text: str) -> tuple[dict[str, str], list[tuple[int, str]]]:
    """Return the variables in `text`, and what is wrong with it: line, from 1, and sentence."""
    variables: dict[str, str] = {}
    problems: list[tuple[int, str]] = []
    text = text.removeprefix("\ufeff")
    number, at = 0, 0
    while at < len(text):
        begin, end = at, _line_end(text, at)
        line = text[begin:end].strip()
        number, at = number + 1, end + 1
        if not line or line.startswith("#"):
            continue
        name, equals, rest = line.removeprefix("export ").partition("=")
        name, rest = name.strip(), rest.strip()
        if not equals or not is_name(name):
            problems.append((number, "expected NAME=value"))
            continue
        if name in _OWN:
            problems.append((number, f"{name} is set by the release itself"))
            continue
        if rest[:1] in ("'", '"'):
            # From the text as it is written: what stands in quotes keeps its blanks, and may go on in the next line.
            first = number
            value, end = _quoted(text, text.index(rest[0], begin) + 1, rest[0])
            if end < 0:
                problems.append((first, f"the quote that begins {name[:_SHOWN]} does not end"))
                break
            number, at = number + text.count("\n", begin, end), _line_end(text, end) + 1
            after = text[end : at - 1].strip()
            if after and not after.startswith("#"):
                problems.append((first, f"text behind the quoted value of {name[:_SHOWN]}"))
        else:
            first, value = number, rest.partition(" #")[0].rstrip()
        if "\0" in value:
            problems.append((first, f"the value of {name[:_SHOWN]} has a NUL, which no variable can hold"))
        variables[name] = value
    return variables, problems


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


_OWN = frozenset(name for name, _ in CONTRACT)


def _quoted(text: str, at: int, quote: str) -> tuple[str, int]:
    """Return the value that begins at `at`, behind its quote, and where it ends; -1 when there is no closing quote."""
    result: list[str] = []
    while at < len(text):
        character = text[at]
        at += 1
        if character == quote:
            return "".join(result), at
        if character == "\\" and quote == '"' and at < len(text):
            escaped = text[at]
            at += 1
            result.append(_ESCAPES.get(escaped) or (escaped if escaped in '"\\$`' else f"\\{escaped}"))
        else:
            result.append(character)
    return "", -1


def _failure(path: str, what: str, details: tuple[str, ...] = (), hint: str = "") -> Failure:
    return Failure(f"cannot use env_file {path}: {what}", DAMAGED, details, now="nothing was started", hint=hint)
