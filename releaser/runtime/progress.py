"""Who hears of the progress that a function makes: whoever called it by rpc, or standard error.

The agent runs each rpc inside `with SentTo(sink)`; `write` finds that sink again in the same thread, in a coroutine
started from it, and in `asyncio.to_thread`. A thread that the function starts itself writes to standard error. In the
same places `event` tells whether a hook called: the app's own environment cannot, since it is older than the hook.
"""

from __future__ import annotations

import sys
from contextvars import ContextVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Token

    Sink = Callable[[str], object]

_sink: ContextVar[Sink | None] = ContextVar("_sink", default=None)
_event: ContextVar[str] = ContextVar("_event", default="")


class SentTo:
    """Within `with SentTo(sink, event)`, what is written goes to `sink`, a function of one string.

    `event` is that of the hook that called, or "".
    """

    __slots__ = ("_event", "_sink", "_tokens")

    def __init__(self, sink: Sink, event: str = "") -> None:
        self._sink = sink
        self._event = event

    def __enter__(self) -> None:
        self._tokens: tuple[Token[Sink | None], Token[str]] = (_sink.set(self._sink), _event.set(self._event))

    def __exit__(self, *exception: object) -> None:
        _sink.reset(self._tokens[0])
        _event.reset(self._tokens[1])


def event() -> str:
    """Return the event of the hook that called what runs here, or ""."""
    return _event.get()


def write(text: str) -> None:
    """Pass `text`, line endings included, to the current sink at once.

    A sink whose client has gone must not raise: what is done on the client's behalf goes on without it.
    """
    sink = _sink.get()
    if sink is not None:
        sink(text)
        return
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):
        pass
