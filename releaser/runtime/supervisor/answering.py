"""What the supervisor answers on its control socket, and how it changes its version when it is asked to.

The half of the supervisor that others set in motion; the loop and the states are in `supervisor`.
"""

from __future__ import annotations

import _socket
import os
import signal

from ..protocol import frames, requests, upgrade_request
from ..release import environment, known_python
from ..release.failures import DONE, NOT_NOW, Failure
from . import states
from .control import clients, status
from .upgrade import reexecution
from .upgrade.upgrading import Upgrade

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from ..release.faults import Faults
    from ..release.manifest import Hook
    from .generation import Generation
    from .hooks.hook_queue import HookQueue
    from .hooks.jobs import Jobs
    from .keeping.keeper import Keeper
    from .outcome import Outcome
    from .telling.logger import Logger
    from .telling.output import Output
    from .telling.systemd import Upward
    from .upgrade.upgrading import Host

FORWARDED = (signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
HANDLED = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, *FORWARDED)


class Answering:
    """The answers, and the upgrade that is under way; what is declared here is the supervisor's to set."""

    _host: Host
    """The supervisor itself, as its keepers and an upgrade see it."""
    _live: Generation
    _base: Mapping[str, str]
    _upgrade: Upgrade | None
    _args: list[str]
    _only: tuple[str, ...]
    _logger: Logger | None
    _restarting: list[tuple[clients.Client, set[Keeper]]]
    _lock: int
    _now: float
    _started_at: float
    _state: str
    _stop_timeout_s: float
    _upward: Upward
    _outcome: Outcome
    _out: Output
    _err: Output
    _jobs: Jobs
    _hooks: HookQueue
    _control: clients.Control
    _wake_write: int
    _faults: Faults

    def _stop(self, reason: str) -> None:
        """Begin the orderly end."""

    def _handle(self, event: str) -> None:
        """Have the table of states say what follows."""

    def _tell_manager(self, tell: Callable[[], None]) -> None:
        """Tell systemd, or whoever else wants to know; a fault in that changes nothing here."""
        self._faults.attempt("the service manager", "telling the service manager", tell)

    def _answer(self, words: list[str], client: clients.Client) -> bytes:
        """Return the frames that answer a request on the control socket."""
        match words[0]:
            case "ping":
                if self._is_serving():
                    return frames.reply("pong\n", DONE)
                return frames.reply(f"{self._live.manifest.name} is {self._word()}\n", NOT_NOW, frames.ERROR)
            case "alive":
                return frames.reply("pong\n", DONE)
            case "pid":
                return frames.reply(f"{os.getpid()}\n", DONE)
            case "status":
                text = status.as_json if "--json" in words else status.as_text
                return frames.reply(text(self._report()), DONE)
            case "stop":
                if len(words) > 1:
                    self._stop_timeout_s = float(words[1])
                client.keep_open = True
                self._stop(f"`{self._live.manifest.name} stop`")
                return b""
            case "reloaded":
                self._take_configuration(words[1:])
                self._tell_manager(self._upward.reload)
                return frames.reply("", DONE)
            case "environ":
                pairs = self._base.items()
                return frames.reply("".join(f"{name}={value}\0" for name, value in pairs), DONE)
            case "args":
                only = ["--only", ",".join(self._only)] if self._only else []
                return frames.reply("".join(f"{word}\0" for word in [*only, *self._args]), DONE)
            case "restart":
                return self._restart(words[1], client)
            case "upgrade":
                return self._begin_upgrade(words[1], client)
            case known:  # of the table, and left out here
                raise LookupError(known)

    def _take_configuration(self, words: list[str]) -> None:
        """Go on with the configuration `words`, `NAME=value`: for instances and hooks that are started from now on."""
        ours = (*environment.OF_THE_MANAGER, "RELEASE_EVENT")
        new = (word.partition("=") for word in words)
        self._live.environ = {name: value for name, _, value in new if name not in ours}
        for keeper in self._live.keepers:
            keeper.configure(self._live.variables)

    def _restart(self, name: str, client: clients.Client) -> bytes:
        """Restart the instances of one process; the client hears of it when all of them are ready."""
        wanted = {keeper for keeper in self._live.keepers if name in (keeper.name, keeper.process.name)}
        if self._state != states.RUNNING or self._upgrade is not None:
            text = f"error: cannot restart '{name}': {self._live.manifest.name} is {self._doing()}\n"
            return frames.reply(f"{text}  now: nothing was restarted\n", NOT_NOW, frames.ERROR)
        if not wanted:
            return frames.reply(f"error: no process '{name}' runs now; the release goes on\n", NOT_NOW, frames.ERROR)
        self._host.say(f"restarts {name}")
        client.keep_open = True
        self._restarting.append((client, wanted))
        for keeper in wanted:
            keeper.restart(self._now)
        return b""

    def _report(self) -> dict[str, Any]:
        return {
            **status.identity(self._live.manifest),
            "state": self._word(),
            "doing": self._state,
            "ready": self._is_serving(),
            "pid": os.getpid(),
            "uptime_s": round(self._now - self._started_at, 3),
            "instances": [keeper.to_dict(self._now) for keeper in self._all_keepers()],
            "upgrade": None if self._upgrade is None else {"to": self._upgrade.version, "step": self._upgrade.doing},
            "sockets": {listener.name: listener.address for listener in self._live.listeners},
            "hooks": self._hooks.reports,
            "last_failure": self._outcome.failure.message if self._outcome.failure else self._hooks.last_failure(),
        }

    def _is_serving(self) -> bool:
        return self._live.is_ready() and self._state in (*states.SERVING_STATES, states.PRE_STOP)

    def _word(self) -> str:
        if self._upgrade is not None:
            return "upgrading"
        return states.describe(self._state, self._live.is_ready())

    def _doing(self) -> str:
        """Return the same where it is the reason to do nothing: what is ready has post_start hooks to run yet."""
        return "starting" if self._state == states.POST_START else self._word()

    # Upgrades -----------------------------------------------------------------------------------------------------

    def _begin_upgrade(self, text: str, client: clients.Client) -> bytes:
        """Begin to change the version; the client hears of each step, and of the end."""
        try:
            request = upgrade_request.read(text)
        except upgrade_request.NotUnderstood as error:
            return requests.refusal(requests.Refused(str(error)), f"{self._live.manifest.version} goes on")
        if self._state != states.RUNNING or self._upgrade is not None or self._restarting:
            doing = "one of its processes is restarted" if self._restarting else f"it is {self._doing()}"
            return frames.reply(
                f"error: {self._live.manifest.name} cannot be upgraded: {doing}\n", NOT_NOW, frames.ERROR
            )
        try:
            upgrade = Upgrade(
                self._host,
                self._live,
                request,
                client,
                args=self._args,
                only=self._only,
                log=self._log_path(),
                lock=self._lock,
                base=self._base,
            )
        except Failure as failure:
            failure.now = f"{self._live.manifest.version} goes on"
            return frames.reply("\n".join(failure.lines()) + "\n", failure.exit_code, frames.ERROR)
        client.keep_open = True
        self._hooks.reports += request["hooks"]
        self._upgrade = upgrade
        self._tell_manager(lambda: self._upward.begin_reload(f"upgrading to {upgrade.version}"))
        upgrade.begin(self._now)
        return b""

    def take_over(self, generation: Generation) -> None:
        self._live = generation
        self._stop_timeout_s = generation.manifest.stop_timeout_s

    def run_upgrade_hooks(
        self,
        hooks: Sequence[Hook],
        environ: Mapping[str, str],
        on_end: Callable[[Failure | None], None],
        heard_by: Callable[[bytes], None],
    ) -> None:
        live = self._live
        variables = {**live.variables, **environ}
        self._hooks.run(hooks, live.context, variables, live.runtime, lambda: self._now, on_end, heard_by)

    def finish_upgrade(self, failure: Failure | None, is_switched: bool) -> None:
        state_format = 0 if self._upgrade is None else self._upgrade.state_format
        self._upgrade = None
        self._tell_manager(lambda: self._upward.announce(f"running {self._live.manifest.version}"))
        if failure is not None:
            for line in failure.lines():
                self._err.write(line.encode("utf-8", "surrogateescape") + b"\n")
        if is_switched:
            self._host.say(f"{self._live.manifest.version} is running")
            self._become_the_new_supervisor(state_format)

    def _become_the_new_supervisor(self, state_format: int) -> None:
        """Execute this process anew, from the runtime of the version that runs now, if that knows our format."""
        if state_format != reexecution.FORMAT:
            self._host.say(
                "warning: the supervisor stays that of the version before: the new one does not know its state"
            )
            return
        try:
            self._execute_anew()
        except OSError as error:
            self._host.say(f"warning: the supervisor stays that of the version before: {error.strerror}")
        except Exception:
            told = self._host.fault("becoming the supervisor of the new version")
            self._host.say(f"warning: the supervisor stays that of the version before: {told}")

    def _execute_anew(self) -> None:
        """Become the new supervisor; returns never.

        Raises:
            OSError: it cannot be executed; nothing has changed.
        """
        live = self._live
        self._jobs.end_all()
        held = reexecution.Held(live, self._control, self._logger, self._lock)
        state = {
            "command": live.contract["RELEASE_COMMAND"],
            "args": self._args,
            "only": list(self._only),
            "hooks": self._hooks.reports,
            "started_at": self._started_at,
        }

        def last_words() -> None:
            for output in (self._out, self._err):
                output.finish()

        reexecution.execute(live.context, self._base, held, state, HANDLED, last_words)

    def _adopt(self, state: Mapping[str, Any]) -> None:
        """Go on where the supervisor of the version before has stopped."""
        self._control = clients.Control(_socket.socket(fileno=state["control"]), self._answer, self._host.fault)
        self._control.adopt(state["clients"])
        self._live.environ, self._live.number = dict(state["environ"]), state["generation"]
        self._live.make_keepers(self._host, self._only, self._log_path())
        reexecution.adopt(self._live, state, self._args, self._lock, self._now)
        self._hooks.reports += state["hooks"]
        self._started_at = state["started_at"]
        self._state = states.RUNNING
        self._tell_manager(lambda: self._upward.enter(states.RUNNING, self._live.manifest, task_s=0.0, stop_s=0.0))
        known_python.keep(self._live.context)
        os.write(self._wake_write, b"\0")  # children that have ended meanwhile are reaped at once

    def give_up(self, failure: Failure) -> None:
        self._upgrade = None
        self._outcome.fail(failure)
        self._handle(states.LOST)

    def _log_path(self) -> str:
        return "" if self._logger is None else self._logger.path

    def _all_keepers(self) -> list[Keeper]:
        """Return the keepers of what the release runs, and those of the other version during an upgrade."""
        others = [] if self._upgrade is None else self._upgrade.others
        return [*self._live.keepers, *(keeper for keeper in others if keeper not in self._live.keepers)]
