"""How does an upgrade end? What whoever asked for it is told, up to the last line, and what its host goes on with."""

from __future__ import annotations

from ...protocol import frames
from ...release.failures import BUG, DONE, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from ..control.clients import Client
    from ..generation import Generation

    class Ended(Protocol):
        """Who hears of the end."""

        def finish_upgrade(self, failure: Failure | None, is_switched: bool) -> None:
            """Nothing is left to do; `failure` is what went wrong, `is_switched` whether the new version runs."""

        def give_up(self, failure: Failure) -> None:
            """Stop the release: neither version runs."""


class Ends:
    """The ends of one upgrade, of which one comes."""

    def __init__(self, host: Ended, client: Client, old: Generation, new: Generation) -> None:
        self._host = host
        self._client = client
        self._old = old
        self._new = new
        self._is_answered = False

    def tell(self, line: bytes) -> None:
        """Send one line to whoever asked, on the way there."""
        self._client.tell(frames.encode(frames.OUTPUT, line))

    def well(self) -> None:
        """The new version runs, and nothing went wrong."""
        manifest = self._new.manifest
        text = f"{manifest.name} {manifest.version} runs; {self._old.manifest.version} has ended\n"
        self._answer(frames.reply(text, DONE))
        self._host.finish_upgrade(None, is_switched=True)

    def switched(self, failure: Failure) -> None:
        """The new version runs, after a failure."""
        failure.now = f"{self._new.manifest.version} runs, and {self._old.manifest.version} has ended"
        self._refuse(failure)
        self._host.finish_upgrade(failure, is_switched=True)

    def untouched(self, failure: Failure) -> None:
        """The old version runs, and has not noticed."""
        failure.now = failure.now or f"{self._old.manifest.version}{self._pid_of_old()} never stopped serving"
        self._refuse(failure)
        self._host.finish_upgrade(failure, is_switched=False)

    def returned(self, failure: Failure) -> None:
        """The old version was started again."""
        failure.now = f"{self._old.manifest.version}{self._pid_of_old()} runs again"
        self._refuse(failure)
        self._host.finish_upgrade(failure, is_switched=False)

    def given_up(self, failure: Failure, how: str) -> None:
        """Neither version runs: the old one, started again, came to an end as `how` says."""
        failure.now = f"{self._old.manifest.version}, started again, {how}; the release is stopped"
        self._refuse(failure)
        self._host.give_up(failure)

    def left(self, failure: Failure) -> None:
        """A fault of ours has come at either end, and the least there is to do was done."""
        if not self._is_answered:
            self._client.finish(frames.reply(f"error: {failure.message}\n", BUG, frames.ERROR))
        self._host.finish_upgrade(failure, is_switched=False)

    def abandoned(self) -> None:
        """The release ends, which its host knows."""
        self._refuse(Failure(f"the upgrade to {self._new.manifest.version} was given up: the release stops"))

    def _pid_of_old(self) -> str:
        pids = [str(pid) for pid in self._old.pids() if pid]
        return f" (pid {', '.join(pids)})" if pids else ""

    def _refuse(self, failure: Failure) -> None:
        self._answer(frames.reply("\n".join(failure.lines()) + "\n", failure.exit_code, frames.ERROR))

    def _answer(self, reply: bytes) -> None:
        """Tell whoever asked how it ended."""
        self._is_answered = True
        self._client.finish(reply)
