"""`releaser clean`: which environments, and what is said about what went and what stayed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from releaser.build.publish.clean import Cleaned, check_clean, clean, clean_cache
from releaser.build.tools.report import Report
from releaser.cli.output.summary import shown, size
from releaser.config import Config
from releaser.errors import ReleaserError, reason_of


def clean_all(config: Config, environment: str, *, implode: bool, report: Report) -> list[Cleaned]:
    """Clean `environment`, or every one and what they share when it is empty.

    Nothing is removed unless all of them may be cleaned.

    Raises:
        UsageError: there is no such environment.
        BusyError: a release is running from one of them.
        ReleaserError: something cannot be removed.
    """
    targets = list(dict.fromkeys(_targets(config, environment)))
    before = _count(targets)
    try:
        return _clean_all(config, environment, targets, implode=implode, report=report)
    except OSError as error:
        place = f": {error.filename}" if error.filename else ""
        now = "nothing was removed" if _count(targets) == before else "a part was removed, and the rest is there"
        raise ReleaserError(f"cannot clean: {reason_of(error)}{place}", now=now) from error


def _count(targets: Sequence[Path]) -> int:
    """Return how many files and folders there are."""
    return sum(1 for folder in {target.parent for target in targets} for _ in folder.rglob("*"))


def _clean_all(
    config: Config, environment: str, targets: Sequence[Path], *, implode: bool, report: Report
) -> list[Cleaned]:
    for target in targets:
        check_clean(target, config.root)
    cleaned = [clean(target, names=config.release_names, implode=implode, report=report) for target in targets]
    if not environment:
        cleaned += [clean_cache(output, report) for output in dict.fromkeys(target.parent for target in targets)]
    return cleaned


def clean_lines(cleaned: Sequence[Cleaned], start: Path) -> list[str]:
    """Return what was removed and kept; paths relative to the folder `start`."""
    rows = [
        (f"{shown(each.path, start)}{'/' if each.is_folder else ''}", size(each.size_bytes))
        for one in cleaned
        for each in one.removed
    ]
    width = max((len(path) for path, _ in rows), default=0)
    lines = [f"removed {path:<{width}}  {room:>9}" for path, room in rows] or ["nothing to remove"]
    kept = [path for one in cleaned for path in one.kept]
    lines += [f"kept    {shown(path, start)}/" for path in kept]
    if kept:
        lines.append("        what releases have written stays; --implode removes it too")
    others = [path for one in cleaned for path in one.others]
    lines += [f"kept    {shown(path, start)}{'/' if path.is_dir() else ''}" for path in others]
    if others:
        lines.append("        what no build has made stays")
    return lines


def _targets(config: Config, environment: str) -> Iterator[Path]:
    for name in (environment,) if environment else config.environment_names:
        for release in config.release_names:
            profile = config.profile(release, name, now="nothing was removed")
            yield Path(os.path.normpath(profile.root / profile.output_dir / profile.environment))
