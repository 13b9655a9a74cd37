"""How far has one run come? What was done, what would be done, and how that reads."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...release.failures import Failure
    from .configured import Database


class Progress:
    """What has been done so far; owned by one run, and read when it is told."""

    def __init__(self) -> None:
        self.databases: list[Database] = []
        self.applied: list[str] = []
        self.planned: list[str] = []  # of a dry run: what would be applied
        self.at_work = ""  # the revision that is being applied, or ""
        self.told: list[str] = []  # what came of an action that applies nothing
        self.unresolved: Failure | None = None  # a database in which there was nothing to resolve
        self.is_ahead = False  # a newer release has been here, and this one may run on what it left


def told(heads: Iterable[str]) -> str:
    """Return where a database is, in words."""
    return ", ".join(sorted(heads)) or "no revision"


def count_of(number: int) -> str:
    """Return a number of revisions, in words."""
    return f"{number} revision" if number == 1 else f"{number} revisions"
