"""What the release tells systemd, or whoever else set NOTIFY_SOCKET, and which sockets it was given by it.

The variables are read once and never reach the app, which has a NOTIFY_SOCKET of the supervisor's own:

    NOTIFY_SOCKET                              READY, STATUS, MAINPID, STOPPING, EXTEND_TIMEOUT_USEC (sd_notify(3))
    WATCHDOG_USEC WATCHDOG_PID                 WATCHDOG=1, three times in that period (sd_watchdog_enabled(3))
    LISTEN_FDS LISTEN_FDNAMES LISTEN_PID       listening sockets, from descriptor 3 on (sd_listen_fds(3))

A watchdog is fed while the loop turns. Once the release runs, the app is asked first, by a ping to its agent: one
that is stopped, or held up in C code that keeps the interpreter, is silent, and systemd restarts the service.
"""

from __future__ import annotations

import _socket
import os
import select

from . import frames, notify, sockets, states
from .jobs import KILL_AFTER_S
from .layout import AGENT_SOCKET
from .process import FIRST_INHERITED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .layout import Layout
    from .manifest import Manifest

VARIABLES = (
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "LISTEN_PID",
    "LISTEN_PIDFDID",
)
"""The manager's; an app that found them would take them for its own."""
_MARGIN_S = 10.0
_FEEDS_IN_A_PERIOD = 3
_STOPPING = (states.PRE_STOP, states.DRAIN, states.KILL, states.POST_STOP)
_DOING = {
    states.CONFIGURE: "reading the configuration",
    states.UNPACK: "unpacking the bundle",
    states.BOOT: "waiting for the app to become ready",
    states.DRAIN: "waiting for the app to end",
    states.KILL: "killing the app",
}


class Upward:
    """The end of the protocols that is ours; without a manager every method does nothing."""

    __slots__ = ("_address", "_layout", "_period_s", "_question", "_state", "deadline")

    def __init__(self, environ: Mapping[str, str], layout: Layout, now: float) -> None:
        """Read the variables; `now` is monotonic."""
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._layout = layout
        self._period_s = watchdog_s(environ, os.getpid()) / _FEEDS_IN_A_PERIOD if self._address else 0.0
        self._question: _socket.socket | None = None
        self._state = ""
        self.deadline: float | None = now if self._period_s else None
        """When the watchdog is fed, or the app asked for it, next."""

    def enter(self, state: str, manifest: Manifest, *, task_s: float, stop_s: float) -> None:
        """Tell what begins now, and extend the manager's own limit to what that may take."""
        self._state = state
        if not self._address or state in (states.RUNNING, states.ENDED):
            return
        lines = ["STOPPING=1"] if state in _STOPPING else []
        lines.append(f"STATUS={_DOING.get(state, f'running the {state} hooks')}")
        limit = _limit_s(state, manifest, task_s, stop_s)
        if limit:
            lines.append(f"EXTEND_TIMEOUT_USEC={int((limit + _MARGIN_S) * 1_000_000)}")
        notify.send(self._address, "\n".join(lines))

    def announce(self, text: str) -> None:
        """Tell that the release is ready."""
        notify.send(self._address, f"READY=1\nSTATUS={text}\nMAINPID={os.getpid()}")

    def watched(self) -> list[tuple[int, int, Callable[[], None]]]:
        """Return the descriptor to poll, if any, with its events and what to do then."""
        if self._question is None:
            return []
        return [(self._question.fileno(), select.POLLIN, self._take_answer)]

    def pass_deadline(self, now: float) -> None:
        """Feed the watchdog, or ask the app whether it lives; a question that is still open goes unfed."""
        if self.deadline is None or now < self.deadline:
            return
        self.deadline = now + self._period_s
        self._close()
        if self._state != states.RUNNING:
            self._feed()  # starting and stopping have limits of their own
            return
        try:
            self._question = sockets.connect(self._layout.run, AGENT_SOCKET, timeout_s=0)
            self._question.send(frames.encode_request("ping"))
        except BlockingIOError:
            self._close()  # as many callers wait as there is room for: no sign of life
        except OSError:
            self._close()
            self._feed()  # there is no agent to ask, which says nothing of the app

    def _take_answer(self) -> None:
        try:
            is_alive = self._question is not None and bool(self._question.recv(64))
        except OSError:
            is_alive = False
        self._close()
        if is_alive:
            self._feed()

    def _feed(self) -> None:
        notify.send(self._address, "WATCHDOG=1")

    def _close(self) -> None:
        if self._question is not None:
            self._question.close()
            self._question = None


def watchdog_s(environ: Mapping[str, str], pid: int) -> float:
    """Return the watchdog's period in seconds, 0.0 if there is none or it is another process's."""
    microseconds = environ.get("WATCHDOG_USEC", "")
    if not _is_number(microseconds) or environ.get("WATCHDOG_PID", str(pid)) != str(pid):
        return 0.0
    return int(microseconds) / 1_000_000


def passed_sockets(environ: Mapping[str, str], pid: int) -> list[tuple[str, int]]:
    """Return name and descriptor of each socket that was passed to process `pid`; unnamed ones have an empty name."""
    count = environ.get("LISTEN_FDS", "")
    if not _is_number(count) or environ.get("LISTEN_PID") != str(pid):
        return []
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    return [(names[i] if i < len(names) else "", FIRST_INHERITED + i) for i in range(int(count))]


def _limit_s(state: str, manifest: Manifest, task_s: float, stop_s: float) -> float:
    if state in states.HOOK_STATES:
        return sum(hook.timeout_s + KILL_AFTER_S for hook in manifest.hooks_of(state))
    return {
        states.CONFIGURE: task_s,
        states.UNPACK: task_s,
        states.BOOT: manifest.readiness.timeout_s,
        states.DRAIN: stop_s,
    }.get(state, 0.0)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) > 0
