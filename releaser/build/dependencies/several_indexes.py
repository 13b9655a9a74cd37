"""Which of several indexes has what a lock means, where two have the same version with other hashes?

A requirements.txt and a pdm.lock may name indexes without saying which package is of which; pip takes the file with the
right hash from any of them, uv the first index that has the version. So each index is asked for its hashes, once an
installation has failed, and its packages are then taken from it alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from releaser.build.dependencies.pins import Pins, hashes_in
from releaser.build.stage.under_way import Stage
from releaser.build.tools import installers
from releaser.build.tools.commands import ProgramFailed
from releaser.plan.project.formats.requirement_files import addresses_in, names_other_files
from releaser.plan.project.requirement_lines import is_hashed, logical_lines


def told_apart(pins: Pins, project: Path, stage: Stage) -> Pins | None:
    """Return the pins with the packages of each index apart; None: there is one index, or nothing is found out."""
    text = pins.path.read_text(encoding="utf-8", errors="replace")
    default, others = _indexes(text)
    if stage.installer.kind != "uv" or not others or names_other_files(text):
        return None
    lines = [" ".join(line.split()) for _, line in logical_lines(text)]
    asked = stage.folder / "of-indexes.txt"
    asked.write_text("".join(f"{_bare(line)}\n" for line in lines if is_hashed(line)), encoding="utf-8")
    found: dict[str, list[str]] = {}
    rest = lines
    for index in others:
        order = (index, *(other for other in others if other != index))
        try:
            has = _hashes_of(asked, order, default, project, stage)
        except ProgramFailed:
            return None
        found[index] = [line for line in rest if hashes_in(line) & has]
        rest = [line for line in rest if line not in found[index]]
    return _apart(pins, found, rest, default, stage)


def _apart(pins: Pins, found: dict[str, list[str]], rest: list[str], default: str, stage: Stage) -> Pins:
    path = stage.folder / "of-the-default-index.txt"
    path.write_text("".join(f"{line}\n" for line in rest), encoding="utf-8")
    others: list[tuple[str, Path]] = []
    for count, (index, lines) in enumerate(found.items()):
        file = stage.folder / f"of-index-{count}.txt"
        file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        others += [(f"number-{count}={os.path.expandvars(index)}", file)] if lines else []
    if default and rest:
        others.append((f"default={os.path.expandvars(default)}", path))
    return replace(pins, path=path, is_empty=bool(default) or not rest, others=(*pins.others, *others))


def _hashes_of(asked: Path, order: tuple[str, ...], default: str, project: Path, stage: Stage) -> frozenset[str]:
    """Return the hashes of the versions in `asked` that the first index of `order` has."""
    to = asked.with_name("hashes-of-index.txt")
    addresses = tuple(map(os.path.expandvars, order))
    stage.run(installers.hashes_of(stage.installer, project, asked, to, addresses, os.path.expandvars(default)))
    first = installers.without_user(addresses[0]).rstrip("/")
    return frozenset(each for index, hashes in _by_index(to) if index.rstrip("/") == first for each in hashes)


def _by_index(answer: Path) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield the index that uv noted below each package, and the package's hashes."""
    hashes: frozenset[str] = frozenset()
    for line in answer.read_text(encoding="utf-8").splitlines():
        what, is_from, index = line.partition("# from ")
        if is_from and not what.strip():
            yield index.strip(), hashes
            hashes = frozenset()
        else:
            hashes |= hashes_in(line)


def _indexes(text: str) -> tuple[str, list[str]]:
    """Return the address in the place of the default index, empty without one, and those of the others."""
    listed = addresses_in(text)
    of_default = [address for line in text.splitlines() if "extra" not in line for address in addresses_in(line)]
    default = of_default[-1] if of_default else ""
    return default, [address for address in dict.fromkeys(listed) if address != default]


def _bare(line: str) -> str:
    return line.partition(" --hash")[0].rstrip(" \\")
