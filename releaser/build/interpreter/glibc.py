"""Which C library does a release need of its hosts, and is that more than its author allows?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from releaser.build.stage.under_way import Stage
from releaser.build.tools.elf import Elf, elf_files
from releaser.errors import BuildError
from releaser.plan.steps import CheckGlibc

MOST_FILES = 20


def floor(elves: Iterable[Elf]) -> str:
    """Return the oldest glibc that `elves` run on, such as `2.36`; empty text when they need none."""
    return ".".join(map(str, max((elf.glibc for elf in elves), default=())))


def check_glibc(step: CheckGlibc, stage: Stage) -> None:
    """Compare what every program file of the interpreter, its libraries and the wheels needs with the author's limit.

    Raises:
        BuildError: files need a newer one; they are named, the most demanding first.
    """
    elves = [(elf, _shown(elf.path, stage)) for folder in _folders(stage) for elf in elf_files(folder)]
    stage.glibc = floor(elf for elf, _ in elves)
    limit = tuple(map(int, step.maximum.split(".")))
    wrong = sorted((tuple(-part for part in elf.glibc), shown, elf) for elf, shown in elves if elf.glibc > limit)
    if not wrong:
        return
    lines = [f"{shown}: needs GLIBC_{'.'.join(map(str, elf.glibc))}" for _, shown, elf in wrong]
    more = [f"... and {len(lines) - MOST_FILES} more"] if len(lines) > MOST_FILES else []
    count = f"{len(wrong)} file needs" if len(wrong) == 1 else f"{len(wrong)} files need"
    raise BuildError(
        f"the release would need glibc {stage.glibc}, which is newer than {step.maximum}",
        problems=(replace(step.place, what=f"{count} a newer glibc than {step.maximum}"),),
        output=(*lines[:MOST_FILES], *more),
        hint=f"build on a system with glibc {step.maximum} or older, name a Python that was built for it in "
        "include_python, or set include_libc = true",
    )


def _folders(stage: Stage) -> list[Path]:
    return [stage.site_packages, *([stage.root / stage.bundled_python] if stage.bundled_python else [])]


def _shown(path: Path, stage: Stage) -> str:
    root = stage.root if path.is_relative_to(stage.root) else stage.site_packages
    return str(path.relative_to(root))
