"""How the life of a release ends: its exit code, and the one failure that is told at the end. No effects."""

from __future__ import annotations

import signal

from ..release.failures import DONE, Failure
from . import states

_NOTHING_RUNS = "nothing is running"


class Outcome:
    """What has been decided so far; the first failure stays, later ones are consequences."""

    __slots__ = ("exit_code", "failure", "stop_reason", "was_killed")

    def __init__(self) -> None:
        self.exit_code = DONE
        self.failure: Failure | None = None
        self.stop_reason = ""
        self.was_killed = False  # by us, after its time or because somebody insisted

    def fail(self, failure: Failure, exit_code: int = 0) -> None:
        """Note a failure; `exit_code` is the app's where it has one."""
        if self.failure is None:
            self.failure = failure
        self.exit_code = exit_code or failure.exit_code

    def instance_ended(self, name: str, state: str, code: int, why: str = "", last_exits: tuple[str, ...] = ()) -> None:
        """Note that an instance ended with `code` (128 + n for signal n) while the release was in `state`.

        `why` says it better, if somebody knows: the app's last words, or that its heart gave up; `last_exits` are how
        it ended before.
        """
        how = f"the app was killed by signal {code - 128}" if code > 128 else f"the app exited with {code}"
        how = why or how
        match state:
            case states.BOOT:
                failure = Failure(f"{name} ended before it was ready: {how}", details=last_exits, now=_NOTHING_RUNS)
                self.fail(failure, code)
            case states.POST_START if code or why:
                self.fail(Failure(f"{name} ended while its post_start hooks ran: {how}", now=_NOTHING_RUNS), code)
            case states.RUNNING | states.PRE_STOP if code:
                self.fail(Failure(f"{name} ended: {how}", details=last_exits, now=_NOTHING_RUNS), code)
            case _ if self.failure is not None:
                pass  # a consequence of that, which has set the exit code
            case _ if code == 128 + signal.SIGTERM and not self.was_killed:
                # We sent that signal: an app without a handler for it has ended as it was told to.
                self.exit_code = DONE
            case _:
                self.exit_code = code
