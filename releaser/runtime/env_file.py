"""What does the `env_file` of this host say? Lines `NAME=value`, read once at each start.

`export` in front and comments are allowed. A value in single quotes is taken as it stands, one in double quotes has
`\\n`, `\\t`, `\\"`, `\\\\` and `\\$`; both may go over several lines. Without quotes it ends with its line, or at ` #`.
Nothing is replaced: a `$` in a password is a `$`. Messages name lines, never values.
"""

from __future__ import annotations

import os

from .environment import CONTRACT, is_name, setting
from .failures import DAMAGED, Failure
from .regular import read_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from .context import Context

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_MAX_BYTES = 1024 * 1024


def path_of(context: Context, environ: Mapping[str, str]) -> str:
    """Return the absolute path of the file, or "" when the release has none.

    Raises:
        Failure: a variable in the path cannot be replaced.
    """
    text = context.manifest.env_file.removeprefix("-")
    return os.path.join(context.layout.root, setting("env_file", text, environ)) if text else ""


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
        raise _failure(path, (error.strerror or str(error)).lower()) from None
    except UnicodeDecodeError:
        raise _failure(path, "expected UTF-8 text") from None
    variables, problems = parse(text)
    if problems:
        raise _failure(path, "not every line is a variable", tuple(f"{path}:{line}: {what}" for line, what in problems))
    return variables


def parse(text: str) -> tuple[dict[str, str], list[tuple[int, str]]]:
    """Return the variables in `text`, and what is wrong with it: line, from 1, and sentence."""
    variables: dict[str, str] = {}
    problems: list[tuple[int, str]] = []
    lines = text.removeprefix("\ufeff").split("\n")
    number = 0
    while number < len(lines):
        begin = number
        line = lines[number].strip()
        number += 1
        if not line or line.startswith("#"):
            continue
        name, equals, rest = line.removeprefix("export ").partition("=")
        name = name.strip()
        if not equals or not is_name(name):
            problems.append((begin + 1, "expected NAME=value"))
            continue
        if name in _OWN:
            problems.append((begin + 1, f"{name} is set by the release itself"))
            continue
        rest = rest.strip()
        if rest[:1] not in ("'", '"'):
            variables[name] = rest.partition(" #")[0].rstrip()
            continue
        # From the line as it is written: what stands in quotes keeps its blanks.
        quote = rest[0]
        value, end, after = _quoted("\n".join([lines[begin][lines[begin].index(quote) + 1 :], *lines[number:]]), quote)
        if end < 0:
            problems.append((begin + 1, f"the quote that begins {name} does not end"))
            break
        if after and not after.startswith("#"):
            problems.append((begin + 1, f"text behind the quoted value of {name}"))
        number += end
        variables[name] = value
    return variables, problems


_OWN = frozenset(name for name, _ in CONTRACT)


def _quoted(text: str, quote: str) -> tuple[str, int, str]:
    """Return the value up to the closing quote, how many line ends it holds, and the rest of its last line.

    The number is -1 when there is no closing quote.
    """
    result: list[str] = []
    position = 0
    while position < len(text):
        character = text[position]
        position += 1
        if character == quote:
            return "".join(result), text.count("\n", 0, position), text[position:].partition("\n")[0].strip()
        if character == "\\" and quote == '"' and position < len(text):
            escaped = text[position]
            position += 1
            result.append(_ESCAPES.get(escaped) or (escaped if escaped in '"\\$`' else f"\\{escaped}"))
        else:
            result.append(character)
    return "", -1, ""


def _failure(path: str, what: str, details: tuple[str, ...] = (), hint: str = "") -> Failure:
    return Failure(f"cannot use env_file {path}: {what}", DAMAGED, details, now="nothing was started", hint=hint)
