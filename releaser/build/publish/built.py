"""What has a build made? The value that its end is told from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FIRST_EPOCH = 315532800
"""1980-01-01, the first moment that a zip file can name; the date of everything in an artifact unless one is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What a build has made."""

    folder: Path
    folder_bytes: int
    """Without var."""
    archive: Path | None
    """None: none was asked for, or dev_mode, which makes none."""
    archive_bytes: int
    warnings: tuple[str, ...]
    """What came up during the build, after the plan's own."""
    run_file: Path | None = None
    run_file_bytes: int = 0
    is_unchanged: bool = False
    """Whether an earlier build had made it all, and nothing was done."""
