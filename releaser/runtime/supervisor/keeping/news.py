"""What does it mean for the release that an instance became ready, or was lost? An event of its table of states."""

from __future__ import annotations

from ...release.failures import Failure
from .. import states

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..control.restarting import Restarting
    from ..life import Life
    from ..outcome import Outcome
    from ..running import Running
    from ..telling.voice import Voice
    from .keeper import Keeper


class News:
    """Owns the keepers of what the release runs, and those of an upgrade once that is over."""

    def __init__(self, running: Running, outcome: Outcome, life: Life, voice: Voice, restarting: Restarting) -> None:
        self._running = running
        self._outcome = outcome
        self._life = life
        self._voice = voice
        self._restarting = restarting

    def became_ready(self, keeper: Keeper) -> None:
        instance = keeper.instance
        if instance is None:
            return
        restarted = f", restart {keeper.restarts.total}" if keeper.restarts.total else ""
        name = keeper.label.strip() or "is"
        verb = "is ready" if keeper.label else "ready"
        self.say(f"{name} {verb} after {instance.told_ready()} (pid {instance.pid}{restarted})")
        if all(each.has_been_ready for each in self._running.live.keepers):
            self._life.handle(states.READY)
        self._restarting.take_ready(keeper)

    def was_not_ready(self, keeper: Keeper, how: str, why: Sequence[str]) -> None:
        is_late = how.startswith("did not")
        failure = Failure(
            f"{self._running.title}{keeper.label} {how}",
            details=tuple(why),
            now="the release is stopped",
            hint="readiness.timeout in rel/config.toml is the limit" if is_late else "",
        )
        self._outcome.fail(failure)
        self._life.handle(states.TIMEOUT)

    def was_lost(self, keeper: Keeper, code: int, why: str) -> None:
        state = self._life.state
        exits = tuple(keeper.restarts.last_exits) if why else ()
        if not code and state in (states.BOOT, *states.SERVING_STATES):
            so = "; so do its post_start hooks" if state == states.POST_START else ""
            self.say(f"the app{keeper.label} has ended by itself with 0, {keeper.ran_s:.2f} s after its start{so}")
        name = f"{self._running.title}{keeper.label}"
        errors = keeper.told_errors() if code and state == states.BOOT and not keeper.last_words else []
        is_done = state == states.BOOT and not code and keeper.had_answered  # `started`, and it was not to stay
        judged = states.POST_START if is_done else state
        self._outcome.instance_ended(name, judged, code, why or keeper.last_words, (*exits, *errors))
        self._life.handle(states.LOST if self._running.live.is_alive() else states.EXITED)

    def say(self, text: str) -> None:
        self._voice.say(text)

    def fault(self, what: str) -> str:
        return self._voice.fault(what)
