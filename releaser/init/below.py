"""Which folders below this one look like apps? Asked at the root of a repository of several, which is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from releaser.errors import ProjectError
from releaser.init.choices import choose
from releaser.init.findings import find
from releaser.plan.project.application import BESIDE_THE_APP
from releaser.plan.project.formats.requirement_files import main_file

CONFIG = "rel/config.toml"
_DESCRIBED = ("pyproject.toml", "setup.py", "Pipfile", "manage.py", "Procfile")
_DEPTH = 3
_MOST = 20
_NOT_HERE = frozenset({"node_modules", "venv", "__pycache__"}) | BESIDE_THE_APP


def apps_below(folder: Path) -> dict[str, str]:
    """Return the folders below `folder` that `releaser init` finds something to run in, and what that is."""
    found: dict[str, str] = {}
    for below in _folders(folder, _DEPTH):
        if len(found) < _MOST and (any((below / name).is_file() for name in _DESCRIBED) or main_file(below)):
            try:
                choices = choose(find(below))
            except ProjectError:
                continue
            found[str(below.relative_to(folder))] = choices.entry_point or " ".join(choices.command)
    return found


def configured_below(folder: Path) -> tuple[str, ...]:
    """Return the folders below `folder` that have a configuration already."""
    below = (path for path in _folders(folder, _DEPTH) if (path / CONFIG).is_file())
    return tuple(str(path.relative_to(folder)) for path in below)


def hint_of(apps: dict[str, str]) -> str:
    """Return what names these folders, one after the other, and the command for the first; nothing for none."""
    if not apps:
        return ""
    shown = "; ".join(f"{name} ({runs})" for name, runs in apps.items())
    return f"these look like apps: {shown}; `releaser init {next(iter(apps))}`"


def _folders(folder: Path, depth: int) -> Iterator[Path]:
    """Yield the folders below, level by level for each, without hidden ones, environments and what builds make."""
    try:
        entries = sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())
    except OSError:
        return
    for path in entries:
        if path.name.startswith(".") or path.name in _NOT_HERE or (path / "pyvenv.cfg").exists():
            continue
        yield path
        if depth > 1:
            yield from _folders(path, depth - 1)
