"""Which files become which hooks, and what are they called in the release?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from releaser.config.profile import HookSpec, MigrationRun, MigrationsSpec, OnFailure, Profile
from releaser.plan.facts import PathFact
from releaser.plan.files.named import summary_of
from releaser.plan.steps import Script
from releaser.runtime.release.manifest import EVENTS, Hook

MIGRATE_NUMBER = 10
FIRST_NUMBER = 20
MIGRATE_TIMEOUT_S = 3600.0
_MIGRATE_ON_FAILURE: Mapping[str, OnFailure] = {"pre_start": "abort", "post_start": "stop"}
_MIGRATE_EVENT: Mapping[MigrationRun, str] = {
    "check": "pre_start",
    "pre_start": "pre_start",
    "post_start": "post_start",
}
_MIGRATE_TEXT = {
    "pre_start": '#!/bin/sh\n# apply pending migrations before the app starts\nexec "$RELEASE_PROG" migrate{names}\n',
    "post_start": (
        "#!/bin/sh\n# apply pending migrations from the running app\n"
        'exec "$RELEASE_PROG" rpc releaser.runtime:migrate{names}\n'
    ),
    "check": (
        "#!/bin/sh\n# start only on a database that this release may run on\n"
        'exec "$RELEASE_PROG" migrate{names} --check --phase pre\n'
    ),
}


@dataclass(frozen=True, slots=True)
class _Entry:
    """One hook before it has its number's width."""

    number: int
    label: str
    spec: HookSpec
    file: str  # relative to the root of the configuration, or "" for a call


def hooks_and_scripts(profile: Profile, paths: Mapping[str, PathFact]) -> tuple[tuple[Hook, ...], tuple[Script, ...]]:
    """Return the manifest's hooks in the order they run, and the files that they need.

    A file is named `hooks/EVENT.d/NN-basename`, so that byte order is run order; `NN` grows when it must.
    """
    hooks: list[Hook] = []
    scripts: list[Script] = []
    for event in EVENTS:
        entries = _entries(profile.hooks.get(event, ()), paths)  # type: ignore[call-overload]
        width = len(str(max([MIGRATE_NUMBER, *(entry.number for entry in entries)])))
        for hook, script in _migrate(event, profile.migrations, width):
            hooks.append(hook)
            scripts.append(script)
        for entry in entries:
            hook = _hook(event, entry, width, paths[entry.file].summary if entry.file else "")
            hooks.append(hook)
            if entry.file:
                scripts.append(script_of(profile.root, entry.file, hook.path, paths[entry.file]))
    return tuple(hooks), tuple(scripts)


def script_of(root: Path, file: str, to: str, fact: PathFact) -> Script:
    """Return the script that brings `file` to `to`."""
    return Script(source=root / file, to=to, executable=fact.executable, shebang=fact.shebang)


def files_of(spec: HookSpec, paths: Mapping[str, PathFact]) -> tuple[str, ...]:
    """Return the files of a `run` entry, relative to the root: the file itself, or all of the folder's."""
    fact = paths[spec.run]
    if fact.kind == "folder":
        return tuple(f"{spec.run.rstrip('/')}/{entry}" for entry in fact.entries)
    return (spec.run,)


def _entries(specs: tuple[HookSpec, ...], paths: Mapping[str, PathFact]) -> list[_Entry]:
    entries: list[_Entry] = []
    for spec in specs:
        for file in files_of(spec, paths) if spec.run else ("",):
            label = PurePosixPath(file).name if file else spec.call.rpartition(":")[2]
            entries.append(_Entry(FIRST_NUMBER + len(entries), label, spec, file))
    return entries


def _hook(event: str, entry: _Entry, width: int, summary: str) -> Hook:
    name = f"{entry.number:0{width}}-{entry.label}"
    return Hook(
        event=event,
        name=name,
        path=f"hooks/{event}.d/{name}" if entry.file else "",
        call=entry.spec.call,
        timeout_s=entry.spec.timeout_s,
        on_failure=entry.spec.on_failure,
        summary=summary,
    )


def _migrate(event: str, databases: Sequence[MigrationsSpec], width: int) -> Iterator[tuple[Hook, Script]]:
    """Yield a hook for the databases that want something done at this event: first those that are only looked at."""
    for run in _MIGRATE_EVENT:
        chosen = [spec.name for spec in databases if spec.run == run]
        if not chosen or _MIGRATE_EVENT[run] != event:
            continue
        name = f"{MIGRATE_NUMBER:0{width}}-{'check-database' if run == 'check' else 'migrate'}"
        path = f"hooks/{event}.d/{name}"
        # All of them need no names; the launcher's command takes them in the order of the configuration anyway.
        text = _MIGRATE_TEXT[run].format(names="" if len(chosen) == len(databases) else f" {' '.join(chosen)}")
        hook = Hook(
            event=event,
            name=name,
            path=path,
            call="",
            timeout_s=MIGRATE_TIMEOUT_S,
            on_failure=_MIGRATE_ON_FAILURE[event],
            summary=summary_of(text),
        )
        yield hook, Script(source=Path(), to=path, text=text)
