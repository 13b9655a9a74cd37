"""The commands about versions that do not change what runs: unpack, versions, remove."""

from __future__ import annotations

import os
import shutil

from . import client, occupants
from .context import Context
from .failures import DONE, FAILED, NOT_NOW, USAGE, Failure
from .files import unlink
from .layout import CONTROL_SOCKET, Layout
from .versions import (
    PREVIOUS,
    booting_version,
    default_version,
    found_versions,
    is_held,
    previous_version,
    take_lock,
    write_durably,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_GONE = ".unpack-"
"""Begins the name of a folder that nobody needs: the next `unpack` removes what a killed `remove` has left."""


def unpack(context: Context, args: list[str]) -> int:
    """Lay the version in an archive beside those that are there; what boots and what runs stays the same.

    Raises:
        Failure: the archive cannot be used; nothing was changed.
    """
    if len(args) != 1 or args[0].startswith("-"):
        raise Failure(f"expected `{context.name} unpack FILE`", USAGE, now="nothing was unpacked")
    from .archives import unpack_archive

    version, is_new = unpack_archive(context, os.path.abspath(args[0]))
    if is_new:
        print(f"{context.name} {version} is unpacked; `{context.name} upgrade {version}` switches to it")
    else:
        print(f"{context.name} {version} is there already, the same build; nothing was changed")
    return DONE


def versions(context: Context, args: list[str]) -> int:
    """Print the versions that are there, for a person or with `--json` as one object."""
    if args not in ([], ["--json"]):
        raise Failure(f"expected `{context.name} versions [--json]`, found '{' '.join(args)}'", USAGE)
    rows = _rows(context)
    if args:
        import json

        print(json.dumps({"name": context.name, "versions": rows}, indent=2, ensure_ascii=False))
        return DONE
    width = max(len(row["version"]) for row in rows)
    for row in rows:
        words = [word for word in ("running", "current", "default", "previous") if row[word]]
        if not row["complete"]:
            words.append("incomplete: it has no manifest.json")
        print(f"{row['version']:{width}}  {', '.join(words)}".rstrip())
    return DONE


def remove(context: Context, args: list[str]) -> int:
    """Remove a version that neither runs nor boots, its unpacked bundle, and its interpreter if no other needs it.

    Raises:
        Failure: it is in use, or not there; nothing was removed.
    """
    if len(args) != 1 or args[0].startswith("-"):
        raise Failure(f"expected `{context.name} remove VERSION`", USAGE, now="nothing was removed")
    version = args[0]
    names = check_known(context, version, now="nothing was removed")
    lock = take_lock(context)  # no upgrade begins or ends from here on
    try:
        _check_unused(context, version)
        _take_away(context, version, [name for name in names if name != version])
    except OSError as error:
        raise Failure(
            f"cannot remove {context.name} {version}: {error.filename}: {error.strerror or error}",
            FAILED,
            now=f"`{context.name} versions` tells what is left",
        ) from error
    finally:
        os.close(lock)
    print(f"{context.name} {version} is removed")
    return DONE


def _check_unused(context: Context, version: str) -> None:
    """Refuse to remove what runs or boots, also as a part of an upgrade, and with another `var`.

    Raises:
        Failure: it is in use, or what runs does not say which version it is.
    """
    report = _report(context)
    if not report and is_held(context.layout.lock):
        raise Failure(
            f"cannot remove {context.name} {version}: a release runs here that does not say which version it is",
            NOT_NOW,
            now="nothing was removed",
            hint=f"`{context.name} status` asks it",
        )
    running = {str(report.get("version")), *(str(each.get("version")) for each in report.get("instances", ()))}
    upgrade = report.get("upgrade") or {}
    pids = [str(each.pid) for each in occupants.found(context.layout.root) if each.version == version]
    for is_so, word in (
        (version in running, "runs"),
        (version == upgrade.get("to"), "is what an upgrade leads to"),
        (bool(pids), f"runs (pid {', '.join(pids)})"),
        (version == booting_version(context.layout), "is current"),
    ):
        if is_so:
            raise Failure(
                f"cannot remove {context.name} {version}: it {word}",
                NOT_NOW,
                now="nothing was removed",
                hint=f"`{context.name} upgrade VERSION` switches to another",
            )


def _take_away(context: Context, version: str, others: list[str]) -> None:
    """Remove a version's folder: it is gone from its place by one rename before the first file goes.

    Raises:
        OSError: it cannot be removed.
    """
    layout = context.layout
    releases = os.path.join(layout.root, "releases")
    if version == default_version(layout):
        write_durably(os.path.join(releases, "default"), booting_version(layout))
    if version == previous_version(layout):
        unlink(os.path.join(layout.var, PREVIOUS))
    gone = os.path.join(releases, f"{_GONE}{os.getpid()}")
    os.rename(os.path.join(releases, version), gone)
    shutil.rmtree(gone)
    _prune(context, others)


def check_known(context: Context, version: str, *, now: str) -> list[str]:
    """Return the names of all versions.

    Raises:
        Failure: `version` is not one of them; the message names them, and `now` is what is true.
    """
    names = [item.name for item in found_versions(context.layout.root)]
    if version in names:
        return names
    import difflib

    near = difflib.get_close_matches(version, names, n=1)
    raise Failure(
        f"{context.name} has no version '{version}' here",
        FAILED,
        now=now,
        hint=f"did you mean '{near[0]}'?" if near else f"there are {', '.join(names)}; `unpack FILE` adds one",
    )


def running_version(context: Context) -> str:
    """Return the version that runs, or nothing."""
    return str(_report(context).get("version", ""))


def _report(context: Context) -> dict[str, Any]:
    """Return what the running release tells of itself; empty when none answers."""
    import json

    try:
        found: dict[str, Any] = json.loads(client.ask(context, CONTROL_SOCKET, "status", "--json"))
    except (Failure, ValueError):
        return {}
    return found


def _rows(context: Context) -> list[dict[str, Any]]:
    layout = context.layout
    running, current = running_version(context), booting_version(layout)
    default, previous = default_version(layout), previous_version(layout)
    return [
        {
            "version": item.name,
            "complete": item.is_complete,
            "current": item.name == current,
            "default": item.name == default,
            "previous": item.name == previous,
            "running": item.name == running,
        }
        for item in found_versions(layout.root)
    ]


def _prune(context: Context, names: list[str]) -> None:
    """Remove what only the removed version needed; nothing, if what another one needs cannot be read."""
    from . import bundle

    layout = context.layout
    try:
        manifests = [
            Context(Layout(layout.root, name, layout.var), context.name, context.environ).manifest
            for name in names
            if os.path.exists(os.path.join(layout.root, "releases", name, "manifest.json"))
        ]
    except Failure:
        return
    bundle.prune(context, {manifest.bundle.id for manifest in manifests})
    needed = {manifest.python.bundled for manifest in manifests}
    for name in os.listdir(layout.root):
        if name.startswith("python-") and name not in needed:
            shutil.rmtree(os.path.join(layout.root, name))
