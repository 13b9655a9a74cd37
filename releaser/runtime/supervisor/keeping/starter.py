"""What is an instance started with? The same words, sockets and lock each time, in the environment of the moment."""

from __future__ import annotations

from ...bundle.launch import Instance, start_instance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ...bundle.listeners import Listener
    from ...release.context import Context


class Starter:
    """Starts one instance after the other."""

    __slots__ = ("_bound", "_context", "_lock", "_words", "environ")

    def __init__(self, context: Context, words: Sequence[str], bound: Sequence[Listener], lock: int) -> None:
        """Note what stays; `words` are the name of the instance and its arguments."""
        self._context = context
        self._words = list(words)
        self._bound = bound
        self._lock = lock
        self.environ: Mapping[str, str] = {}
        """What the instances that are started from now on begin with."""

    def start(self, variables: Mapping[str, str], now: float) -> Instance:
        """Start one, with `variables` that are this keeper's alone.

        Raises:
            OSError: its interpreter cannot be executed.
        """
        environ = {**self.environ, **variables}
        return start_instance(self._context, self._words, environ, self._bound, self._lock, now)
