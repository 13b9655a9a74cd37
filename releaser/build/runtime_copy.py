"""How does the runtime get into a release? As a folder, copied as it stands, into the bundle and beside it."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from releaser import runtime
from releaser.build.bytecode import compile_folder
from releaser.build.cache import key_of
from releaser.build.dependencies import machine_key
from releaser.build.layers import SITE_PACKAGES, finish_layer, is_whole_layer, link, link_layer, open_layer
from releaser.build.stage import Stage
from releaser.plan.steps import AddRuntime

_PACKAGE_TEXT = '"""The runtime half of releaser, as it was when this release was built."""\n'
_BESIDE = "runtime"


def add_runtime(step: AddRuntime, stage: Stage) -> None:
    """Put the runtime into site-packages as `releaser.runtime`, replacing any other, and into the version's folder."""
    source = Path(runtime.__file__).parent
    sources = [path for path in sorted(source.rglob("*")) if path.is_file() and path.suffix != ".pyc"]
    digests = {str(path.relative_to(source)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sources}
    key = key_of(digests, *machine_key(stage), step.optimize, stage.epoch)

    def make(folder: Path) -> None:
        _make_layer(folder, source, step.optimize, stage)

    package = stage.site_packages / "releaser"
    if package.exists():
        shutil.rmtree(package)
    with stage.cache.lock(stage.report):
        layer = open_layer(stage.cache.find_or_make("runtimes", key, is_whole=is_whole_layer, make=make))
        link_layer(layer, stage.site_packages, stage.linked)
        made: set[str] = set()
        for name in layer.files:
            if name.startswith(f"{_BESIDE}/"):
                link(f"{layer.folder}/{name}", f"{stage.release}/{name}", made)


def _make_layer(folder: Path, source: Path, optimize: int, stage: Stage) -> None:
    package = folder / SITE_PACKAGES / "releaser"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(_PACKAGE_TEXT, encoding="utf-8")
    for to in (package / "runtime", folder / _BESIDE):
        shutil.copytree(source, to, ignore=shutil.ignore_patterns("__pycache__"))
    level = ("-o", str(optimize))
    compile_folder(stage, folder / SITE_PACKAGES, SITE_PACKAGES, level)
    # The supervisor and the app both read it, each at its own level.
    compile_folder(stage, folder / _BESIDE, _BESIDE, ("-o", "0", *level) if optimize else ())
    finish_layer(folder, stage.epoch)
