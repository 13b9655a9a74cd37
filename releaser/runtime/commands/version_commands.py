"""The commands about versions that do not change what runs: unpack, versions, remove."""

from __future__ import annotations

import filecmp
import os
import shutil

from ..protocol import client
from ..protocol.requests import shown
from ..release.context import Context
from ..release.failures import DAMAGED, DONE, FAILED, NOT_NOW, USAGE, Failure
from ..release.files import unlink
from ..release.layout import CONTROL_SOCKET, LAUNCHER, Layout
from ..release.versions import (
    STAGED,
    booting_file,
    booting_version,
    default_version,
    found_versions,
    how_to_name,
    is_held,
    is_version,
    previous_file,
    previous_version,
    remove_leftovers,
    take_lock,
    write_durably,
)
from ..release.writing import tell
from . import occupants

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def unpack(context: Context, args: list[str]) -> int:
    """Lay the version in an archive beside those that are there; what boots and what runs stays the same.

    Raises:
        Failure: the archive cannot be used; nothing was changed.
    """
    from ..archives.unpacking import unpack_archive
    from ..release.variables import env_edits

    path, options = _unpack_words(context, args)
    is_env_kept = env_edits.KEEP_ENV in options
    present = _present_version(context)
    try:
        env_edits.before_unpacking(context, present, is_kept=is_env_kept)
    except Failure as failure:
        failure.now = "nothing was unpacked"
        raise
    done = unpack_archive(
        context,
        os.path.abspath(path),
        allowed_signers=options.get("--allowed-signers", ""),
        identity=options.get("--identity", ""),
        repair="--repair" in options,
    )
    title = f"{context.name} {done.version}"
    if done.is_new:
        print(f"{title} is unpacked; `{context.name} upgrade {done.version}` switches to it")
    elif done.replaced or done.left:
        print(f"{title}: what differs is as it was built again")
    else:
        print(f"{title} is there already, the same build; nothing was changed")
    if done.signer:
        print(f"  signed by {done.signer}")
    for place in done.replaced:
        print(f"  replaced {place}")
    for place in done.left:
        print(f"  left {place}, which is not part of the release")
    tell(env_edits.after_unpacking(context, present, done.version, is_kept=is_env_kept))
    return DONE


def _unpack_words(context: Context, args: list[str]) -> tuple[str, dict[str, str]]:
    """Return the archive's path and the options of `unpack`.

    Raises:
        Failure: something else was said.
    """
    usage = "[--allowed-signers FILE [--identity NAME]] [--repair] [--keep-env] FILE"
    wanted = f"expected `{context.name} unpack {usage}`"
    options: dict[str, str] = {}
    rest = list(args)
    words: list[str] = []
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            words.append(word)
            continue
        if word in options or word not in _UNPACK_OPTIONS:
            raise Failure(f"{wanted}, found '{word}'", USAGE, now="nothing was unpacked")
        if _UNPACK_OPTIONS[word] and not rest:
            raise Failure(f"{wanted}, found nothing behind {word}", USAGE, now="nothing was unpacked")
        options[word] = rest.pop(0) if _UNPACK_OPTIONS[word] else ""
    if len(words) != 1 or "" in (words[0], options.get("--allowed-signers", "-"), options.get("--identity", "-")):
        raise Failure(wanted, USAGE, now="nothing was unpacked")
    if "--allowed-signers" in options:
        options["--allowed-signers"] = os.path.abspath(options["--allowed-signers"])
    return words[0], options


_UNPACK_OPTIONS = {"--allowed-signers": True, "--identity": True, "--repair": False, "--keep-env": False}
"""And whether a word follows."""


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
        _check_unused(context, version, names)
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


