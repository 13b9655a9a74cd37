"""What `status` tells: one value gathered of what runs, as JSON or as lines for a person."""

from __future__ import annotations

import json
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ...release.manifest import Manifest
    from ..hooks.hook_queue import HookQueue
    from ..keeping.keeper import Keeper
    from ..outcome import Outcome
    from ..running import Running


def identity(manifest: Manifest) -> dict[str, Any]:
    """Return what is known of a release before anything runs."""
    return {
        "name": manifest.name,
        "version": manifest.version,
        "environment": manifest.environment,
        "migrations": [{"name": item.name, "heads": item.heads, "run": item.run} for item in manifest.migrations],
    }


def gather(running: Running, hooks: HookQueue, outcome: Outcome, now: float) -> dict[str, Any]:
    """Return all that is told of a release that runs."""
    upgrade = running.upgrade
    return {
        **identity(running.live.manifest),
        "state": running.word(),
        "doing": running.state,
        "ready": running.is_serving(),
        "pid": os.getpid(),
        "uptime_s": round(now - running.started_at, 3),
        "instances": [of_instance(keeper, now) for keeper in running.keepers()],
        "upgrade": None if upgrade is None else {"to": upgrade.version, "step": upgrade.doing},
        "sockets": {listener.name: listener.address for listener in running.live.listeners},
        "hooks": hooks.reports,
        "last_failure": outcome.failure.message if outcome.failure else hooks.last_failure(),
    }


def of_instance(keeper: Keeper, now: float) -> dict[str, Any]:
    """Return what is told of one instance, and of its place while there is none."""
    told: dict[str, Any] = {"process": keeper.name, "state": _word(keeper), "restarts": keeper.restarts.total}
    told |= {"pid": None, "version": keeper.version, "ready": False}
    if keeper.instance is not None:
        told |= keeper.instance.to_dict(now)
    return told | {"last_exits": list(keeper.restarts.last_exits)}


def _word(keeper: Keeper) -> str:
    if keeper.is_ending:
        return "stopping"
    if keeper.instance is None:
        return "waiting"
    return "ready" if keeper.instance.is_ready else "starting"


def as_json(report: dict[str, Any]) -> str:
    """Return the report as one JSON object; keys are part of the contract, new ones may be added."""
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"


def as_text(report: dict[str, Any]) -> str:
    """Return the report for a person, within 80 columns where names allow."""
    lines = [
        f"{report['name']} {report['version']} ({report['environment']}): {report['state']}",
        f"  pid       {report['pid']}, up {duration(report['uptime_s'])}",
    ]
    lines += [_instance(instance) for instance in report["instances"]]
    if report["upgrade"]:
        lines.append(f"  upgrade   to {report['upgrade']['to']}, {report['upgrade']['step']}")
    for name, address in report["sockets"].items():
        lines.append(f"  socket    {name}: {address}")
    for hook in report["hooks"]:
        lines.append(f"  hook      {hook['event']} {hook['name']}: {hook['outcome']} ({hook['seconds']:.2f} s)")
    for migration in report["migrations"]:
        head = f"head {', '.join(migration['heads'])}, " if migration["heads"] else ""
        lines.append(f"  database  {migration['name']}: {head}run {migration['run']}")
    if report["last_failure"]:
        lines.append(f"  failure   {report['last_failure']}")
    return "\n".join(lines) + "\n"


def _instance(instance: dict[str, Any]) -> str:
    name = "" if instance["process"] == "main" else f"{instance['process']}, "
    pid = f"pid {instance['pid']}, " if instance["pid"] else ""
    how = f"ready after {instance['ready_after_s']:.2f} s" if instance["ready"] else instance["state"]
    restarts = f", restarts {instance['restarts']}" if instance["restarts"] else ""
    return f"  instance  {name}{pid}{instance['version']}, {how}{restarts}"


def duration(seconds: float) -> str:
    """Return a time span as people say it: `42 s`, `3 min 5 s`, `2 h 10 min`, `4 d 1 h`."""
    whole = int(seconds)
    for unit, size, smaller, smaller_size in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // smaller_size} {smaller}"
    return f"{whole} s"
