"""How does a running release change its version? The supervisor's part of an upgrade, from V's first instance on.

With sockets of its own, two versions run beside each other::

    old serves                  new starts, beside it ............ not ready, or ended: killed; old was told nothing
    old serves                  new is ready, by an answer of its very own
    var/current is written ....................................... the point of no return
    old is told to end, drains  new serves
    old is gone                 post_upgrade, then the supervisor is executed anew, from V's runtime

A release without sockets cannot have two instances on one port: the old one is stopped first, and started again when
the new one does not become ready.

A crash leaves one version in `var/current`: the old one before that write, which is durable, and the new one after it.

A fault of ours on the way does as much: before that write the old version is what runs, after it the new one, and
whoever asked is told.
"""

from __future__ import annotations

from ...bundle import listeners
from ...release import versions
from ...release.failures import BUG, Failure
from ..hooks.hook import format_seconds, migration_hooks
from . import steps
from .ends import Ends
from .new_generation import is_in, make_generation, make_listeners

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Protocol

    from ...release.manifest import Hook
    from ..control.clients import Client
    from ..generation import Generation
    from ..keeping.keeper import Keeper, Owner
    from ..startup import Start
    from .ends import Ended

    class Host(Ended, Protocol):
        """Who an upgrade is made for, from its beginning to the end."""

        def take_over(self, generation: Generation) -> None:
            """Have `generation` be what the release runs from now on."""

        def run_upgrade_hooks(
            self,
            hooks: Sequence[Hook],
            environ: Mapping[str, str],
            on_end: Callable[[Failure | None], None],
            heard_by: Callable[[bytes], None],
        ) -> None:
            """Run hooks of what runs now; `heard_by` is given their lines."""


class Reason:
    """Why something happened: as a failure to report, and as what is said of the instance that it happened to."""

    __slots__ = ("failure", "how")

    def __init__(self, failure: Failure, how: str = "") -> None:
        self.failure = failure
        self.how = how


