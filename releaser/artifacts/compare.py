"""What is different between two releases? Dependencies, configuration, migrations and files, from A to B."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from releaser.artifacts.boot import hook_text
from releaser.artifacts.outline import short_hashes
from releaser.artifacts.reading import Artifact, Item
from releaser.runtime.release.checking.record import NAME as RECORD

_OWN_TOPICS = frozenset({"files", "migrations", "bundle", "hooks", "format", "commands", "sockets"})
MOST_FILES = 40
_FEW_FILES = 10
"""Changes below one folder that are listed one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that is not the same; empty text stands for what is not there."""

    name: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Everything that is not the same."""

    release: tuple[Change, ...]
    """Name, version, environment, Python."""
    dependencies: tuple[Change, ...]
    configuration: tuple[Change, ...]
    """Hooks, commands, sockets, variables and settings."""
    migrations: tuple[Change, ...]
    """Revisions by their id; old and new are the hash of their file."""
    inputs: tuple[Change, ...]
    files: tuple[Change, ...]
    """By path, the version's folder left out of it; old and new are a hash, or where a link leads."""

    @property
    def is_empty(self) -> bool:
        return not any(getattr(self, name) for name in self.__slots__)


def difference(a: Artifact, b: Artifact) -> Difference:
    """Return what is different in `b`."""
    return Difference(
        release=_changes(_release(a), _release(b)),
        dependencies=_changes(_dependencies(a), _dependencies(b)),
        configuration=_changes(_configuration(a), _configuration(b)),
        migrations=_changes(_migrations(a), _migrations(b)),
        inputs=_changes(a.manifest.inputs, b.manifest.inputs),
        files=_changes(_files(a), _files(b)),
    )


def difference_lines(found: Difference) -> list[str]:
    """Return what `diff` prints: `+` for what is new, `-` for what is gone, `~` for what has changed."""
    return [
        *_topic("release", found.release),
        *_topic("dependencies", found.dependencies),
        *_topic("configuration", found.configuration),
        *_topic("migrations", _without_values(found.migrations)),
        *_topic("inputs", _with_short_hashes(found.inputs)),
        *_topic("files", _folded(_without_values(found.files)), MOST_FILES),
    ]


def difference_json(found: Difference) -> str:
    """Return the same as JSON."""
    return json.dumps(asdict(found), indent=2, ensure_ascii=False)


def _changes(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[Change, ...]:
    return tuple(
        Change(name=name, old=old.get(name, ""), new=new.get(name, ""))
        for name in sorted({**old, **new})
        if old.get(name) != new.get(name)
    )


def _release(artifact: Artifact) -> dict[str, str]:
    manifest = artifact.manifest
    python = manifest.python
    return {
        "name": manifest.name,
        "version": manifest.version,
        "environment": manifest.environment,
        **{f"python {name}": str(value) for name, value in python.to_dict().items()},
    }


def _dependencies(artifact: Artifact) -> dict[str, str]:
    return {package.name: package.version for package in artifact.packages if package.version}


def _configuration(artifact: Artifact) -> dict[str, str]:
    manifest = artifact.manifest
    found = {f"hooks.{hook.event}.{hook.name}": hook_text(hook).partition(": ")[2] for hook in manifest.hooks}
    found |= {f"commands.{command.name}": command.path or " ".join(command.words) for command in manifest.commands}
    found |= {f"sockets.{socket.name}": socket.address for socket in manifest.sockets}
    for migrations in manifest.migrations:
        found[f"migrations.{migrations.name}"] = f"run {migrations.run}, url '{migrations.url}'"
    settings = manifest.to_dict()
    for name in sorted(settings.keys() - _OWN_TOPICS - {"name", "version", "environment", "python", "inputs"}):
        found |= dict(_flat(name, settings[name]))
    return found


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield each value below `name` with its path, as text."""
    if isinstance(value, Mapping):
        for key in sorted(value):
            yield from _flat(f"{name}.{key}", value[key])
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for number, item in enumerate(value):
            key = item.get("name", number) if isinstance(item, Mapping) else number
            yield from _flat(f"{name}.{key}", item)
    elif isinstance(value, list):
        for item in value:
            yield f"{name}: {item}", "set"
    else:
        yield name, str(value)


def _migrations(artifact: Artifact) -> dict[str, str]:
    """Return each revision's hash; those of a database with a name of its own carry it in front."""
    return {
        f"{migrations.name}.{revision}".removeprefix("default."): migrations.files.get(revision, "in the source tree")
        for migrations in artifact.manifest.migrations
        for revision in migrations.line
    }


def _files(artifact: Artifact) -> dict[str, str]:
    """Return each file's hash, but for the manifest, whose content is the other topics, and the record of the rest."""
    own = f"releases/{artifact.manifest.version}/"
    found: dict[str, str] = {}
    for item in artifact.items:
        path = item.path
        if path.startswith(own):
            path = path.removeprefix(own)
        if path not in ("manifest.json", RECORD):
            found[path] = _content(item)
    return found


def _content(item: Item) -> str:
    return f"-> {item.link}" if item.link else item.sha256 + (" executable" if item.executable else "")


def _without_values(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """Return the changes with marks in the place of hashes, which tell a person nothing."""
    return tuple(
        Change(name=change.name, old="yes" if change.old else "", new="changed" if change.new else "")
        for change in changes
    )


def _with_short_hashes(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """Return the changes with hashes as `inspect` shows them, for two whole ones fit into no terminal."""
    return tuple(
        Change(name=change.name, old=short_hashes(change.old), new=short_hashes(change.new)) for change in changes
    )


def _folded(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """Return the changes with one in the place of those of a whole folder: an interpreter has a thousand files."""
    folders: dict[str, list[Change]] = {}
    for change in changes:
        folder, slash, _ = change.name.partition("/")
        folders.setdefault(f"{folder}/" if slash else change.name, []).append(change)
    folded: list[Change] = []
    for folder, inside in folders.items():
        if len(inside) <= _FEW_FILES:
            folded += inside
            continue
        count = f"{len(inside)} files"
        is_new, is_gone = all(not each.old for each in inside), all(not each.new for each in inside)
        folded.append(Change(name=f"{folder}  {count}", old="" if is_new else "yes", new="" if is_gone else "changed"))
    return tuple(folded)


def _topic(title: str, changes: tuple[Change, ...], most: int = 0) -> Iterator[str]:
    if not changes:
        return
    yield f"{title} ({len(changes)})"
    for change in changes[: most or None]:
        yield f"  {_line(change)}"
    if most and len(changes) > most:
        yield f"  ... and {len(changes) - most} more"


def _line(change: Change) -> str:
    if not change.old:
        return f"+ {change.name}" + (f"  {change.new}" if change.new not in ("changed", "set") else "")
    if not change.new:
        return f"- {change.name}" + (f"  {change.old}" if change.old not in ("yes", "set") else "")
    return f"~ {change.name}" + (f"  {change.old} -> {change.new}" if change.new != "changed" else "")