def _check_unused(context: Context, version: str, names: list[str]) -> None:
    """Refuse to remove what runs or boots, also as a part of an upgrade, and with another `var`.

    Raises:
        Failure: it is in use, or what runs does not say which version it is, or it is not known which one boots.
    """
    booting = booting_version(context.layout)
    if booting not in names:
        named_in = booting_file(context.layout)
        raise Failure(
            f"cannot remove {context.name} {version}: {named_in} names no version that is here, so it may be needed",
            DAMAGED,
            now="nothing was removed",
            hint=how_to_name(named_in, names),
        )
    report = report_of_the_running(context)
    if not report and is_held(context.layout.lock):
        raise Failure(
            f"cannot remove {context.name} {version}: a release runs here that does not say which version it is",
            NOT_NOW,
            now="nothing was removed",
            hint=f"`{context.name} status` asks it",
        )
    running = {str(report.get("version")), *(str(each.get("version")) for each in report.get("instances", ()))}
    upgrade = report.get("upgrade") or {}
    found = occupants.found(context.layout.root, context.layout.var)
    pids = [str(each.pid) for each in found if each.version == version]
    for is_so, word in (
        (version in running, "runs"),
        (version == upgrade.get("to"), "is what an upgrade leads to"),
        (bool(pids), f"runs (pid {', '.join(pids)})"),
        (version == booting, "is current"),
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
        unlink(previous_file(layout))
    remove_leftovers(releases)
    gone = os.path.join(releases, f"{STAGED}{os.getpid()}")
    os.rename(os.path.join(releases, version), gone)
    _keep_a_launcher(context, others, gone)
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
    told = shown(version)
    raise Failure(
        f"{context.name} has no version '{told}{'...' if len(told) < len(version) else ''}' here",
        FAILED,
        now=now,
        hint=f"did you mean '{near[0]}'?" if near else f"there are {', '.join(names)}; `unpack FILE` adds one",
    )


def running_version(context: Context) -> str:
    """Return the version that runs, or nothing.

    Raises:
        client.Refused: this user may not know.
    """
    return str(report_of_the_running(context).get("version", ""))


def report_of_the_running(context: Context) -> dict[str, Any]:
    """Return what the running release tells of itself; empty when none answers, or nothing that makes sense.

    Whoever may write to `var` may answer there: the version that is told is to be the name of one.

    Raises:
        client.Refused: this user may not know.
    """
    import json

    try:
        found = json.loads(client.ask(context, CONTROL_SOCKET, "status", "--json"))
    except client.Refused:
        raise
    except (Failure, ValueError, RecursionError):
        return {}
    return found if type(found) is dict and is_version(found.get("version")) else {}


def _present_version(context: Context) -> str:
    """Return the version that runs, else the one that boots; whoever unpacks need not be the user that runs it."""
    try:
        return running_version(context) or booting_version(context.layout)
    except client.Refused:
        return booting_version(context.layout)


def _rows(context: Context) -> list[dict[str, Any]]:
    layout = context.layout
    running: str | None = None
    try:
        running = running_version(context)
    except client.Refused:
        from ..release.checking.belonging import whose

        tell((f"warning: which one runs is not known: {whose(layout, context.name) or 'permission denied'}",))
    current = booting_version(layout)
    default, previous = default_version(layout), previous_version(layout)
    return [
        {
            "version": item.name,
            "complete": item.is_complete,
            "current": item.name == current,
            "default": item.name == default,
            "previous": item.name == previous,
            "running": None if running is None else item.name == running,
        }
        for item in found_versions(layout.root)
    ]


def _keep_a_launcher(context: Context, names: list[str], scratch: str) -> None:
    """Let `bin/NAME` be that of a version that is here: the last one that was unpacked brought its own."""
    launchers = [os.path.join(context.layout.root, "releases", name, LAUNCHER) for name in names]
    if any(os.path.exists(path) and filecmp.cmp(path, context.prog, shallow=False) for path in launchers):
        return
    own = os.path.join(context.layout.root, "releases", booting_version(context.layout), LAUNCHER)
    if os.path.exists(own):
        new = os.path.join(scratch, f"new-{LAUNCHER}")
        shutil.copy2(own, new)
        os.rename(new, context.prog)


def _prune(context: Context, names: list[str]) -> None:
    """Remove what only the removed version needed; nothing, if what another one needs cannot be read."""
    from ..bundle import activation

    layout = context.layout
    try:
        manifests = [
            Context(Layout(layout.root, name, layout.var), context.name, context.environ).manifest
            for name in names
            if os.path.exists(os.path.join(layout.root, "releases", name, "manifest.json"))
        ]
    except Failure:
        return
    activation.prune(context, {manifest.bundle.id for manifest in manifests})
    needed = {manifest.python.bundled for manifest in manifests}
    for name in os.listdir(layout.root):
        if name.startswith("python-") and name not in needed:
            shutil.rmtree(os.path.join(layout.root, name))
