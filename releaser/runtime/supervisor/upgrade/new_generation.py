"""What does an upgrade start? The new version's generation and its sockets, made of what was asked for."""

from __future__ import annotations

from ...bundle import listeners
from ...protocol import upgrade_request
from ...release.context import Context
from ...release.failures import NOT_NOW, Failure
from ...release.layout import Layout
from ...release.variables import environment
from ..generation import Generation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

_OF_AN_UPGRADE = ("RELEASE_OLD_VERSION", "RELEASE_NEW_VERSION")


def make_generation(old: Generation, request: Mapping[str, Any], base: Mapping[str, str]) -> Generation:
    """Return the generation that was asked for.

    Raises:
        Failure: it was asked for in words of another format, or its manifest cannot be read by this version.
    """
    layout = old.context.layout
    version = request["version"]
    if request["format"] != upgrade_request.FORMAT:
        raise _not_understood(old, version, f"its request is of format {request['format']}")
    context = Context(Layout(layout.root, version, layout.var), old.context.name, base, request["python"])
    contract = environment.contract(context, old.contract["RELEASE_COMMAND"], context.python)
    contract["RELEASE_PID"] = old.contract["RELEASE_PID"]
    kept = {name: value for name, value in request["environ"].items() if name not in _OF_AN_UPGRADE}
    try:
        return Generation(context, kept, contract, old.number + 1)
    except Failure as failure:
        raise _not_understood(old, version, failure.message) from failure


def _not_understood(old: Generation, version: str, why: str) -> Failure:
    name = old.context.name
    return Failure(
        f"cannot upgrade to {version}: the supervisor of {old.manifest.version} does not understand it",
        NOT_NOW,
        details=(why,),
        hint=f"`{name} stop`, `{name} upgrade {version}`, `{name} start`",
    )


def make_listeners(old: Generation, new: Generation) -> list[listeners.Listener]:
    """Return the sockets of the new version: those of the old one as far as they are the same, the others bound.

    Raises:
        Failure: one cannot be bound.
    """
    if not new.manifest.sockets:
        return list(old.listeners) if not old.manifest.sockets else []
    wanted = [
        (item.name, environment.setting(f"sockets.{item.name}", item.address, new.variables))
        for item in new.manifest.sockets
    ]
    kept = {
        name: listeners.Listener(name, address, found.socket, is_passed=found.is_passed)
        for name, address in wanted
        for found in old.listeners
        if found.address == address or (found.is_passed and found.name == name)
    }
    bound = listeners.bind_all([pair for pair in wanted if pair[0] not in kept]) if len(kept) < len(wanted) else []
    made = {**kept, **{item.name: item for item in bound}}
    return [made[name] for name, _ in wanted]


def is_in(item: listeners.Listener, others: Sequence[listeners.Listener]) -> bool:
    """Tell whether one of `others` is the same socket."""
    return any(item.socket is other.socket for other in others)
