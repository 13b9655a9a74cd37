"""How does the runtime get into a release? As a folder, copied as it stands, into the bundle and beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

from releaser import runtime
from releaser.build.stage import Stage

_PACKAGE_TEXT = '"""The runtime half of releaser, as it was when this release was built."""\n'


def add_runtime(stage: Stage) -> None:
    """Put the runtime into site-packages as `releaser.runtime`, replacing any other, and into the version's folder."""
    package = stage.site_packages / "releaser"
    if package.exists():
        shutil.rmtree(package)
    package.mkdir()
    (package / "__init__.py").write_text(_PACKAGE_TEXT, encoding="utf-8")
    source = Path(runtime.__file__).parent
    for to in (package / "runtime", stage.release / "runtime"):
        shutil.copytree(source, to, ignore=shutil.ignore_patterns("__pycache__"))
