"""What a word at a prompt may be completed to: names, builtins, keywords, and attributes of a dotted name.

`rlcompleter` does the same, but imports readline, which writes to the terminal of whatever process it is in: the
console's names live in the app.
"""

from __future__ import annotations

import builtins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

_MAX_MATCHES = 500


def matches(text: str, names: Mapping[str, Any]) -> list[str]:
    """Return the completions of `text`, sorted; nothing is called for it but what a property does."""
    *path, last = text.split(".")
    if not path:
        import keyword

        known = {**vars(builtins), **names}
        found = [_shown(name, known[name]) for name in _beginning(last, known)]
        return sorted({*found, *_beginning(last, (*keyword.kwlist, *keyword.softkwlist))} if last else found)
    try:
        thing = names[path[0]] if path[0] in names else vars(builtins)[path[0]]
        for name in path[1:]:
            thing = getattr(thing, name)
        before = ".".join(path)
        attributes = _beginning(last, dir(thing))
    except Exception:  # whatever the objects of an app raise when they are looked at
        return []
    return [_shown(f"{before}.{name}", _attribute(thing, name)) for name in sorted(attributes)]


def _beginning(start: str, known: Iterable[str]) -> list[str]:
    found = [name for name in known if name.startswith(start) and (start.startswith("_") or not name.startswith("_"))]
    return found[:_MAX_MATCHES]


def _shown(name: str, value: Any) -> str:
    return f"{name}(" if callable(value) else name


def _attribute(thing: Any, name: str) -> Any:
    """Return an attribute, but of a class's property nothing: to list it must not run it."""
    if isinstance(getattr(type(thing), name, None), property):
        return None
    try:
        return getattr(thing, name)
    except Exception:
        return None
