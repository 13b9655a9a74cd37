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
from ...protocol import frames
from ...release import versions
from ...release.failures import BUG, DONE, Failure
from ..hooks.hook import format_seconds, migration_hooks
from ..keeper import Keeper, Owner
from .generation import is_in, make_generation, make_listeners

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from ...release.manifest import Hook
    from ..control import Client
    from ..generation import Generation

BOOT = "waiting for the new version to become ready"
STOP = "stopping the old version"
DRAIN = "waiting for the old version to end"
HOOKS = "running the post_upgrade hooks"
RETURN = "starting the old version again"


class Host(Owner):
    """The supervisor, as an upgrade sees it."""

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

    def finish_upgrade(self, failure: Failure | None, is_switched: bool) -> None:
        """Nothing is left to do; `failure` is what went wrong, `is_switched` whether the new version runs."""

    def give_up(self, failure: Failure) -> None:
        """Stop the release: neither version runs."""


class Upgrade(Owner):
    """One upgrade; the supervisor gives it time and its keepers' events."""

    def __init__(
        self,
        host: Host,
        old: Generation,
        request: Mapping[str, Any],
        client: Client,
        *,
        args: Sequence[str],
        only: Sequence[str],
        log: str,
        lock: int,
        base: Mapping[str, str],
    ) -> None:
        """Prepare the new version; `base` is what the supervisor was started with.

        Raises:
            Failure: it cannot be made; nothing was started.
        """
        self._host = host
        self._old = old
        self.client = client
        self._args, self._only, self._log, self._lock = args, only, log, lock
        self._now = 0.0
        self._deadline: float | None = None
        self.step = ""
        self._failure = Failure("")
        self._is_switched = False
        self._is_answered = False
        self._new = make_generation(old, request, base)
        self._may_migrate: bool = request["may_migrate"]
        self.state_format: int = request["state_format"]
        """The format of `reexecution` that the new version's supervisor reads."""
        self._new.make_keepers(self, only, log)
        self._new.listeners = make_listeners(old, self._new)
        self._is_beside = bool(self._new.listeners)
        self._bound = [item for item in self._new.listeners if not is_in(item, old.listeners)]
        self._pids = [keeper.instance.pid if keeper.instance else 0 for keeper in old.keepers]

    @property
    def version(self) -> str:
        """The version that is upgraded to."""
        return self._new.manifest.version

    def begin(self, now: float) -> None:
        """Take the first step."""
        self._now = now
        self._attempt(self._begin)

    def _begin(self) -> None:
        if self._is_beside:
            self.step = BOOT
            self.say(f"starts {self.version} beside {self._old.manifest.version}")
            for keeper in self._old.keepers:
                keeper.step_aside()
            self._boot()
            return
        self.say(f"has no sockets of its own: stops {self._old.manifest.version}, then starts {self.version}")
        self.step = STOP
        self._terminate(self._old)

    @property
    def others(self) -> list[Keeper]:
        """The keepers that are not, or no more, those of what the release runs."""
        return self._old.keepers if self.step in (DRAIN, STOP) else self._new.keepers if self.step == BOOT else []

    @property
    def deadline(self) -> float | None:
        return self._deadline

    def pass_deadline(self, now: float) -> None:
        """See to what is due, and to an old instance that was lost meanwhile."""
        self._now = now
        self._attempt(self._see_to_what_is_due)

    def _see_to_what_is_due(self) -> None:
        if self._deadline is not None and self._now >= self._deadline:
            self._deadline = None
            for keeper in self._old.keepers:
                if keeper.instance is not None:
                    limit = format_seconds(self._old.manifest.stop_timeout_s)
                    self.say(
                        f"kills {self._old.manifest.version} (pid {keeper.instance.pid}): it did not end in {limit}"
                    )
                keeper.kill()
        if self.step == BOOT and self._is_beside:
            pids = [keeper.instance.pid if keeper.instance else 0 for keeper in self._old.keepers]
            if pids != self._pids:
                old = self._old.manifest.version
                self._fail(Failure(f"{old} crashed meanwhile", now=f"{old} is what runs"))

    def abandon(self) -> None:
        """End this upgrade because the release ends; what it runs is the supervisor's to end."""
        step, self.step = self.step, ""
        for keeper in (*self._old.keepers, *self._new.keepers):
            keeper.owner = self._host
        try:
            if step == BOOT:
                self._remove_new()
            elif step == DRAIN:
                self._old.close()
        finally:
            self._answer(Failure(f"the upgrade to {self.version} was given up: the release stops"))

    def say(self, text: str) -> None:
        self._host.say(text)
        self._tell(f"[release] {text}\n".encode("utf-8", "surrogateescape"))

    def fault(self, what: str) -> str:
        return self._host.fault(what)

    # What keepers tell --------------------------------------------------------------------------------------------

    def became_ready(self, keeper: Keeper) -> None:
        self._attempt(lambda: self._take_ready(keeper))

    def was_not_ready_in_time(self, keeper: Keeper) -> None:
        self._attempt(lambda: self._take_late(keeper))

    def was_lost(self, keeper: Keeper, code: int, why: str) -> None:
        self._attempt(lambda: self._take_lost(keeper, code, why))

    def _take_ready(self, keeper: Keeper) -> None:
        instance = keeper.instance
        if instance is None:
            return
        version = keeper.to_dict(self._now)["version"]
        self.say(f"{version}{keeper.label} is ready after {instance.ready_after_s:.2f} s (pid {instance.pid})")
        if self.step == BOOT and self._new.is_ready():
            self._switch()
        elif self.step == RETURN and self._old.is_ready():
            self._returned()

    def _take_late(self, keeper: Keeper) -> None:
        limit = format_seconds(keeper.process.readiness.timeout_s)
        how = f"did not become ready in {limit}"
        if self.step == RETURN:
            self._give_up(how)
        else:
            self._fail(Failure(f"the new instance{keeper.label} {how}", details=(keeper.why_not_ready(),)))

    def _take_lost(self, keeper: Keeper, code: int, why: str) -> None:
        how = f"was killed by signal {code - 128}" if code > 128 else f"exited with {code}"
        if self.step == RETURN:
            self._give_up(how)
        elif keeper in self._new.keepers:
            words = why or keeper.last_words
            self._fail(Failure(f"the new instance{keeper.label} {how}", details=(words,) if words else ()))
        elif not self._old.is_alive():
            self._deadline = None
            if self.step == STOP:
                self._boot()
            elif self.step == DRAIN:
                self._run_hooks()

    # Faults -------------------------------------------------------------------------------------------------------

    def _attempt(self, action: Callable[[], None]) -> None:
        """Do a part of the upgrade; a fault of ours in it ends the upgrade, with one of the two versions running."""
        try:
            action()
        except Exception:
            step = self.step or "its end"
            failure = Failure(self._host.fault(f"upgrading to {self.version} ({step})"), BUG)
            try:
                self._end_after(failure)
            except Exception:
                self._host.fault(f"ending the upgrade to {self.version}")
                self._leave(failure)

    def _end_after(self, failure: Failure) -> None:
        """Go to the version that is to run from here."""
        self._deadline = None
        if not self.step:
            self._leave(failure)
        elif self._is_switched:
            for keeper in self._new.keepers:
                keeper.owner = self._host
            self._host.take_over(self._new)
            if self._is_beside:
                self._old.close()  # alone, it was closed before: its names in `run` are the new one's
            self._end(failure)
        elif self.step == STOP:
            self._old.close()
            self._start_old_again(failure)
        elif self.step == BOOT:
            self._fail(failure)
        elif self._old.is_alive():
            self._returned()
        else:
            self._give_up(f"met {failure.message}")

    def _leave(self, failure: Failure) -> None:
        """Do the least there is to do: the supervisor has an upgrade no more."""
        self.step = ""
        for keeper in (*self._old.keepers, *self._new.keepers):
            keeper.owner = self._host
        if not self._is_answered:
            self.client.finish(frames.reply(f"error: {failure.message}\n", BUG, frames.ERROR))
        self._host.finish_upgrade(failure, is_switched=False)

    # Steps --------------------------------------------------------------------------------------------------------

    def _boot(self) -> None:
        self.step = BOOT
        if not self._is_beside:
            self._old.close()  # its names in `run` are the new one's now
        try:
            listeners.listen(self._bound)
            self._new.begin(self._args, self._lock, self._now, is_beside=self._is_beside)
        except OSError as error:
            self._fail(Failure(f"cannot start {self._new.context.python}: {error.strerror}"))

    def _switch(self) -> None:
        try:
            versions.switch(self._new.context.layout, self.version, self._old.manifest.version)
        except OSError as error:
            self._fail(Failure(f"cannot write {self._new.context.layout.current}: {error.strerror}"))
            return
        self._is_switched = True
        for keeper in self._new.keepers:
            keeper.take_over()
            keeper.owner = self._host
        self._host.take_over(self._new)
        if not self._is_beside:
            self._run_hooks()
            return
        self.say(f"{self.version} serves; {self._old.manifest.version} is told to end")
        self.step = DRAIN
        self._terminate(self._old)

    def _terminate(self, generation: Generation) -> None:
        drain_s = 0.0
        for keeper in generation.keepers:
            keeper.owner = self
            drain_s = max(drain_s, keeper.terminate(self._now, is_replaced=self._is_beside))
        self._deadline = self._now + drain_s + generation.manifest.stop_timeout_s
        if not generation.is_alive():
            self._take_lost(generation.keepers[0], DONE, "")

    def _run_hooks(self) -> None:
        if self._is_beside:
            self._old.close()
        listeners.close_all([item for item in self._old.listeners if not is_in(item, self._new.listeners)])
        self.step = HOOKS
        hooks = self._new.manifest.hooks_of("post_upgrade")
        if self._may_migrate:
            hooks = [*migration_hooks(self._new.manifest, "post_upgrade"), *hooks]
        versions_of_it = {
            "RELEASE_OLD_VERSION": self._old.manifest.version,
            "RELEASE_NEW_VERSION": self.version,
        }
        self._host.run_upgrade_hooks(
            hooks, versions_of_it, lambda failure: self._attempt(lambda: self._end(failure)), self._tell
        )

    def _end(self, failure: Failure | None) -> None:
        if not self.step:
            return
        self.step = ""
        if failure is not None:
            failure.now = f"{self.version} runs, and {self._old.manifest.version} has ended"
        self._answer(failure)
        self._host.finish_upgrade(failure, is_switched=True)

    def _fail(self, failure: Failure) -> None:
        """Go back: the old version has been told nothing, or is started again."""
        self._deadline = None
        self._remove_new()
        failure.message = (
            f"upgrade from {self._old.manifest.version} to {self.version} was rolled back: {failure.message}"
        )
        if self._is_beside:
            self.step = ""
            failure.now = failure.now or f"{self._old.manifest.version}{self._pid_of_old()} never stopped serving"
            self._answer(failure)
            self._host.finish_upgrade(failure, is_switched=False)
            return
        self.say(f"{self.version} did not become ready: starts {self._old.manifest.version} again")
        self._start_old_again(failure)

    def _start_old_again(self, failure: Failure) -> None:
        self.step = RETURN
        self._failure = failure
        old = self._old
        try:
            old.make_keepers(self, self._only, self._log)
            old.begin(self._args, self._lock, self._now)
        except (OSError, Failure) as error:
            self._give_up(f"cannot be started: {error}")

    def _returned(self) -> None:
        self.step = ""
        for keeper in self._old.keepers:
            keeper.owner = self._host
        self._failure.now = f"{self._old.manifest.version}{self._pid_of_old()} runs again"
        self._answer(self._failure)
        self._host.finish_upgrade(self._failure, is_switched=False)

    def _give_up(self, how: str) -> None:
        """Nothing is left to run: what ran before does not come up any more."""
        self.step = ""
        for keeper in self._old.keepers:
            keeper.owner = self._host
        self._failure.now = f"{self._old.manifest.version}, started again, {how}; the release is stopped"
        self._answer(self._failure)
        self._host.give_up(self._failure)

    def _remove_new(self) -> None:
        self._new.close()
        listeners.close_all(self._bound)
        if self._is_beside:
            for keeper in self._old.keepers:
                keeper.step_back()

    def _tell(self, line: bytes) -> None:
        self.client.tell(frames.encode(frames.OUTPUT, line))

    def _pid_of_old(self) -> str:
        pids = [str(keeper.instance.pid) for keeper in self._old.keepers if keeper.instance is not None]
        return f" (pid {', '.join(pids)})" if pids else ""

    def _answer(self, failure: Failure | None) -> None:
        """Tell whoever asked how it ended."""
        self._is_answered = True
        if failure is not None:
            text = "\n".join(failure.lines()) + "\n"
            self.client.finish(frames.reply(text, failure.exit_code, frames.ERROR))
        else:
            text = f"{self._new.manifest.name} {self.version} runs; {self._old.manifest.version} has ended\n"
            self.client.finish(frames.reply(text, DONE))
