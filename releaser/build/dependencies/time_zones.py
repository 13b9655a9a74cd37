"""Does the bundle ask for time zones that a host may not have? A release brings its Python, so it brings the zones too.

`zoneinfo` takes them from the host's folders first, else from the package `tzdata` (PEP 615). Many an image of a
container has neither, and a site of Django cannot show a date there.
"""

from __future__ import annotations

import os
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

from releaser.build.stage.under_way import Stage
from releaser.build.tools.dist_info import NOISE, rewrite_record
from releaser.plan.steps import BundlePython

PACKAGE: Final = "tzdata"
_NAME: Final = b"zoneinfo"


def bring_time_zones(stage: Stage) -> None:
    """Put releaser's own `tzdata` into a release that brings its Python, if its code names `zoneinfo` and has none."""
    brings_python = any(isinstance(step, BundlePython) for step in stage.plan.steps)
    if not brings_python or (stage.site_packages / PACKAGE).is_dir():
        return
    asking = asks_for_zones((stage.site_packages, *stage.source_paths))
    if asking is None:
        return
    version = copy_package(stage.site_packages)
    stage.report.note(f"brings tzdata {version}, for hosts without time zones: {asking.name} uses zoneinfo")


def asks_for_zones(folders: tuple[Path, ...]) -> Path | None:
    """Return a module below `folders` whose source names `zoneinfo`, the first one found, or None."""
    for folder in folders:
        for parent, inner, names in os.walk(folder):
            inner.sort()
            for name in sorted(names):
                path = Path(parent, name)
                if name.endswith(".py") and _NAME in path.read_bytes():
                    return path
    return None


def copy_package(site_packages: Path) -> str:
    """Copy the package, its metadata included, as an installer would place it; return its version."""
    found = distribution(PACKAGE)
    for file in found.files or ():
        if file.suffix == ".pyc" or file.name in NOISE or ".." in file.parts:
            continue
        to = site_packages / file
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(Path(str(found.locate_file(file))).read_bytes())
    for folder in site_packages.glob(f"{PACKAGE}-*.dist-info"):
        rewrite_record(folder)
    return found.version
