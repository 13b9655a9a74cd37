"""Who changes the version when somebody asks? An upgrade is begun here, and this is its host until it has ended."""

from __future__ import annotations

from ...protocol import frames, requests, upgrade_request
from ...release.failures import NOT_NOW, Failure
from .upgrading import Upgrade

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ...release.manifest import Hook
    from ..control.clients import Client
    from ..control.restarting import Restarting
    from ..generation import Generation
    from ..hooks.hook_queue import HookQueue
    from ..keeping.keeper import Owner
    from ..life import Life
    from ..running import Running
    from ..startup import Start
    from ..telling.systemd import Manager
    from ..telling.voice import Voice
    from .handover import Handover


class Switching:
    """One upgrade at a time: from the request for it to the handover to the supervisor of the new version."""

    def __init__(
        self,
        running: Running,
        start: Start,
        life: Life,
        voice: Voice,
        clock: Callable[[], float],
        *,
        owner: Owner,
        hooks: HookQueue,
        manager: Manager,
        restarting: Restarting,
        handover: Handover,
    ) -> None:
        """Prepare; `owner` hears of the keepers of what the release runs."""
        self._running = running
        self._start = start
        self._life = life
        self._voice = voice
        self._clock = clock
        self._owner = owner
        self._hooks = hooks
        self._manager = manager
        self._restarting = restarting
        self._handover = handover

    def begin(self, text: str, client: Client) -> bytes:
        """Begin to change the version; the client hears of each step, and of the end."""
        live = self._running.live
        try:
            request = upgrade_request.read(text)
        except upgrade_request.NotUnderstood as error:
            return requests.refusal(requests.Refused(str(error)), f"{live.manifest.version} goes on")
        if why := self._why_not():
            return frames.reply(f"error: {live.manifest.name} cannot be upgraded: {why}\n", NOT_NOW, frames.ERROR)
        try:
            upgrade = Upgrade(self, self._owner, live, request, client, self._start)
        except Failure as failure:
            failure.now = f"{live.manifest.version} goes on"
            return frames.reply("\n".join(failure.lines()) + "\n", failure.exit_code, frames.ERROR)
        client.keep_open = True
        self._hooks.reports += request["hooks"]
        self._running.upgrade = upgrade
        self._manager.tell(lambda upward: upward.begin_reload(f"upgrading to {upgrade.version}"))
        upgrade.begin(self._clock())
        return b""

    def _why_not(self) -> str:
        if self._restarting.is_under_way:
            return "one of its processes is restarted"
        return "" if self._running.is_free() else f"it is {self._running.why_not_free()}"

    # What an upgrade asks of its host -----------------------------------------------------------------------------

    def take_over(self, generation: Generation) -> None:
        self._running.take_over(generation)

    def run_upgrade_hooks(
        self,
        hooks: Sequence[Hook],
        environ: Mapping[str, str],
        on_end: Callable[[Failure | None], None],
        heard_by: Callable[[bytes], None],
    ) -> None:
        live = self._running.live
        variables = {**live.variables, **environ}
        self._hooks.run(hooks, live.context, variables, live.runtime, self._clock, on_end, heard_by)

    def finish_upgrade(self, failure: Failure | None, is_switched: bool) -> None:
        upgrade, self._running.upgrade = self._running.upgrade, None
        version = self._running.live.manifest.version
        self._manager.tell(lambda upward: upward.announce(f"running {version}"))
        if failure is not None:
            self._voice.tell(failure)
        if is_switched:
            self._voice.say(f"{version} is running")
            self._handover.begin(0 if upgrade is None else upgrade.state_format)

    def give_up(self, failure: Failure) -> None:
        self._running.upgrade = None
        self._life.lose(failure)
