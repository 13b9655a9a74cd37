"""Is an instance ready, and does it still live? Both questions of one keeper, asked as its process is declared.

A fault of ours in asking says nothing of the app: the next attempt comes later.
"""

from __future__ import annotations

from ...release.failures import Failure
from ...release.layout import MAIN
from ...release.variables import environment
from . import readiness
from .pulse import Pulse
from .watch import Watch
from .workers import Workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ...release.layout import Layout
    from ...release.manifest import Liveness, Process, Readiness


class Probing:
    """The watch until an instance is ready, and its pulse from then on."""

    __slots__ = ("_on_fault", "_pulse", "_watch", "_workers")

    def __init__(
        self,
        process: Process,
        environ: Mapping[str, str],
        layout: Layout,
        agent: str,
        *,
        on_ready: Callable[[float, float], None],
        on_dying: Callable[[int], None],
        on_loss: Callable[[str], None],
        on_fault: Callable[[], object],
    ) -> None:
        """Prepare to ask what `process` declares, with `environ` in its settings; `agent` is asked where a call is.

        `on_dying` hears that workers die again and again, in how many rounds.
        `on_fault` tells the exception that is being handled, which is a fault of ours.

        Raises:
            Failure: a setting of the process cannot be replaced or used.
        """
        wanted = process.readiness
        target = _target(_key(process, "readiness"), wanted, environ, agent)
        self._watch = Watch(target, layout, wanted, on_ready)
        self._workers = Workers(on_dying)
        alive = process.liveness
        target = _target(_key(process, "liveness"), alive, environ, agent)
        self._pulse = Pulse(alive, target, layout, on_loss)
        self._on_fault = on_fault

    @property
    def is_beside(self) -> bool:
        """Whether another version listens on the same sockets: only what this very instance answers counts then."""
        return self._watch.is_beside

    @is_beside.setter
    def is_beside(self, is_beside: bool) -> None:
        self._watch.is_beside = is_beside

    def name_agent(self, agent: str) -> None:
        """Ask the agent by another name from now on."""
        self._watch.target.agent = self._pulse.target.agent = agent

    def variables(self) -> Mapping[str, str]:
        """Return what tells the app that heartbeats are wanted."""
        return self._pulse.variables()

    def begin(self, now: float, session: int) -> None:
        """Start to ask whether a new instance is ready, the leader of that session."""
        self._workers.begin(now, session)
        self._watch.begin(now, session)

    def go_on(self, now: float) -> None:
        """Start to ask whether one that is ready still lives."""
        self._watch.end()
        self._workers.end()
        self._pulse.begin(now)

    def end_pulse(self) -> None:
        """Ask no more whether it lives: it was told to end."""
        self._pulse.end()

    def end(self) -> None:
        """Ask nothing more."""
        self._watch.end()
        self._workers.end()
        self._pulse.end()

    @property
    def has_answered(self) -> bool:
        """Whether it has answered that it is ready, and only has to stay up for a moment."""
        return self._watch.has_answered

    def why_not_ready(self) -> str:
        """Return why the instance is not ready yet."""
        return self._watch.why_not()

    def take_notification(self, line: str, now: float) -> None:
        """See what one line of a notification means for either."""
        self._watch.take_notification(line, now)
        self._pulse.take_notification(line, now)

    def watched(self, now: Callable[[], float]) -> list[tuple[int, int, Callable[[], None]]]:
        """Return the descriptors to poll, with their events and what to do then."""
        return [
            *self._contained(self._watch, self._watch.watched(now), now),
            *self._contained(self._pulse, self._pulse.watched(now), now),
        ]

    def deadlines(self) -> list[float | None]:
        """Return when `pass_deadlines` next has something to do; None: nothing."""
        return [self._watch.deadline, self._workers.deadline, self._pulse.deadline]

    def pass_deadlines(self, now: float) -> None:
        """Begin the attempts that are due, and give those up that took too long."""
        self._contain(self._watch, lambda: self._watch.pass_deadline(now), now)
        self._contain(self._workers, lambda: self._workers.pass_deadline(now), now)
        self._contain(self._pulse, lambda: self._pulse.pass_deadline(now), now)

    def _contained(
        self,
        probe: Watch | Pulse,
        watched: Sequence[tuple[int, int, Callable[[], None]]],
        now: Callable[[], float],
    ) -> list[tuple[int, int, Callable[[], None]]]:
        return [
            (descriptor, events, lambda act=act: self._contain(probe, act, now()))  # type: ignore[misc]
            for descriptor, events, act in watched
        ]

    def _contain(self, probe: Watch | Pulse | Workers, action: Callable[[], None], now: float) -> None:
        try:
            action()
        except Exception:
            self._on_fault()
            probe.put_off(now)


def _key(process: Process, setting: str) -> str:
    return setting if process.name == MAIN else f"process.{process.name}.{setting}"


def _target(key: str, asked: Readiness | Liveness, environ: Mapping[str, str], agent: str) -> readiness.Target:
    """Return what a probe asks.

    Raises:
        Failure: a text cannot be replaced, or used for that kind; the message names its key, which begins with `key`.
    """
    replaced = environment.setting(f"{key}.{asked.kind}", asked.target, environ)
    headers = {
        name: environment.setting(f"{key}.headers.{name}", value, environ) for name, value in asked.headers.items()
    }
    try:
        return readiness.Target(asked.kind, replaced, agent, asked.status, headers)
    except ValueError as error:
        raise Failure(f"cannot use the setting {key}.{asked.kind}: {error}", now="nothing was started") from error
