"""What every command of `bin/NAME` gets: which release this is, and the world it was called in."""

from __future__ import annotations

import os
import sys

from .layout import Layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from .manifest import Manifest


class Context:
    """One call of `bin/NAME`: the layout, the caller's environment, and the manifest once it is asked for."""

    __slots__ = ("_manifest", "environ", "layout", "name", "python")

    def __init__(self, layout: Layout, name: str, environ: Mapping[str, str], python: str = "") -> None:
        """Note what is known; `python` is the interpreter of that version where it is not this process's."""
        self.layout = layout
        self.python = python or sys.executable
        self.name = name
        self.environ = environ
        self._manifest: Manifest | None = None

    @property
    def manifest(self) -> Manifest:
        """The manifest, read at the first use: `ping` never needs it, and json costs 10 ms.

        Raises:
            Failure: it is missing or damaged.
        """
        if self._manifest is None:
            from .failures import DAMAGED, Failure
            from .manifest import ManifestError, load

            try:
                self._manifest = load(self.layout.manifest)
            except ManifestError as error:
                raise Failure(
                    f"release {self.layout.version} cannot be used: {error}",
                    DAMAGED,
                    hint=f"`{self.name} unpack --repair {self.name}-{self.layout.version}.tar.gz` puts it back",
                ) from error
        return self._manifest

    @property
    def prog(self) -> str:
        """The launcher's absolute path."""
        return os.path.join(self.layout.root, "bin", self.name)
