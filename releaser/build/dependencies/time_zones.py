"""Does the project ask for time zones that a host may not have? A release brings its Python, but not the zones.

`zoneinfo` takes them from the host's folders, else from the package `tzdata` (PEP 615). Many an image of a container
has neither.
"""

from __future__ import annotations

import ast

from releaser.build.stage.under_way import Stage
from releaser.plan.steps import BundlePython


def warn_of_time_zones(stage: Stage) -> None:
    """Warn once of the project's use of `zoneinfo` in a release that brings its Python and no `tzdata`."""
    brings_python = any(isinstance(step, BundlePython) for step in stage.plan.steps)
    if not brings_python or (stage.site_packages / "tzdata").is_dir():
        return
    for name in stage.project_files:
        path = stage.site_packages / name
        line = zoneinfo_line(path.read_bytes()) if name.endswith(".py") and path.is_file() else 0
        if line:
            what = "zoneinfo finds no time zone on a host without /usr/share/zoneinfo"
            stage.warnings.append(f"{name}:{line}: {what}; tzdata as a dependency of the project brings them")
            return


def zoneinfo_line(source: bytes) -> int:
    """Return the line, from 1, in which a module imports `zoneinfo`; 0 when it does not, or does not parse."""
    if b"zoneinfo" not in source:
        return 0
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError):
        return 0
    for node in nodes:
        match node:
            case ast.Import(names=names) if any(alias.name == "zoneinfo" for alias in names):
                return node.lineno
            case ast.ImportFrom(module="zoneinfo", level=0):
                return node.lineno
    return 0
