"""What does the app do when its configuration changes? The functions that it registered, and what they are given.

The configuration that the process was started with is remembered, also by the workers that it forks. `reload_config`
sends the configuration of today; what differs goes to the functions, and is remembered once they have taken it.
"""

from __future__ import annotations

import os

from ..bundle.python_variables import DROPPED, UNBUFFERED
from ..release.failures import FAILED, Failure
from ..release.primitives import allocate_lock
from ..release.variables.environment import OF_THE_MANAGER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    Change = Mapping[str, str | None]

_functions: list[Callable[[Change], Any]] = []
_known: dict[str, str] = {}
_lock = allocate_lock()
_OF_THE_PROCESS = frozenset(("_", "PWD", "OLDPWD", "SHLVL", *OF_THE_MANAGER, *DROPPED, UNBUFFERED))
"""What shells and supervisors set for one process, and what its interpreter has read once; no configuration."""
_LEAST_HIDDEN = 4
_HIDDEN = "(hidden)"


def register(function: Callable[[Change], Any]) -> None:
    """Have `function` called at each `reload_config` that changes something."""
    if function not in _functions:
        _functions.append(function)


def remember(environ: Mapping[str, str]) -> None:
    """Take `environ` for the configuration that this process has."""
    _known.clear()
    _known.update(_configuration(environ))


def apply(words: Sequence[str]) -> list[str]:
    """Hand what differs in `words`, `NAME=value`, to the registered functions; return the names, sorted.

    Raises:
        Failure: the app has registered none.
        BaseException: what a function raised; all of the change counts as not taken then.
    """
    if not _functions:
        raise Failure(
            "the app has registered no function with releaser.runtime.on_reload",
            FAILED,
            now="the app goes on with the configuration that it has",
            hint="`restart` starts it with the new one",
        )
    new = _configuration(dict(word.split("=", 1) for word in words))
    with _lock:
        change: dict[str, str | None] = {name: value for name, value in new.items() if _known.get(name) != value}
        change.update(dict.fromkeys(_known.keys() - new.keys()))
        if change:
            _hand_over(change)
            remember(new)
    return sorted(change)


def without_values(text: str, words: Sequence[str]) -> str:
    """Return a traceback's text with the values that have changed hidden, however they came into the message."""
    for name, value in _configuration(dict(word.split("=", 1) for word in words)).items():
        if len(value) >= _LEAST_HIDDEN and _known.get(name) != value:
            text = text.replace(value, _HIDDEN)
    return text


def _hand_over(change: Change) -> None:
    from ..bundle.hubs import call

    for function in _functions:
        value = call(lambda function=function: function(dict(change)))  # type: ignore[misc]
        if hasattr(value, "__await__"):
            from ..bundle.loops import wait_for

            wait_for(value)


def _configuration(environ: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environ.items()
        if name not in _OF_THE_PROCESS and not name.startswith("RELEASE_") and os.sep not in name
    }
