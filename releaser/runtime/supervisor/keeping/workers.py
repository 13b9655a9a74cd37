"""Do the workers of a server that forks die again and again, before one of them was ready?

The master of such a server lives on whatever becomes of its workers, and starts others in their place: the wait would
last to its end, and tell nothing. What is counted are rounds: a worker that was started after another had died has died
as well. Eight that end together are one round, as of a pool that has done its work.

A worker is a child that is the same program: forked, or started by `multiprocessing`. What an app calls on its way,
`pg_isready` or `python -c`, is none, however often.
"""

from __future__ import annotations

from . import processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 5
"""So many in a row end the wait."""
LOOK_S = 0.1
"""How often is looked: a worker that imports an app lives longer than that."""
_DEEPEST = 3
"""A worker of a fork server is a grandchild; nobody nests deeper."""
_SPAWNED = b"spawn_main("
"""What multiprocessing has Python execute for a process that is not forked."""


class _Worker:
    __slots__ = ("is_worker", "round")

    def __init__(self, number: int) -> None:
        self.round = number
        self.is_worker = False


class Workers:
    """Those of one instance; `on_dying` is called with how many rounds there were."""

    __slots__ = ("_known", "_leader", "_on_dying", "_rounds", "deadline")

    def __init__(self, on_dying: Callable[[int], None]) -> None:
        """Watch nothing yet."""
        self.deadline: float | None = None
        self._on_dying = on_dying
        self._leader = 0
        self._rounds = 0
        self._known: dict[tuple[int, int], _Worker] = {}

    def begin(self, now: float, leader: int) -> None:
        """Watch the workers of a new instance."""
        self._leader = leader
        self._rounds = 0
        self._known = {}
        self.deadline = now + LOOK_S

    def put_off(self, now: float) -> None:
        """Look again later: this time it could not be seen."""
        if self.deadline is not None:
            self.deadline = now + 10 * LOOK_S

    def end(self) -> None:
        """Watch nothing more."""
        self.deadline = None
        self._known = {}

    def pass_deadline(self, now: float) -> None:
        """Look who is there."""
        if self.deadline is None or now < self.deadline:
            return
        self.deadline = now + LOOK_S
        self.take(self._look())

    def take(self, alive: dict[tuple[int, int], bool]) -> None:
        """Note who lives now: number and beginning of a process, and whether it is a worker."""
        dead = [self._known.pop(key) for key in [*self._known] if key not in alive]
        if any(each.is_worker and each.round == self._rounds for each in dead):
            self._rounds += 1
        for key, is_worker in alive.items():
            self._known.setdefault(key, _Worker(self._rounds)).is_worker = is_worker
        lasting = (each for each in self._known.values() if each.is_worker and each.round < self._rounds - 1)
        if self._rounds >= ROUNDS and not any(lasting):
            self.end()
            self._on_dying(ROUNDS)

    def _look(self) -> dict[tuple[int, int], bool]:
        found: dict[tuple[int, int], bool] = {}
        parents = [self._leader]
        for _ in range(_DEEPEST):
            children: list[int] = []
            for parent in parents:
                program, words = processes.program_of(parent)
                for pid in processes.children_of(parent):
                    seen = processes.look_at(pid)
                    if seen is None or seen.state in "ZX":
                        continue
                    own, own_words = processes.program_of(pid)
                    is_same = own == program and (own_words == words or _SPAWNED in own_words)
                    found[pid, seen.began] = is_same
                    children.append(pid)
            parents = children
        return found
