"""One instance of one process of the release: started, waited for, watched, and started again when it crashes.

A keeper knows nothing of the release as a whole. It tells its owner when its instance becomes ready, and when it
is lost: ended by itself, or crashed once more than its heart allows. Hooks belong to the release and are not run again
for a restart.
"""

from __future__ import annotations

import _socket
import os
import signal

from ...bundle.launch import Instance, start_instance
from ...bundle.process import Child
from ...instance import drain
from ...protocol import notify
from ...release import environment
from ...release.failures import BUG, Failure
from ...release.faults import REST_S
from ...release.files import unlink, unlink_agent
from ...release.layout import ASIDE_SOCKET, MAIN, NOTIFY_SOCKET, agent_socket, numbered
from ..hooks.hook import format_seconds
from . import readiness
from .pulse import Pulse
from .restarts import Restarts
from .watch import Watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Protocol

    from ...bundle.listeners import Listener
    from ...release.context import Context
    from ...release.manifest import Process

    class Owner(Protocol):
        """What a keeper tells: the supervisor, or an upgrade."""

        def became_ready(self, keeper: Keeper) -> None:
            """The instance is ready: the first one, or one that was started again."""

        def was_not_ready_in_time(self, keeper: Keeper) -> None:
            """The first instance did not become ready; it is still alive."""

        def was_lost(self, keeper: Keeper, code: int, why: str) -> None:
            """The instance has ended and is not started again; `why` is empty unless its heart gave up."""

        def say(self, text: str) -> None:
            """Something happened that a person wants to read."""

        def fault(self, what: str) -> str:
            """Tell the exception that is being handled, which nobody expected; return it as a sentence."""


_LOG_BYTES = 8192
_ASKED = "was told to restart and did not end"
_OWN = "[release] "


