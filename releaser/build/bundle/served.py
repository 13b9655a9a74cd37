"""Which app does a server's command line name? It is imported when the server runs, and must be in the bundle."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

SERVERS: Final = frozenset({"gunicorn", "uvicorn", "hypercorn", "granian", "daphne", "waitress-serve"})
_ELSEWHERE: Final = ("--chdir", "--app-dir", "--pythonpath", "--working-dir", "-c", "--config")
"""Options with which a server looks for the app in another folder, or finds out about it in a file."""
_APP = re.compile(r"(?P<app>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*)(?:\.[\w.]+)?(?:\(.*\))?")


def served_by(words: tuple[str, ...]) -> Iterator[str]:
    """Yield what a command line says to serve, `module:name`; nothing where it may be anywhere."""
    names = [word.rpartition("/")[2] for word in words]
    at = next((index for index, name in enumerate(names) if name in SERVERS), -1)
    options = {word.partition("=")[0] for word in words[at + 1 :]}
    if at < 0 or options.intersection(_ELSEWHERE):
        return
    for word in words[at + 1 :]:
        found = _APP.fullmatch(word)
        if found and "$" not in word:
            yield found["app"]
            return
