"""How lines are edited, completed and remembered at the prompt of a console, with readline where Python has it.

The history is `var/run/console_history`, readable by its owner alone; the consoles of a release share it. HOME is
never looked at.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from ..release.layout import Layout

HISTORY = "console_history"
_MAX_LINES = 2000


def editing(layout: Layout, complete: Callable[[str], list[str]]) -> AbstractContextManager[None]:
    """Have `input` edit lines within a `with`: Tab asks `complete`, and the lines are remembered at the end."""
    from contextlib import contextmanager

    return contextmanager(_editing)(os.path.join(layout.run, HISTORY), complete)


def _editing(path: str, complete: Callable[[str], list[str]]) -> Iterator[None]:
    try:
        import readline
    except ImportError:  # lines can be typed, and that is all
        yield
        return
    found: list[str] = []

    def completer(text: str, state: int) -> str | None:
        if not text.strip():
            return "    " if state == 0 else None  # a Tab at the begin of a line indents it
        if state == 0:
            found[:] = complete(text)
        return found[state] if state < len(found) else None

    readline.set_completer(completer)
    readline.set_completer_delims(" \t\n`~!@#$%^&*()-=+[{]}\\|;:'\",<>/?")
    is_libedit = "libedit" in (readline.__doc__ or "")
    readline.parse_and_bind("bind ^I rl_complete" if is_libedit else "tab: complete")
    try:
        readline.read_history_file(path)
    except OSError:
        pass
    before = readline.get_current_history_length()
    try:
        yield
    finally:
        _remember(path, readline.get_current_history_length() - before)


def _remember(path: str, count: int) -> None:
    import readline

    if count <= 0:
        return
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        readline.set_history_length(_MAX_LINES)
        readline.append_history_file(count, path)
        os.chmod(path, 0o600)
    except OSError:
        pass  # a read-only `var`: the console works without
