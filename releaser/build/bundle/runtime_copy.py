"""How does the runtime get into a release? As a folder, copied as it stands, into the bundle and beside it."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

from releaser import runtime
from releaser.build.dependencies.bytecode import compile_folder
from releaser.build.stage.machine import machine_key
from releaser.build.stage.under_way import Stage
from releaser.build.tools.cache import key_of
from releaser.build.tools.commands import Run
from releaser.build.tools.layers import SITE_PACKAGES, finish_layer, is_whole_layer, link_layer, open_layer
from releaser.build.tools.report import Report
from releaser.plan.steps import AddRuntime

_PACKAGE_TEXT = '"""The runtime half of releaser, as it was when this release was built."""\n'
_BESIDE = "runtime"
_JOB = "compile the runtime"
_LAYOUT = 3
"""To be changed with anything that this module puts into a layer differently."""


def add_runtime(step: AddRuntime, stage: Stage) -> None:
    """Put the runtime into site-packages as `releaser.runtime`, replacing any other, and into the version's folder."""
    stage.ahead.result(_JOB, stage.report)
    package = stage.site_packages / "releaser"
    if package.exists():
        shutil.rmtree(package)
    with stage.cache.lock("runtimes", stage.report):
        layer = open_layer(_layer(step, stage))
        link_layer(layer, stage.site_packages, stage.linked)
        # A copy: who edits a file of a published release must edit no other release, and nothing of the cache.
        shutil.copytree(layer.folder / _BESIDE, stage.release / _BESIDE)


def begin_runtime(step: AddRuntime, stage: Stage) -> None:
    """Begin to compile the runtime, if it is not kept: nothing that earlier steps do matters to it."""

    def job(report: Report, run: Run) -> None:
        with stage.cache.lock("runtimes", report):
            _layer(step, replace(stage, report=report, run=run))

    stage.ahead.start(_JOB, job)


def _layer(step: AddRuntime, stage: Stage) -> Path:
    """Return the folder of the runtime's layer, made now if it is not kept; to be called under the lock."""
    source = Path(runtime.__file__).parent
    sources = [path for path in sorted(source.rglob("*")) if path.is_file() and path.suffix != ".pyc"]
    digests = {str(path.relative_to(source)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sources}
    key = key_of(_LAYOUT, digests, *machine_key(stage), step.optimize, stage.epoch)

    def make(folder: Path) -> None:
        _make_layer(folder, source, step.optimize, stage)

    return stage.cache.find_or_make("runtimes", key, is_whole=is_whole_layer, make=make)


def _make_layer(folder: Path, source: Path, optimize: int, stage: Stage) -> None:
    package = folder / SITE_PACKAGES / "releaser"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(_PACKAGE_TEXT, encoding="utf-8")
    shutil.copytree(source, package / "runtime", ignore=shutil.ignore_patterns("__pycache__"))
    compile_folder(stage, folder / SITE_PACKAGES, SITE_PACKAGES, (optimize,))
    # With its byte code: whoever loads that puts the path where it lies in the place of the recorded one.
    shutil.copytree(package / "runtime", folder / _BESIDE)
    if optimize:  # the supervisor and the app both read it, each at its own level
        compile_folder(stage, folder / _BESIDE, _BESIDE, (0,))
    finish_layer(folder)
