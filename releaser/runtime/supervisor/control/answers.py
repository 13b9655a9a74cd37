"""What is answered to a request on the control socket? One table, from each word of the protocol to a function.

`protocol.requests` has the same words, with what may stand behind them; a request is checked before it comes here.
"""

from __future__ import annotations

import os

from ...protocol import frames
from ...release.failures import DONE, NOT_NOW
from ...release.variables import environment
from . import status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Protocol

    from ..hooks.hook_queue import HookQueue
    from ..outcome import Outcome
    from ..running import Running
    from ..startup import Start
    from ..telling.systemd import Manager
    from .clients import Client
    from .restarting import Restarting

    class Switching(Protocol):
        """Who changes the version of the release."""

        def begin(self, text: str, client: Client) -> bytes:
            """Begin what the request says; return the frames to send at once."""

    Answer = Callable[["Requests", Sequence[str], Client], bytes]
    """Gets the words behind the first and who sent them; returns frames, none to a client that is to wait."""


class Requests:
    """The running release as those see it who ask something of it."""

    def __init__(
        self,
        running: Running,
        start: Start,
        clock: Callable[[], float],
        *,
        hooks: HookQueue,
        outcome: Outcome,
        manager: Manager,
        restarting: Restarting,
        switching: Switching,
        stop: Callable[[str], None],
    ) -> None:
        """Answer from these; `stop` begins the orderly end, and is told why."""
        self.running = running
        self.start = start
        self.clock = clock
        self.hooks = hooks
        self.outcome = outcome
        self.manager = manager
        self.restarting = restarting
        self.switching = switching
        self.stop = stop

    def answer(self, words: Sequence[str], client: Client) -> bytes:
        """Return the frames that answer a request of the protocol."""
        word, *rest = words
        return ANSWERS[word](self, rest, client)


def _ping(asked: Requests, words: Sequence[str], client: Client) -> bytes:
    if asked.running.is_serving():
        return frames.reply("pong\n", DONE)
    return frames.reply(f"{asked.running.name} is {asked.running.word()}\n", NOT_NOW, frames.ERROR)


def _alive(asked: Requests, words: Sequence[str], client: Client) -> bytes:
    return frames.reply("pong\n", DONE)


def _pid(asked: Requests, words: Sequence[str], client: Client) -> bytes:
    return frames.reply(f"{os.getpid()}\n", DONE)


def _status(asked: Requests, words: Sequence[str], client: Client) -> bytes:
    text = status.as_json if "--json" in words else status.as_text
    return frames.reply(text(status.gather(asked.running, asked.hooks, asked.outcome, asked.clock())), DONE)


def _stop(asked: Requests, words: Sequence[str], client: Client) -> bytes:
    """Begin the end; whoever asked is let go by the end of this process."""
    if words:
        asked.running.stop_timeout_s = float(words[0])
    client.keep_open = True
    asked.stop(f"`{asked.running.name} stop`")
    return b""


def _reloaded(asked: Requests, words: Sequence[str], client: Client) -> bytes:
    """Go on with the configuration `words`, `NAME=value`: for instances and hooks that are started from now on."""
    ours = (*environment.OF_THE_MANAGER, "RELEASE_EVENT")
    live = asked.running.live
    new = (word.partition("=") for word in words)
    live.environ = {name: value for name, _, value in new if name not in ours}
    for keeper in live.keepers:
        keeper.configure(live.variables)
    asked.manager.tell(lambda upward: upward.reload())
    return frames.reply("", DONE)


def _environ(asked: Requests, words: Sequence[str], client: Client) -> bytes:
    return frames.reply("".join(f"{name}={value}\0" for name, value in asked.start.base.items()), DONE)


def _args(asked: Requests, words: Sequence[str], client: Client) -> bytes:
    only = ["--only", ",".join(asked.start.only)] if asked.start.only else []
    return frames.reply("".join(f"{word}\0" for word in [*only, *asked.start.args]), DONE)


def _restart(asked: Requests, words: Sequence[str], client: Client) -> bytes:
    return asked.restarting.begin(words[0], client)


def _upgrade(asked: Requests, words: Sequence[str], client: Client) -> bytes:
    return asked.switching.begin(words[0], client)


ANSWERS: Mapping[str, Answer] = {
    "ping": _ping,
    "alive": _alive,
    "pid": _pid,
    "status": _status,
    "stop": _stop,
    "reloaded": _reloaded,
    "environ": _environ,
    "args": _args,
    "restart": _restart,
    "upgrade": _upgrade,
}
