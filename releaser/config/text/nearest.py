"""Which known name did the author mean?"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from itertools import islice

_LIST_LIMIT = 60
"""Characters of a list of known names that is still read at a glance."""
_COMPARED = 500
"""Known names that one is compared with: each costs time, and no configuration has more."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that is most like `name`, or an empty string when none is."""
    by_folded = {_folded(candidate): candidate for candidate in islice(known, _COMPARED)}
    found = difflib.get_close_matches(_folded(name), by_folded, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else ""


def name_hint(name: str, known: Iterable[str], noun: str = "") -> str:
    """Return a hint for an unknown `name`: the nearest one, else the list of what is known if it is short."""
    names = list(known)
    found = nearest(name, names)
    if found:
        return f"did you mean '{found}'?"
    listed = ", ".join(names[: _LIST_LIMIT + 1])
    if not names or len(listed) > _LIST_LIMIT:
        return ""
    return f"known {noun}: {listed}" if noun else f"known here: {listed}"


def _folded(name: str) -> str:
    return name.lower().replace("-", "_").replace(" ", "_")
