"""One version that the supervisor runs: what it is, its environment, its sockets, and the keepers of its instances.

There is one of these at a time, and two during an upgrade.
"""

from __future__ import annotations

from ..bundle.launch import runtime_command
from ..bundle.tree import working_folder
from ..release.layout import MAIN
from .keeping.keeper import Keeper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ..bundle.listeners import Listener
    from ..release.context import Context
    from .keeping.keeper import Owner


class Generation:
    """The parts; whoever owns it decides when they begin and end."""

    def __init__(
        self, context: Context, environ: Mapping[str, str], contract: Mapping[str, str], number: int = 0
    ) -> None:
        """Note what it is; `number` counts the upgrades of one supervisor.

        Raises:
            Failure: the manifest cannot be used.
        """
        self.context = context
        self.manifest = context.manifest
        self.environ = dict(environ)
        self.contract = dict(contract)
        self.number = number
        self.runtime = runtime_command(context)
        self.keepers: list[Keeper] = []
        self.listeners: list[Listener] = []

    @property
    def variables(self) -> dict[str, str]:
        """The environment of everything that it starts."""
        return {**self.environ, **self.contract}

    def make_keepers(self, owner: Owner, only: Sequence[str], log: str) -> None:
        """Make the keepers of its processes, those that `only` names where it names any.

        Raises:
            Failure: a setting of a process, or of the folder that it works in, cannot be used.
        """
        working_folder(self.context, self.environ)
        self.keepers = [
            Keeper(self.context, process, number, self.variables, owner, log, self.number)
            for process in self.manifest.all_processes()
            if not only or process.name in only
            for number in range(1, process.replicas + 1)
        ]

    def begin(self, args: Sequence[str], lock: int, now: float, *, is_beside: bool = False) -> None:
        """Start every instance; `args` are those of the main process.

        Raises:
            OSError: an interpreter cannot be executed; some may have been started.
        """
        self._prepare(args, lock)
        for keeper in self.keepers:
            keeper.begin(now, is_beside=is_beside)

    def adopt(self, states: Sequence[Mapping[str, Any]], args: Sequence[str], lock: int, now: float) -> None:
        """Go on with the instances of a supervisor that was executed anew, as this process."""
        self._prepare(args, lock)
        known = {state["name"]: state for state in states}
        for keeper in self.keepers:
            keeper.adopt(known[keeper.name], now)

    def _prepare(self, args: Sequence[str], lock: int) -> None:
        for keeper in self.keepers:
            own = args if keeper.process.name == MAIN else []
            keeper.prepare(self.variables, own, self.listeners, lock)

    def pids(self) -> list[int]:
        """Return the process id of each instance, 0 for one that waits to be started again."""
        return [keeper.instance.pid if keeper.instance else 0 for keeper in self.keepers]

    def is_alive(self) -> bool:
        return any(keeper.instance is not None for keeper in self.keepers)

    def is_ready(self) -> bool:
        return bool(self.keepers) and all(keeper.is_ready for keeper in self.keepers)

    def close(self) -> None:
        """Kill and reap every instance at once."""
        for keeper in self.keepers:
            keeper.close()
