"""What does a person read when a build is done, and before it: sentences made of values. Nothing is printed here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from releaser.build.publish.built import Built
    from releaser.plan.plan import Plan


def built_lines(plan: Plan, built: Built, seconds: float, start: Path) -> list[str]:
    """Return what was built, where, how large and how it is run; paths relative to the folder `start`."""
    sketch = plan.sketch
    folder = shown(built.folder, start)
    rows = [(f"{folder}/", size(built.folder_bytes))]
    if built.archive is not None:
        rows.append((shown(built.archive, start), size(built.archive_bytes)))
    if built.run_file is not None:
        rows.append((shown(built.run_file, start), size(built.run_file_bytes)))
    width = max(len(path) for path, _ in rows)
    return [
        _first_line(plan, built, seconds),
        *(f"  {path:<{width}}  {room:>9}" for path, room in rows),
        *([f"signed by {shown(plan.signature, start)}"] if plan.is_signed else []),
        "",
        f"  run it:    {folder}/bin/{sketch.name} foreground",
        f"  the rest:  {folder}/bin/{sketch.name} help",
    ]


def _first_line(plan: Plan, built: Built, seconds: float) -> str:
    what = f"{plan.sketch.name} {plan.sketch.version} for {plan.sketch.environment}"
    if built.is_unchanged:
        return f"nothing has changed since {what} was built ({seconds:.1f} s)"
    return f"built {what} in {seconds:.1f} s"


def plan_lines(plan: Plan, start: Path) -> list[str]:
    """Return the steps of a plan and where they lead."""
    from releaser.plan.describe import describe

    sketch = plan.sketch
    return [
        f"{sketch.name} {sketch.version} for {sketch.environment}, Python {plan.interpreter.full_version}",
        *(f"{number:>4}  {describe(step)}" for number, step in enumerate(plan.steps, 1)),
        "",
        f"  makes {shown(plan.published, start)}/",
        *(f"  and   {shown(package, start)}" for package in plan.packages),
    ]


def shown(path: Path, start: Path) -> str:
    """Return `path` relative to `start`, or as it is where that would lead far up."""
    relative = os.path.relpath(path, start)
    return str(path) if relative.startswith("../../") else relative


def size(count_bytes: int) -> str:
    """Return a size for people: `812 bytes`, `9.1 MB`; powers of 1000, as `du --si` has them."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count_bytes >= factor:
            return f"{count_bytes / factor:.1f} {unit}"
    return f"{count_bytes} bytes"
