"""What the release tells systemd, or whoever else set NOTIFY_SOCKET, and which sockets it was given by it.

The variables are read once and never reach the app, which has a NOTIFY_SOCKET of the supervisor's own:

    NOTIFY_SOCKET                              READY, STATUS, MAINPID, RELOADING, STOPPING ... (sd_notify(3))
    WATCHDOG_USEC WATCHDOG_PID                 WATCHDOG=1, three times in that period (sd_watchdog_enabled(3))
    LISTEN_FDS LISTEN_FDNAMES LISTEN_PID       listening sockets, from descriptor 3 on (sd_listen_fds(3))

A watchdog is fed while the loop turns. Once the release runs, each instance is asked first, by a ping to its agent: one
that is stopped, or held up in C code that keeps the interpreter, is silent, and systemd restarts the service.
"""

from __future__ import annotations

import _socket
import os
import select
import time

from ...bundle.process import FIRST_INHERITED
from ...protocol import frames, notify, sockets
from .. import states
from ..hooks.jobs import KILL_AFTER_S

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ...release.faults import Faults
    from ...release.layout import Layout
    from ...release.manifest import Manifest

_MARGIN_S = 10.0
_FEEDS_IN_A_PERIOD = 3
_FOOD = "WATCHDOG=1"
_RETRY_S = 0.1
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

    __slots__ = (
        "_address",
        "_feed_at",
        "_layout",
        "_period_s",
        "_questions",
        "_retry_at",
        "_state",
        "_untold",
    )

    def __init__(self, environ: Mapping[str, str], layout: Layout, now: float) -> None:
        """Read the variables; `now` is monotonic."""
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._layout = layout
        self._period_s = watchdog_s(environ, os.getpid()) / _FEEDS_IN_A_PERIOD if self._address else 0.0
        self._questions: list[_socket.socket] = []
        self._state = ""
        self._untold: list[str] = []  # the manager's queue was full
        self._feed_at: float | None = now if self._period_s else None
        self._retry_at: float | None = None

    @property
    def deadline(self) -> float | None:
        """When the watchdog is fed, or the app asked for it, or the manager told again, next."""
        known = [deadline for deadline in (self._feed_at, self._retry_at) if deadline is not None]
        return min(known) if known else None

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
        self._tell("\n".join(lines))

    def announce(self, text: str) -> None:
        """Tell that the release is ready."""
        self._tell(f"READY=1\nSTATUS={text}\nMAINPID={os.getpid()}")

    def reload(self) -> None:
        """Tell that the configuration was read again and taken."""
        self.begin_reload()
        self._tell("READY=1")

    def begin_reload(self, text: str = "") -> None:
        """Tell that something is being changed; `announce` tells the end of it."""
        status = f"\nSTATUS={text}" if text else ""
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={int(time.monotonic() * 1_000_000)}{status}")

    def watched(self) -> list[tuple[int, int, Callable[[], None]]]:
        """Return the descriptors to poll, with their events and what to do then."""
        return [
            (question.fileno(), select.POLLIN, lambda q=question: self._take_answer(q))  # type: ignore[misc]
            for question in self._questions
        ]

    def pass_deadline(self, now: float, agents: Sequence[str]) -> None:
        """Feed the watchdog, or ask each of `agents`, files in `run`, first; while a question is open it goes unfed."""
        if self._retry_at is not None and now >= self._retry_at:
            self._retry_at = None
            self._send(now)
        if self._feed_at is None or now < self._feed_at:
            return
        self._feed_at = now + self._period_s
        self._close()
        if self._state != states.RUNNING:
            self._feed()  # starting and stopping have limits of their own
            return
        try:
            for agent in agents:
                self._ask(agent)
        except BlockingIOError:
            self._close()  # as many callers wait there as there is room for: no sign of life
            return
        if not self._questions:
            self._feed()

    def _ask(self, agent: str) -> None:
        try:
            question = sockets.connect(self._layout.run, agent, timeout_s=0)
        except BlockingIOError:
            raise
        except OSError:
            return  # there is nobody to ask: the instance has just ended, which others see to
        self._questions.append(question)
        try:
            question.send(frames.encode_request("ping"))
        except OSError:
            self._questions.remove(question)
            question.close()

    def _take_answer(self, question: _socket.socket) -> None:
        """Take an answer, or the end of the connection: whoever does either is not stuck."""
        self._questions.remove(question)
        question.close()
        if not self._questions:
            self._feed()

    def _feed(self) -> None:
        if _FOOD not in self._untold:
            self._tell(_FOOD)

    def _tell(self, text: str) -> None:
        """Queue a message, and send what is queued: a manager that does not read must not hold up the release."""
        if self._address:
            self._untold.append(text)
            self._send(time.monotonic())

    def _send(self, now: float) -> None:
        while self._untold and notify.offer(self._address, self._untold[0]):
            del self._untold[0]
        self._retry_at = now + _RETRY_S if self._untold else None

    def _close(self) -> None:
        for question in self._questions:
            question.close()
        self._questions = []


class Manager:
    """The same for those who have other work: a fault of ours in telling the manager changes nothing for them."""

    __slots__ = ("_faults", "upward")

    def __init__(self, upward: Upward, faults: Faults) -> None:
        self.upward = upward
        self._faults = faults

    def tell(self, tell: Callable[[Upward], None]) -> None:
        """Tell systemd, or whoever else wants to know."""
        self._faults.attempt("the service manager", "telling the service manager", lambda: tell(self.upward))


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
        states.BOOT: max(process.readiness.longest_s for process in manifest.all_processes()),
        states.DRAIN: stop_s,
    }.get(state, 0.0)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) > 0
