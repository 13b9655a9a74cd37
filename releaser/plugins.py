"""What can a plugin of a build do? The functions it may have, and the value that each is called with.

A plugin is a Python file of the project, or an entry point in the group `releaser.plugins`, that the setting `plugins`
names. It has one or more functions of the names below, each with the one argument `assembly`:

    checks           before anything is built: returns problems, texts or `Problem`; any of them forbids the build
    before_assembly  the staged folder is made, and empty
    after_assembly   the tree is complete but for its manifest: what is changed here is in the manifest
    before_package   the same moment, only when an archive or a file that runs will be made
    after_package    those are written, and have not got their names yet
    after_cleanup    everything is published and the staging folder is gone

A function that raises ends the build, with its file and line; what was published before stays as it was, until
`after_cleanup`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pluggy

from releaser.errors import Problem

__all__ = ["EVENTS", "GROUP", "Assembly", "PluginEvent", "Problem", "Specification", "hookimpl"]

GROUP = "releaser.plugins"
PluginEvent = Literal["before_assembly", "after_assembly", "before_package", "after_package", "after_cleanup"]
EVENTS: tuple[PluginEvent, ...] = (
    "before_assembly",
    "after_assembly",
    "before_package",
    "after_package",
    "after_cleanup",
)

hookimpl = pluggy.HookimplMarker("releaser")
"""Marks a function as a plugin's; only needed for pluggy's options, `tryfirst` for one: the name is enough."""
_spec = pluggy.HookspecMarker("releaser")


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """A build as its plugins see it."""

    name: str
    version: str
    environment: str
    dev_mode: bool
    root: Path
    """Absolute folder that holds `rel/`."""
    folder: Path
    """The release's folder, with `bin/` and `releases/`: staged; in `checks` and `after_cleanup` the published one."""
    packages: tuple[Path, ...]
    """The archive and the file that runs: staged; in `checks` and `after_cleanup` the published ones."""
    overlay_vars: Mapping[str, object]
    note: Callable[[str], None]
    """Prints a line under the step."""
    warn: Callable[[str], None]
    """Adds a warning, which is repeated at the end, and fails the build under `--warnings-as-errors`."""

    @property
    def release(self) -> Path:
        """The version's folder, `releases/VERSION`: the place for files of one's own."""
        return self.folder / "releases" / self.version


class Specification:
    """The functions that a plugin may have."""

    @_spec
    def checks(self, assembly: Assembly) -> Iterable[Problem | str] | None:
        """Return what forbids this build."""

    @_spec
    def before_assembly(self, assembly: Assembly) -> None:
        """Do something before the first step."""

    @_spec
    def after_assembly(self, assembly: Assembly) -> None:
        """Change the tree, which is complete but for its manifest."""

    @_spec
    def before_package(self, assembly: Assembly) -> None:
        """Change the tree before it is packed."""

    @_spec
    def after_package(self, assembly: Assembly) -> None:
        """Look at the packed files before they are published."""

    @_spec
    def after_cleanup(self, assembly: Assembly) -> None:
        """Use what was published."""