class Upgrade:
    """One upgrade; the supervisor gives it time and its keepers' events. What follows is in the tables of `steps`."""

    def __init__(
        self,
        host: Host,
        owner: Owner,
        old: Generation,
        request: Mapping[str, Any],
        client: Client,
        start: Start,
    ) -> None:
        """Prepare the new version; `owner` hears of the keepers of what the release runs, `client` has asked.

        Raises:
            Failure: it cannot be made; nothing was started.
        """
        self._host = host
        self._owner = owner
        self._old = old
        self._start = start
        self._now = 0.0
        self._deadline: float | None = None
        self.step = steps.PREPARE
        self._failure = Failure("")
        """Why the old version was started again."""
        self._new = make_generation(old, request, start.base)
        self._may_migrate: bool = request["may_migrate"]
        self.state_format: int = request["state_format"]
        """The format of `reexecution` that the new version's supervisor reads."""
        self._new.make_keepers(self, start.only, start.log)
        self._new.listeners = make_listeners(old, self._new)
        self._is_beside = bool(self._new.listeners)
        self._table = steps.BESIDE if self._is_beside else steps.IN_TURN
        self._bound = [item for item in self._new.listeners if not is_in(item, old.listeners)]
        self._pids = old.pids()
        self._ends = Ends(host, client, old, self._new)

    @property
    def version(self) -> str:
        """The version that is upgraded to."""
        return self._new.manifest.version

    @property
    def doing(self) -> str:
        """What `status` shows of it."""
        return steps.describe(self._table, self.step)

    @property
    def others(self) -> list[Keeper]:
        """The keepers that are not, or no more, those of what the release runs."""
        new, old = self._new.keepers, self._old.keepers
        return {steps.BOOT: new, steps.SWITCH: new, steps.DRAIN: old}.get(self.step, [])

    @property
    def deadline(self) -> float | None:
        return self._deadline

    def begin(self, now: float) -> None:
        """Take the first step."""
        self._now = now
        self._attempt(self._begin)

    def _begin(self) -> None:
        old = self._old.manifest.version
        if self._is_beside:
            self.say(f"starts {self.version} beside {old}")
        else:
            self.say(f"has no sockets of its own: stops {old}, then starts {self.version}")
        self._happen(steps.DONE)

    def pass_deadline(self, now: float) -> None:
        """See to what is due, and to an old instance that was lost meanwhile."""
        self._now = now
        self._attempt(self._see_to_what_is_due)

    def _see_to_what_is_due(self) -> None:
        if self._deadline is not None and self._now >= self._deadline:
            self._deadline = None
            self._happen(steps.TIMEOUT)
        if self._old.pids() != self._pids:
            old = self._old.manifest.version
            self._happen(steps.CRASHED, Reason(Failure(f"{old} crashed meanwhile", now=f"{old} is what runs")))

    def abandon(self) -> None:
        """End this upgrade because the release ends; what it runs is the supervisor's to end."""
        try:
            self._happen(steps.STOP)
        finally:
            self._ends.abandoned()

    def say(self, text: str) -> None:
        self._owner.say(text)
        self._ends.tell(f"[release] {text}\n".encode("utf-8", "surrogateescape"))

    def fault(self, what: str) -> str:
        return self._owner.fault(what)

    # What keepers tell --------------------------------------------------------------------------------------------

    def became_ready(self, keeper: Keeper) -> None:
        self._attempt(lambda: self._take_ready(keeper))

    def was_not_ready(self, keeper: Keeper, how: str, why: Sequence[str]) -> None:
        self._attempt(lambda: self._take_late(keeper, how, why))

    def was_lost(self, keeper: Keeper, code: int, why: str) -> None:
        self._attempt(lambda: self._take_lost(keeper, code, why))

    def _take_ready(self, keeper: Keeper) -> None:
        instance = keeper.instance
        if instance is None:
            return
        self.say(f"{keeper.version}{keeper.label} is ready after {instance.told_ready()} (pid {instance.pid})")
        generation = self._new if keeper in self._new.keepers else self._old
        if generation.is_ready():
            self._happen(steps.READY)

    def _take_late(self, keeper: Keeper, how: str, why: Sequence[str]) -> None:
        failure = Failure(f"the new instance{keeper.label} {how}", details=tuple(why))
        self._happen(steps.LATE, Reason(failure, how))

    def _take_lost(self, keeper: Keeper, code: int, why: str) -> None:
        if not keeper.is_ending:
            how = f"was killed by signal {code - 128}" if code > 128 else f"exited with {code}"
            how = how if code else f"ended by itself with 0, {keeper.ran_s:.2f} s after its start"
            words = why or keeper.last_words
            failure = Failure(
                f"the new instance{keeper.label} {how}", details=(words,) if words else tuple(keeper.told_errors())
            )
            self._happen(steps.LOST, Reason(failure, how))
        elif not self._old.is_alive():
            self._happen(steps.GONE)

    # What follows -------------------------------------------------------------------------------------------------

    def _happen(self, event: str, reason: Reason | None = None) -> None:
        """Enter the step that `event` leads to, and do what the table says."""
        step, actions = steps.after(self._table, self.step, event)
        if step != self.step:
            self.step = step
            self._deadline = None
        for action in actions:
            ACTIONS[action](self, reason or Reason(Failure("")))

    def _attempt(self, action: Callable[[], None]) -> None:
        """Do a part of the upgrade; a fault of ours in it ends the upgrade, with one of the two versions running."""
        try:
            action()
        except Exception:
            failure = Failure(self._owner.fault(f"upgrading to {self.version} ({self.doing or 'its end'})"), BUG)
            try:
                event = steps.FAULT if self._old.is_alive() else steps.FAULT_ALONE
                self._happen(event, Reason(failure, f"met {failure.message}"))
            except Exception:
                self._owner.fault(f"ending the upgrade to {self.version}")
                self._leave(failure)

    # What is done -------------------------------------------------------------------------------------------------

    def _step_aside(self) -> None:
        for keeper in self._old.keepers:
            keeper.step_aside()

    def _start_new(self) -> None:
        try:
            listeners.listen(self._bound)
            self._new.begin(self._start.args, self._start.lock, self._now, is_beside=self._is_beside)
        except OSError as error:
            self._fail(f"cannot start {self._new.context.python}: {error.strerror}")

    def _write_current(self) -> None:
        try:
            versions.switch(self._new.context.layout, self.version, self._old.manifest.version)
        except OSError as error:
            self._fail(f"cannot write {self._new.context.layout.current}: {error.strerror}")
            return
        self._happen(steps.DONE)

    def _fail(self, message: str) -> None:
        self._happen(steps.FAILED, Reason(Failure(message)))

    def _hand_over(self) -> None:
        for keeper in self._new.keepers:
            keeper.owner = self._owner
        self._host.take_over(self._new)

    def _stand_alone(self) -> None:
        for keeper in self._new.keepers:
            keeper.take_over()

    def _say_switched(self) -> None:
        self.say(f"{self.version} serves; {self._old.manifest.version} is told to end")

    def _terminate_old(self) -> None:
        drain_s = 0.0
        for keeper in self._old.keepers:
            keeper.owner = self
            drain_s = max(drain_s, keeper.terminate(self._now, is_replaced=self._is_beside))
        self._deadline = self._now + drain_s + self._old.manifest.stop_timeout_s
        if not self._old.is_alive():  # it had crashed, and waited to be started again
            self._happen(steps.GONE)

    def _kill_old(self) -> None:
        limit = format_seconds(self._old.manifest.stop_timeout_s)
        for keeper in self._old.keepers:
            if keeper.instance is not None:
                old = f"{self._old.manifest.version} (pid {keeper.instance.pid})"
                self.say(f"kills {old}: it did not end in {limit}")
            keeper.kill()

    def _run_hooks(self) -> None:
        listeners.close_all([item for item in self._old.listeners if not is_in(item, self._new.listeners)])
        hooks = self._new.manifest.hooks_of("post_upgrade")
        if self._may_migrate:
            hooks = [*migration_hooks(self._new.manifest, "post_upgrade"), *hooks]
        versions_of_it = {
            "RELEASE_OLD_VERSION": self._old.manifest.version,
            "RELEASE_NEW_VERSION": self.version,
        }

        def take_end(failure: Failure | None) -> None:
            self._attempt(lambda: self._take_end_of_hooks(failure))

        self._host.run_upgrade_hooks(hooks, versions_of_it, take_end, self._ends.tell)

    def _take_end_of_hooks(self, failure: Failure | None) -> None:
        if failure is None:
            self._happen(steps.DONE)
        else:
            self._happen(steps.FAILED, Reason(failure))

    def _remove_new(self) -> None:
        self._new.close()
        listeners.close_all(self._bound)
        if self._is_beside:
            for keeper in self._old.keepers:
                keeper.step_back()

    def _roll_back(self, failure: Failure) -> None:
        old = self._old.manifest.version
        failure.message = f"upgrade from {old} to {self.version} was rolled back: {failure.message}"
        try:
            self._remove_new()
        except Exception:
            self._owner.fault(f"removing {self.version}")  # the old version is what counts now

    def _say_return(self) -> None:
        self.say(f"{self.version} did not become ready: starts {self._old.manifest.version} again")

    def _start_old(self, failure: Failure) -> None:
        self._failure = failure
        try:
            self._old.make_keepers(self, self._start.only, self._start.log)
            self._old.begin(self._start.args, self._start.lock, self._now)
        except (OSError, Failure) as error:
            self._happen(steps.FAILED, Reason(failure, f"cannot be started: {error}"))

    def _let_go(self) -> None:
        for keeper in (*self._old.keepers, *self._new.keepers):
            keeper.owner = self._owner

    def _end_returned(self) -> None:
        self._let_go()
        self._ends.returned(self._failure)

    def _give_up(self, how: str) -> None:
        self._let_go()
        self._ends.given_up(self._failure, how)

    def _leave(self, failure: Failure) -> None:
        self.step = steps.ENDED
        self._let_go()
        self._ends.left(failure)


