"""Is the `${NAME:-default}` in this text well formed, and what is known of its value at build time?

The grammar is that of `substitute` in `releaser.runtime.release.variables.environment`, which replaces for real when
the release starts; the runtime is not imported here, and a property test holds the two together.
"""

from __future__ import annotations

import re

from releaser.config.text.nearest import nearest

REPLACED_AT_START = "`${NAME}` and `${NAME:-default}` in it are replaced once, at start."
"""What the reference page says of each text that is."""
OF_THE_RELEASE = (
    "RELEASE_ROOT",
    "RELEASE_NAME",
    "RELEASE_VERSION",
    "RELEASE_ENVIRONMENT",
    "RELEASE_COMMAND",
    "RELEASE_PROG",
    "RELEASE_VAR",
    "RELEASE_PYTHON",
)
"""Variables that hold in every such text: those of the contract that are set whatever runs."""
UNKNOWN = "\0"
"""Stands for the value of a variable that only the host knows."""

_PREFIX = "RELEASE_"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Wrong(Exception):
    """Text that a setting cannot use.

    `what` is empty when `expected ..., found ...` of the setting says all that is to be said.
    """

    def __init__(self, what: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


def expand(text: str) -> str:
    """Return `text` with each `${NAME:-default}` replaced by its default and each `${NAME}` by `UNKNOWN`.

    A `RELEASE_...` that no release sets is refused, unless it has a default: the host may have one of its own.

    Raises:
        Wrong: such a variable, or a `$` that is neither of the two, nor `$$` for one dollar sign.
    """
    result: list[str] = []
    rest = text
    while True:
        before, dollar, rest = rest.partition("$")
        result.append(before)
        if not dollar:
            return "".join(result)
        if rest.startswith("$"):
            result.append("$")
            rest = rest[1:]
        elif rest.startswith("{"):
            inside, brace, rest = rest[1:].partition("}")
            if not brace:
                raise Wrong("'${' without its '}'", "write '$$' for a dollar sign")
            result.append(_value_of(inside))
        else:
            raise Wrong("'$' alone means nothing", _dollar_hint(rest))


def _value_of(inside: str) -> str:
    name, separator, default = inside.partition(":-")
    if not _VARIABLE.fullmatch(name):
        raise Wrong(f"'${{{inside}}}' is not '${{NAME}}' or '${{NAME:-default}}'")
    if name.startswith(_PREFIX) and name not in OF_THE_RELEASE and not separator:
        raise Wrong(f"the release sets no {name} where this is replaced", _release_hint(name))
    return default if separator else UNKNOWN


def _release_hint(name: str) -> str:
    near = nearest(name, OF_THE_RELEASE)
    return f"did you mean '{near}'?" if near else f"it sets {', '.join(OF_THE_RELEASE)}"


def _dollar_hint(rest: str) -> str:
    name = _VARIABLE.match(rest)
    if name:
        return f"write '${{{name.group()}}}' for the variable, '$$' for a dollar sign"
    return "write '$$' for a dollar sign, '${NAME}' for a variable"