class Keeper:
    """Keeps one instance; `name` is that of its process, with a number where there are replicas."""

    def __init__(
        self,
        context: Context,
        process: Process,
        number: int,
        environ: Mapping[str, str],
        owner: Owner,
        log: str,
        generation: int = 0,
    ) -> None:
        """Prepare to keep replica `number`, from 1, of `process`; `log` is the file that output goes to, or nothing.

        Each upgrade begins a new `generation`, whose notify sockets have names of their own.

        Raises:
            Failure: a setting of the process cannot be replaced or used.
        """
        self.process = process
        self.name = process.name if process.replicas == 1 else f"{process.name}.{number}"
        self.instance: Instance | None = None
        self.restarts = Restarts(process.heart)
        self.is_ending = False
        self.last_words = ""
        """Why the instance could not go on, in its own words."""
        self.has_been_ready = False
        self._context = context
        self.owner = owner
        self.agent = agent_socket(self.name)
        """File in `run` that the instance's agent answers on."""
        self._notify_file = numbered(NOTIFY_SOCKET, self.name)
        if generation:
            self._notify_file = self._notify_file.replace(".sock", f"~{generation}.sock")
        self._log = log
        self._now = 0.0
        self._deadline: float | None = None  # of readiness
        self._resume_at: float | None = None  # after a crash
        self._term_at: float | None = None
        self._kill_at: float | None = None  # when told to restart, and it does not end
        self._why_killed = ""
        self.last_words = ""
        self._log_offset = 0
        self._start: Callable[[], Instance] | None = None
        self._own_variables: dict[str, str] = {}
        self._environ: dict[str, str] = {}
        layout = context.layout
        wanted = process.readiness
        target = _target(self._key("readiness", wanted.kind), wanted.kind, wanted.target, environ, self.agent)
        self._watch = Watch(target, layout, wanted.interval_s, self._become_ready)
        alive = process.liveness
        target = _target(self._key("liveness", alive.kind), alive.kind, alive.target, environ, self.agent)
        self._pulse = Pulse(alive, target, layout, self._lose_pulse)

    @property
    def label(self) -> str:
        """What messages call it: nothing for the main process, which is the app."""
        return "" if self.name == MAIN else f" {self.name}"

    def begin(
        self,
        environ: Mapping[str, str],
        args: Sequence[str],
        bound: Sequence[Listener],
        lock: int,
        now: float,
        *,
        is_beside: bool = False,
    ) -> None:
        """Start the first instance; `is_beside`: another one, of another version, listens on the same sockets.

        Raises:
            OSError: its interpreter cannot be executed, or its notify socket not be bound.
        """
        self._now = now
        self._notify, address = notify.listen(self._context.layout.run, self._notify_file)
        self._watch.is_beside = is_beside
        self._prepare(environ, address, args, bound, lock)
        self._start_instance()

    def _prepare(
        self, environ: Mapping[str, str], address: str, args: Sequence[str], bound: Sequence[Listener], lock: int
    ) -> None:
        own = [listener for listener in bound if listener.name in self.process.sockets or self.name == MAIN]
        self._own_variables = {"NOTIFY_SOCKET": address, **self._pulse.variables()}
        self.configure(environ)
        self._start = lambda: start_instance(self._context, [self.name, *args], self._environ, own, lock, self._now)

    def configure(self, environ: Mapping[str, str]) -> None:
        """Have the instances that are started from now on begin with `environ`."""
        self._environ = {**environ, **self._own_variables}

    def watched(self, now: Callable[[], float]) -> list[tuple[int, int, Callable[[], None]]]:
        """Return the descriptors to poll, with their events and what to do then."""
        import select

        if self._start is None:
            return []
        return [
            (self._notify.fileno(), select.POLLIN, self._take_a_notification),
            *self._contained(self._watch, self._watch.watched(now)),
            *self._contained(self._pulse, self._pulse.watched(now)),
        ]

    def deadlines(self) -> list[float]:
        own = (self._deadline, self._resume_at, self._term_at, self._kill_at)
        found = (*own, self._watch.deadline, self._pulse.deadline)
        return [deadline for deadline in found if deadline is not None]

    def pass_deadlines(self, now: float) -> None:
        self._now = now
        self._probe(self._watch, lambda: self._watch.pass_deadline(now))
        self._probe(self._pulse, lambda: self._pulse.pass_deadline(now))
        if self._resume_at is not None and now >= self._resume_at:
            self._resume_at = None
            self._start_again()
        if self._term_at is not None and now >= self._term_at:
            self._term_at = None
            if self.instance is not None:
                self.instance.signal(signal.SIGTERM)
        if self._kill_at is not None and now >= self._kill_at:
            self._kill_at = None
            self._end_because(_ASKED)
        if self._deadline is not None and now >= self._deadline:
            self._deadline = None
            self._not_ready_in_time()

    def take_ended(self, pid: int, now: float) -> bool:
        """Reap the instance if that process is it, and decide what follows; tell whether it was."""
        if self.instance is None or self.instance.pid != pid:
            return False
        self._now = now
        instance, self.instance = self.instance, None
        code = instance.child.reap()
        try:
            self._tidy_up()
        except Exception:
            self.owner.fault(f"tidying up after the app{self.label}")
        uptime_s = now - instance.started_at - instance.ready_after_s if instance.is_ready else 0.0
        try:
            self._decide(code, uptime_s)
        except Exception:
            self.owner.fault(f"seeing to the end of the app{self.label}")
            self._go_on(code)
        return True

    def forget(self, pid: int) -> None:
        """Go on without the instance if that process was it, and nobody could see to its end."""
        if self.instance is not None and self.instance.pid == pid:
            self.instance = None
            self._tidy_up()
            self._go_on(BUG)

    def _tidy_up(self) -> None:
        """Take the last words of an instance that has ended, and stop watching it."""
        self._deadline = None
        self._term_at = self._kill_at = None
        self._watch.end()
        self._pulse.end()
        while self._take_notifications():
            pass
        self._unlink_agent()

    def terminate(self, now: float, *, is_replaced: bool = False) -> float:
        """Tell the instance to end, after its drain if it has one; it will not be started again.

        `is_replaced`: another instance has the same sockets. Returns how many seconds the drain takes: 0 for an
        instance that is not ready.
        """
        self._now = now
        self.is_ending = True
        self._resume_at = None
        self._deadline = None
        self._watch.end()
        self._pulse.end()
        return 0.0 if self.instance is None else self._drain(self.instance, is_replaced=is_replaced)

    def kill(self) -> None:
        """End the instance and its whole group now."""
        self.is_ending = True
        self._resume_at = None
        if self.instance is not None:
            self.instance.child.signal(signal.SIGKILL)

    def restart(self, now: float) -> None:
        """End the instance in order, and start another; that is no crash."""
        self._now = now
        self._why_killed = _ASKED
        self._pulse.end()
        if self.instance is not None:
            drain_s = self._drain(self.instance, is_replaced=True)
            self._kill_at = self._now + drain_s + self._context.manifest.stop_timeout_s
        elif not self.is_ending:
            self._resume_at = self._now

    def close(self) -> None:
        """Leave nothing behind: called when the release ends, for whatever reason."""
        if self.instance is not None:
            self.instance.child.signal(signal.SIGKILL)
            self.instance.child.reap()
            self.instance = None
        run = self._context.layout.run
        if self._start is not None:
            self._notify.close()
            self._start = None
        self._watch.end()
        self._pulse.end()
        self._deadline = self._resume_at = self._term_at = self._kill_at = None
        unlink(os.path.join(run, self._notify_file))
        self._unlink_agent()

    def step_aside(self) -> None:
        """Give the agent's name in `run` to the instance of a newer version; this one answers by another."""
        self._rename_agent(numbered(ASIDE_SOCKET, self.name))

    def step_back(self) -> None:
        """Take that name back: the newer version is gone."""
        self._rename_agent(agent_socket(self.name))

    def take_over(self) -> None:
        """Be what the release runs from now on: nobody is beside it any more."""
        self._watch.is_beside = False

    def state(self) -> dict[str, Any]:
        """Return what `adopt` needs, in the supervisor that this one is about to become; descriptors by number."""
        child = None if self.instance is None else self.instance.child
        return {
            "name": self.name,
            "pid": child.pid if child is not None else 0,
            "lifeline": child.lifeline if child is not None else -1,
            "started_at": self.instance.started_at if self.instance is not None else 0.0,
            "ready_after_s": self.instance.ready_after_s if self.instance is not None else 0.0,
            "notify": self._notify.fileno(),
            "notify_file": self._notify_file,
            "notify_address": self._own_variables["NOTIFY_SOCKET"],
            "restarts": [self.restarts.total, self.restarts.in_a_row, self.restarts.last_exits],
        }

    def adopt(
        self,
        state: Mapping[str, Any],
        environ: Mapping[str, str],
        args: Sequence[str],
        bound: Sequence[Listener],
        lock: int,
        now: float,
    ) -> None:
        """Go on with the instance of a supervisor that was executed anew, as this process."""
        self._now = now
        self._notify = _socket.socket(fileno=state["notify"])
        self._notify_file = state["notify_file"]
        self._prepare(environ, state["notify_address"], args, bound, lock)
        self.has_been_ready = True
        self.restarts.total, self.restarts.in_a_row, self.restarts.last_exits = state["restarts"]
        if not state["pid"]:
            self._resume_at = now
            return
        child = Child(state["pid"], state["lifeline"])
        self.instance = Instance(child, self._context.layout.version, state["started_at"])
        self.instance.become_ready(state["started_at"] + state["ready_after_s"])
        self._log_offset = self._log_size()
        self._pulse.begin(now)

    @property
    def is_ready(self) -> bool:
        return self.instance is not None and self.instance.is_ready

    def why_not_ready(self) -> str:
        """Return why its instance is not ready yet."""
        return self._watch.why_not()

    def to_dict(self, now: float) -> dict[str, Any]:
        """Return what `status` tells of it."""
        told: dict[str, Any] = {"process": self.name, "state": self._word(), "restarts": self.restarts.total}
        told |= {"pid": None, "version": self._context.layout.version, "ready": False}
        if self.instance is not None:
            told |= self.instance.to_dict(now)
        return told | {"last_exits": list(self.restarts.last_exits)}

    def _drain(self, instance: Instance, *, is_replaced: bool) -> float:
        """Have it told to end, now or later; return how many seconds later."""
        instance.child.signal(signal.SIGCONT)
        drain_s = self._context.manifest.drain_s
        if not drain_s or not instance.is_ready:
            instance.signal(signal.SIGTERM)
            return 0.0
        kind = drain.REPLACED if is_replaced else drain.ENDING
        self._term_at = self._now + drain_s  # whatever becomes of what comes now
        # Its own has stepped aside in an upgrade; those of its workers keep their names.
        try:
            drain.ask(self._context.layout.run, (self.agent, agent_socket(self.name)), instance.pid, kind)
        except Exception:
            self.owner.fault(f"asking the app{self.label} to drain")
        return drain_s

    # What happens -------------------------------------------------------------------------------------------------

    def _contained(
        self, probing: Watch | Pulse, watched: Sequence[tuple[int, int, Callable[[], None]]]
    ) -> list[tuple[int, int, Callable[[], None]]]:
        return [
            (descriptor, events, lambda act=act: self._probe(probing, act))  # type: ignore[misc]
            for descriptor, events, act in watched
        ]

    def _probe(self, probing: Watch | Pulse, action: Callable[[], None]) -> None:
        """Do a part of a probe; a fault of ours in it says nothing of the app, and the next attempt comes later."""
        try:
            action()
        except Exception:
            self.owner.fault(f"asking whether the app{self.label} is ready or alive")
            probing.put_off(self._now)

    def _go_on(self, code: int) -> None:
        """Have another instance started all the same, or say that there is none."""
        if self.instance is not None or self._resume_at is not None:
            return
        if self.process.heart.is_on and self.has_been_ready and not self.is_ending:
            self._resume_at = self._now + REST_S
        else:
            self.owner.was_lost(self, code, "")

    def _unlink_agent(self) -> None:
        run = self._context.layout.run
        if self._watch.is_beside or self.agent != agent_socket(self.name):
            unlink(os.path.join(run, self.agent))  # the sockets of workers may be those of the other version
        else:
            unlink_agent(run, self.agent)

    def _rename_agent(self, name: str) -> None:
        run = self._context.layout.run
        before, self.agent = self.agent, name
        self._watch.target.agent = self._pulse.target.agent = name
        try:
            os.rename(os.path.join(run, before), os.path.join(run, name))
        except FileNotFoundError:
            pass  # an app without an agent: a server that forks, with one for each worker

    def _start_instance(self) -> None:
        if self._start is None:
            return
        self._why_killed = ""
        self._log_offset = self._log_size()
        self.instance = self._start()
        self._deadline = self._now + self.process.readiness.timeout_s
        self._watch.begin(self._now, self.instance.pid)

    def _start_again(self) -> None:
        try:
            self._start_instance()
        except OSError as error:
            self._crash(f"could not be started: {error.strerror}", 1, 0.0)
        except Exception:
            self._crash(f"could not be started: {self.owner.fault(f'starting the app{self.label}')}", 1, 0.0)

    def _take_a_notification(self) -> None:
        self._take_notifications()

    def _take_notifications(self) -> bool:
        """Take one waiting message, and tell whether there was one."""
        if self._start is None:
            return False  # closed since the loop has seen it
        lines = notify.receive(self._notify, os.getuid())
        for line in lines:
            self._watch.take_notification(line)
            self._pulse.take_notification(line, self._now)
            if line.startswith(notify.WHY):
                self.last_words = line.removeprefix(notify.WHY)
        return bool(lines)

    def _become_ready(self) -> None:
        if self.instance is None or self.instance.is_ready or self.is_ending:
            return
        self.instance.become_ready(self._now)
        self._deadline = None
        self._watch.end()
        self._pulse.begin(self._now)
        self.has_been_ready = True
        try:
            self.owner.became_ready(self)
        except Exception:
            self.owner.fault(f"seeing to the app{self.label}, which is ready")

    def _not_ready_in_time(self) -> None:
        if not self.has_been_ready:
            self.owner.was_not_ready_in_time(self)
            return
        limit = format_seconds(self.process.readiness.timeout_s)
        self._end_because(f"did not become ready in {limit}: {self.why_not_ready()}")

    def _lose_pulse(self, why: str) -> None:
        self._end_because(f"is not alive ({why})")

    def _end_because(self, why: str) -> None:
        self._why_killed = why
        if self.instance is not None:
            self.owner.say(f"kills the app{self.label} (pid {self.instance.pid}): it {why}")
            self.instance.child.signal(signal.SIGKILL)

    def _decide(self, code: int, uptime_s: float) -> None:
        if self._why_killed == _ASKED and not self.is_ending:
            self._start_again()
        elif self.is_ending or not self.has_been_ready or (code == 0 and not self._why_killed):
            self.owner.was_lost(self, code, "")
        else:
            how = f"was killed by signal {code - 128}" if code > 128 else f"exited with {code}"
            self._crash(self._why_killed or how, code, uptime_s)

    def _crash(self, how: str, code: int, uptime_s: float) -> None:
        chance = os.urandom(1)[0] / 255
        pause = self.restarts.pause_after(": ".join([how, *self._last_line()]), uptime_s, chance)
        if pause is not None:
            counted = f"{self.restarts.in_a_row} of {self.process.heart.restarts}"
            self.owner.say(f"the app{self.label} {how}; starts again in {pause:.1f} s (restart {counted})")
            self._resume_at = self._now + pause
        elif self.process.heart.is_on:
            self.owner.was_lost(self, code or 1, f"the app crashed {self.restarts.in_a_row + 1} times in a row")
        else:
            self.owner.was_lost(self, code, "")

    def _last_line(self) -> list[str]:
        """Return the last line written since the instance started, where output goes to a file (`start`), or none."""
        size = self._log_size()
        if not size:
            return []  # a terminal or a pipe: whoever reads it has seen the lines
        begin = self._log_offset if self._log_offset <= size else 0  # the file was rotated meanwhile
        try:
            with open(self._log, "rb") as file:
                file.seek(max(begin, size - _LOG_BYTES))
                lines = file.read(_LOG_BYTES).decode("utf-8", "replace").splitlines()
        except OSError:
            return []  # rotated away at this moment, or not ours to read
        return [line.strip() for line in lines if line.strip() and not line.startswith(_OWN)][-1:]

    def _log_size(self) -> int:
        try:
            return os.stat(self._log).st_size if self._log else 0
        except OSError:
            return 0

    def _word(self) -> str:
        if self.is_ending:
            return "stopping"
        if self.instance is None:
            return "waiting"
        return "ready" if self.instance.is_ready else "starting"

    def _key(self, setting: str, kind: str) -> str:
        return f"{setting}.{kind}" if self.process.name == MAIN else f"process.{self.process.name}.{setting}.{kind}"


def _target(key: str, kind: str, text: str, environ: Mapping[str, str], agent: str) -> readiness.Target:
    """Return what a probe asks.

    Raises:
        Failure: the text cannot be replaced, or is not an address of that kind; the message names `key`.
    """
    replaced = environment.setting(key, text, environ)
    try:
        return readiness.Target(kind, replaced, agent)
    except ValueError as error:
        raise Failure(f"cannot use the setting {key}: {error}", now="nothing was started") from error
