"""Which sockets in `run` are an instance's own? The one that its agent answers on, and the one that it notifies.

During an upgrade two instances have the same names: the newer one has the agent's, since commands look for it there,
and each upgrade begins a generation whose notify sockets have names of their own.
"""

from __future__ import annotations

import _socket
import os

from ...protocol import notify
from ...release.files import unlink, unlink_agent
from ...release.layout import ASIDE_SOCKET, NOTIFY_SOCKET, agent_socket, numbered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class OwnSockets:
    """Both of one keeper. The agent makes its own; the one for notifications is made here and outlives a restart."""

    __slots__ = ("_name", "_notify", "_notify_file", "_run", "address", "agent")

    def __init__(self, run: str, name: str, generation: int) -> None:
        """Name those of the process `name` in the folder `run`."""
        self._run = run
        self._name = name
        self._notify_file = numbered(NOTIFY_SOCKET, name)
        if generation:
            self._notify_file = self._notify_file.replace(".sock", f"~{generation}.sock")
        self._notify: _socket.socket | None = None
        self.address = ""
        """What the instance gets as NOTIFY_SOCKET."""
        self.agent = agent_socket(name)
        """File in `run` that the instance's agent answers on."""

    @property
    def descriptor(self) -> int:
        """The one to poll for notifications; -1 before the first instance and after the last."""
        return -1 if self._notify is None else self._notify.fileno()

    def open(self) -> None:
        """Listen for notifications.

        Raises:
            OSError: the socket cannot be bound.
        """
        self._notify, self.address = notify.listen(self._run, self._notify_file)

    def receive(self) -> list[str]:
        """Return the lines of one waiting notification, or none."""
        return [] if self._notify is None else notify.receive(self._notify, os.getuid())

    def close(self) -> None:
        """Listen no more, and leave no file behind."""
        if self._notify is not None:
            self._notify.close()
            self._notify = None
        unlink(os.path.join(self._run, self._notify_file))

    def state(self) -> dict[str, Any]:
        """Return what `adopt` needs; the descriptor by number."""
        return {"notify": self.descriptor, "notify_file": self._notify_file, "notify_address": self.address}

    def adopt(self, state: Mapping[str, Any]) -> None:
        """Go on with what the image before has listened on."""
        self._notify = _socket.socket(fileno=state["notify"])
        self._notify_file = state["notify_file"]
        self.address = state["notify_address"]

    def agents(self) -> tuple[str, ...]:
        """Return the files that agents of the instance answer on: in an upgrade those of workers keep their names."""
        return self.agent, agent_socket(self._name)

    def step_aside(self) -> None:
        """Leave the agent's name to the instance of a newer version."""
        self._rename_agent(numbered(ASIDE_SOCKET, self._name))

    def step_back(self) -> None:
        """Take that name back."""
        self._rename_agent(agent_socket(self._name))

    def unlink_agent(self, *, is_beside: bool) -> None:
        """Remove the agent's file, and those of its workers unless another version's may be among them."""
        if is_beside or self.agent != agent_socket(self._name):
            unlink(os.path.join(self._run, self.agent))
        else:
            unlink_agent(self._run, self.agent)

    def _rename_agent(self, name: str) -> None:
        try:
            os.rename(os.path.join(self._run, self.agent), os.path.join(self._run, name))
        except FileNotFoundError:
            pass  # an app without an agent: a server that forks, with one for each worker
        self.agent = name
