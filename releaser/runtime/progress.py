"""Who hears of the progress that a function makes: whoever called it by rpc, or standard error.

The agent runs each rpc inside `with SentTo(sink)`; `write` finds that sink again in the same thread, in a coroutine
started from it, and in `asyncio.to_thread`. A thread that the function starts itself writes to standard error.
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


class SentTo:
    """Within `with SentTo(sink)`, what is written goes to `sink`, a function of one string."""

    __slots__ = ("_sink", "_token")

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def __enter__(self) -> None:
        self._token: Token[Sink | None] = _sink.set(self._sink)

    def __exit__(self, *exception: object) -> None:
        _sink.reset(self._token)


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
