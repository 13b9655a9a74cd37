"""How is one instance told to end? Its drain first, then SIGTERM, then SIGKILL where another is to take its place."""

from __future__ import annotations

import signal

from ...instance import drain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ...bundle.launch import Instance
    from ...release.context import Context


class Leaving:
    """The signals that one keeper still owes its instance."""

    __slots__ = ("_context", "_kill_at", "_on_fault", "_term_at")

    def __init__(self, context: Context, on_fault: Callable[[], object]) -> None:
        """`on_fault` tells the exception that is being handled, a fault of ours in asking the app to drain."""
        self._context = context
        self._on_fault = on_fault
        self._term_at: float | None = None
        self._kill_at: float | None = None

    def begin(self, instance: Instance, agents: Sequence[str], now: float, *, is_replaced: bool) -> float:
        """Have it told to end, now or later; return how many seconds later.

        Its `agents` are asked to drain, but of an instance that is not ready. `is_replaced`: another instance has the
        same sockets.
        """
        instance.child.signal(signal.SIGCONT)
        drain_s = self._context.manifest.drain_s
        if not drain_s or not instance.is_ready:
            instance.signal(signal.SIGTERM)
            return 0.0
        kind = drain.REPLACED if is_replaced else drain.ENDING
        self._term_at = now + drain_s  # whatever becomes of what comes now
        try:
            drain.ask(self._context.layout.run, tuple(agents), instance.pid, kind)
        except Exception:
            self._on_fault()
        return drain_s

    def limit(self, after_s: float, now: float) -> None:
        """Have it killed when it has not ended in its time, which begins in `after_s` seconds."""
        self._kill_at = now + after_s + self._context.manifest.stop_timeout_s

    def end(self) -> None:
        """Owe nothing more: the instance has ended."""
        self._term_at = self._kill_at = None

    def deadlines(self) -> list[float | None]:
        """Return when `pass_deadlines` next has something to do; None: nothing."""
        return [self._term_at, self._kill_at]

    def pass_deadlines(self, instance: Instance | None, now: float) -> bool:
        """Send the SIGTERM that is due; tell whether the instance has had its time, and is to be killed."""
        if self._term_at is not None and now >= self._term_at:
            self._term_at = None
            if instance is not None:
                instance.signal(signal.SIGTERM)
        if self._kill_at is None or now < self._kill_at:
            return False
        self._kill_at = None
        return True
