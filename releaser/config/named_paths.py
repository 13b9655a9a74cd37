"""Which files and folders does a configuration name, whatever else is wrong with it?

What is wrong with a text and which of its files are missing is told together; a profile, from which a build learns of
its files, is only there when nothing is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from releaser.config.document import Item, Problems, Unusable, read_document
from releaser.config.profile import Origin
from releaser.config.settings.hooks import EVENTS
from releaser.config.text import checks
from releaser.config.text.substitution import Wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPath:
    """A path that is written well enough to be looked for."""

    path: str
    """Relative to the folder that holds `rel/`; no pattern."""
    setting: str
    """First key below the release: `hooks`."""
    origin: Origin


def named_paths(path: Path, file: str) -> tuple[NamedPath, ...]:
    """Return what the file at `path`, shown as `file`, names and a build would need; nothing if it is no TOML."""
    try:
        document = read_document(path, file)
    except Unusable:
        return ()
    top = Item(data=document.data, path=(), document=document, problems=Problems())
    tables = [
        table
        for outer in _entries(top)
        if outer.name in ("release", "environment")
        for table in _entries(outer)
        if isinstance(table.data, dict)
    ]
    return tuple(
        NamedPath(path=item.data, setting=str(item.path[2]), origin=item.origin)
        for table in tables
        for setting in table.entries()
        for item in _paths_in(setting)
        if _is_path(item.data)
    )


def _paths_in(setting: Item) -> Iterator[Item]:
    match setting.name:
        case "project" | "lock":
            yield setting
        case "find_links":
            yield from _elements(setting)
        case "plugins":
            yield from (item for item in _elements(setting) if str(item.data).endswith(".py"))
        case "commands":
            yield from _entries(setting)
        case "overlays":
            for overlay in _elements(setting):
                sources = [item for item in _entries(overlay) if item.name in ("copy", "template")]
                yield from (item for item in sources if not set(str(item.data)) & set("*?["))
        case "hooks":
            for event in _entries(setting):
                if event.name in [row.name for row in EVENTS]:
                    yield event
                    for hook in _elements(event):
                        yield hook
                        yield from (item for item in _entries(hook) if item.name == "run")
        case _:
            return


def _is_path(data: object) -> bool:
    if not isinstance(data, str):
        return False
    try:
        checks.inner_path(data)
    except Wrong:
        return False
    return True


def _entries(item: Item) -> Iterator[Item]:
    return item.entries() if isinstance(item.data, dict) else iter(())


def _elements(item: Item) -> Iterator[Item]:
    return item.elements() if isinstance(item.data, list) else iter(())
