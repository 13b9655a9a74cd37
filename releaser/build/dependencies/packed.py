"""How is a layer put into a zipapp without being compressed again? Its members are kept, packed, by its content."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from releaser.build.dependencies.members import DEFLATED, STORED, write_members
from releaser.build.stage.under_way import Stage
from releaser.build.tools.cache import key_of
from releaser.build.tools.layers import SITE_PACKAGES, Layer, finish_layer, is_whole_layer
from releaser.errors import BuildError

_FILE: Final = "members.zip"


def open_members(layer: Layer, stage: Stage) -> None:
    """Open the packed members of a layer's site-packages, and leave them in `stage.linked`; made now if not kept."""
    method = method_of(stage)

    def make(folder: Path) -> None:
        names = sorted((name for name in layer.files if name.startswith(f"{SITE_PACKAGES}/")), key=_beside_its_source)
        write_members(folder / _FILE, [(name, layer.folder / name) for name in names], stage.epoch, method)
        if not is_whole_layer(layer.folder):
            hint = "build again: what was changed is installed anew"
            raise BuildError("installed packages were changed while they were packed", hint=hint)
        finish_layer(folder)

    key = key_of(layer.key, stage.epoch, method)
    with stage.cache.lock("members", stage.report):
        kept = stage.cache.find_or_make("members", key, is_whole=is_whole_layer, make=make)
        stage.linked.members[layer.key] = (kept / _FILE).open("rb")


def method_of(stage: Stage) -> str:
    """Return how members of the bundle are packed."""
    return STORED if stage.plan.is_bundle_stored else DEFLATED


def _beside_its_source(name: str) -> tuple[str, bool]:
    """Return the place of a file: what holds the same words, as byte code and its source do, compresses together."""
    folder, is_cached, file = name.rpartition("__pycache__/")
    return (f"{folder}{file.partition('.')[0]}.py", True) if is_cached else (name, False)
