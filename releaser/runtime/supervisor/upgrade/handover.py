"""How does the supervisor hand over to that of a newer version? By becoming it, once that version alone runs.

`reexecution` is the mechanism. Whatever fails here costs no version: this supervisor goes on with what runs, and says
that it stays the one of the version before.
"""

from __future__ import annotations

from ...release import known_python
from .. import states
from ..signals import HANDLED
from . import reexecution

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from ..hooks.hook_queue import HookQueue
    from ..hooks.jobs import Jobs
    from ..keeping.keeper import Owner
    from ..running import Running
    from ..startup import Start
    from ..telling.systemd import Manager
    from ..telling.voice import Voice


class Handover:
    """Both ends of it: what the image before leaves, and what the one after goes on with."""

    def __init__(
        self,
        running: Running,
        start: Start,
        voice: Voice,
        clock: Callable[[], float],
        *,
        hooks: HookQueue,
        jobs: Jobs,
        manager: Manager,
        hold: Callable[[], reexecution.Held],
    ) -> None:
        """Prepare; `hold` tells in numbers what is to survive."""
        self._running = running
        self._start = start
        self._voice = voice
        self._clock = clock
        self._hooks = hooks
        self._jobs = jobs
        self._manager = manager
        self._hold = hold

    def begin(self, state_format: int) -> None:
        """Execute this process anew, from the runtime of the version that runs now, if that knows our format."""
        stays = "warning: the supervisor stays that of the version before"
        if state_format != reexecution.FORMAT:
            self._voice.say(f"{stays}: the new one does not know its state")
            return
        try:
            self._execute_anew()
        except OSError as error:
            self._voice.say(f"{stays}: {error.strerror}")
        except Exception:
            self._voice.say(f"{stays}: {self._voice.fault('becoming the supervisor of the new version')}")

    def _execute_anew(self) -> None:
        """Become the new supervisor; returns never.

        Raises:
            OSError: it cannot be executed; nothing has changed.
        """
        live = self._running.live
        self._jobs.end_all()
        state = {
            "command": live.contract["RELEASE_COMMAND"],
            "args": self._start.args,
            "only": list(self._start.only),
            "hooks": self._hooks.reports,
            "started_at": self._running.started_at,
        }
        reexecution.execute(live.context, self._start.base, self._hold(), state, HANDLED, self._voice.finish)

    def go_on(self, state: Mapping[str, Any], owner: Owner) -> None:
        """Go on where the supervisor of the version before has stopped; `owner` hears of the keepers."""
        live = self._running.live
        live.environ, live.number = dict(state["environ"]), state["generation"]
        live.make_keepers(owner, self._start.only, self._start.log)
        reexecution.adopt(live, state, self._start.args, self._start.lock, self._clock())
        self._hooks.reports += state["hooks"]
        self._running.started_at = state["started_at"]
        self._running.state = states.RUNNING
        self._manager.tell(lambda upward: upward.enter(states.RUNNING, live.manifest, task_s=0.0, stop_s=0.0))
        known_python.keep(live.context)