ACTIONS: Mapping[str, Callable[[Upgrade, Reason], None]] = {
    steps.STEP_ASIDE: lambda upgrade, _: upgrade._step_aside(),
    steps.START_NEW: lambda upgrade, _: upgrade._start_new(),
    steps.WRITE_CURRENT: lambda upgrade, _: upgrade._write_current(),
    steps.HAND_OVER: lambda upgrade, _: upgrade._hand_over(),
    steps.STAND_ALONE: lambda upgrade, _: upgrade._stand_alone(),
    steps.SAY_SWITCHED: lambda upgrade, _: upgrade._say_switched(),
    steps.TERMINATE_OLD: lambda upgrade, _: upgrade._terminate_old(),
    steps.KILL_OLD: lambda upgrade, _: upgrade._kill_old(),
    steps.CLOSE_OLD: lambda upgrade, _: upgrade._old.close(),
    steps.RUN_HOOKS: lambda upgrade, _: upgrade._run_hooks(),
    steps.REMOVE_NEW: lambda upgrade, _: upgrade._remove_new(),
    steps.ROLL_BACK: lambda upgrade, reason: upgrade._roll_back(reason.failure),
    steps.SAY_RETURN: lambda upgrade, _: upgrade._say_return(),
    steps.START_OLD: lambda upgrade, reason: upgrade._start_old(reason.failure),
    steps.LET_GO: lambda upgrade, _: upgrade._let_go(),
    steps.END_WELL: lambda upgrade, _: upgrade._ends.well(),
    steps.END_SWITCHED: lambda upgrade, reason: upgrade._ends.switched(reason.failure),
    steps.END_UNTOUCHED: lambda upgrade, reason: upgrade._ends.untouched(reason.failure),
    steps.END_RETURNED: lambda upgrade, _: upgrade._end_returned(),
    steps.GIVE_UP: lambda upgrade, reason: upgrade._give_up(reason.how),
    steps.LEAVE: lambda upgrade, reason: upgrade._leave(reason.failure),
}
"""How each action of the tables is done."""
