"""Restarts of one process that somebody has asked for: whoever did hears of it when all its instances are ready."""

from __future__ import annotations

from ...protocol import frames
from ...release.failures import DONE, NOT_NOW

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..keeping.keeper import Keeper
    from ..running import Running
    from ..telling.voice import Voice
    from .clients import Client


class Restarting:
    """Those that are under way, each with the instances that are not ready again."""

    def __init__(self, running: Running, voice: Voice, clock: Callable[[], float]) -> None:
        self._running = running
        self._voice = voice
        self._clock = clock
        self._awaited: list[tuple[Client, set[Keeper]]] = []

    @property
    def is_under_way(self) -> bool:
        """Whether somebody waits for one."""
        return bool(self._awaited)

    def begin(self, name: str, client: Client) -> bytes:
        """Restart the instances of the process `name`, or the one of that name; return the frames to send at once."""
        wanted = {keeper for keeper in self._running.live.keepers if name in (keeper.name, keeper.process.name)}
        if not self._running.is_free():
            text = f"error: cannot restart '{name}': {self._running.name} is {self._running.why_not_free()}\n"
            return frames.reply(f"{text}  now: nothing was restarted\n", NOT_NOW, frames.ERROR)
        if not wanted:
            return frames.reply(f"error: no process '{name}' runs now; the release goes on\n", NOT_NOW, frames.ERROR)
        self._voice.say(f"restarts {name}")
        client.keep_open = True
        self._awaited.append((client, wanted))
        for keeper in wanted:
            keeper.restart(self._clock())
        return b""

    def take_ready(self, keeper: Keeper) -> None:
        """Note that an instance is ready, and answer whoever has waited for that alone."""
        for client, awaited in self._awaited:
            awaited.discard(keeper)
            if not awaited:
                client.finish(frames.reply("", DONE))
        self._awaited = [(client, awaited) for client, awaited in self._awaited if awaited]
