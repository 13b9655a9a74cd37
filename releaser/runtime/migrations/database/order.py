"""What one run is to do with one database, and which revisions that means."""

from __future__ import annotations

from alembic.util import CommandError

from ...release.failures import USAGE, Failure
from .progress import count_of, told

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from alembic.runtime.migration import RevisionStep

    from .pre_migrate import BeforeTheFirst
    from .scripts import Scripts

DEFAULT = "default"
"""The name of a database that has none, because it is the only one."""


class Order:
    """What is to be done; nothing here changes."""

    def __init__(
        self,
        scripts: Scripts,
        *,
        to: str = "head",
        is_dry_run: bool,
        owner: tuple[str, str],
        lock_wait_s: float,
        is_at_start: bool = False,
        action: str = "apply",
        resolution: str = "",
        is_forced: bool = False,
        backups: str = "",
        phase: str = "",
        tenant: str = "",
        schema: str = "",
        is_listing: bool = False,
        is_at_least: bool = False,
        is_one_of_several: bool = False,
        before: BeforeTheFirst,
    ) -> None:
        """Find the destination.

        Raises:
            Failure: the release has no revision `to`.
        """
        self.scripts = scripts
        self.settings = scripts.record
        self.destination = "heads" if action == "unlock" else scripts.destination(to)
        self.is_at_least = is_at_least or is_at_start
        """Whether a database that is further than the destination is as it should be."""
        if action in ("stamp", "resolve") and self.destination == "heads":
            (self.destination,) = scripts.heads
        self.is_dry_run = is_dry_run
        self.is_listing = is_listing  # a dry run that tells what is there, whatever it is
        self.owner = owner  # name and version of the release
        words = [f"bin/{owner[0]} migrate", *([self.settings.name] if is_one_of_several else [])]
        self.command = " ".join([*words, *([f"--target {tenant}"] if tenant else [])])
        """What a person types for this database."""
        self.lock_wait_s = lock_wait_s
        self.is_at_start = is_at_start
        self.action = action  # one of `Options.action`
        self.resolution = resolution
        self.is_forced = is_forced
        self.backups = backups  # the folder of copies
        self.tenant = tenant  # the tenant, "" if there are none
        self.schema = schema  # the tenant's own, of PostgreSQL, or ""
        self.before = before
        self.phase = phase  # "pre" stops before the first revision of phase post; "" and "post" do not

    def unlock(self) -> str:
        """Return the command that ends the session of whoever holds the lock."""
        return f"{self.command} --unlock --force"

    @property
    def goes_back(self) -> bool:
        """Whether the database may be at an older revision afterwards."""
        return self.action == "down" or self.resolution == "undone"

    def steps(self, heads: frozenset[str]) -> list[RevisionStep]:
        """Return what leads from `heads` to the destination; nothing if the destination has been passed.

        Raises:
            Failure: nothing leads there (exit code 2), or a revision of phase pre would be left out.
        """
        try:
            return self._steps_back(heads) if self.action == "down" else self._steps_on(heads)
        except CommandError as error:
            raise self._refused(f"cannot migrate to {self.destination!r}", str(error)) from error

    def check_not_passed(self, heads: frozenset[str]) -> None:
        """Do nothing unless the database is further than the destination.

        Raises:
            Failure: it is, and going back is another command; exit code 2.
        """
        scripts = self.scripts
        if self.action != "apply" or self.is_at_least or not scripts.knows(self.destination) or not heads:
            return
        if self.destination in heads or not all(map(scripts.knows, heads)):
            return
        if self.destination not in scripts.pending(heads):
            raise self._refused(
                f"cannot go forward to {self.destination}",
                f"the database is at {told(heads)}, {self.destination} is below it",
                hint=f"{self.command} --down-to {self.destination} --yes-lose-data goes back",
            )

    def _steps_back(self, heads: frozenset[str]) -> list[RevisionStep]:
        if self.destination in self.scripts.pending(heads):
            is_above = heads <= self.scripts.up_to(self.destination)
            raise self._refused(
                f"cannot go back to {self.destination}",
                f"the database is at {told(heads)}, {self.destination} is {'above it' if is_above else 'not applied'}",
                hint=f"{self.command} --to {self.destination} goes forward",
            )
        return list(self.scripts.directory._downgrade_revs(self.destination, tuple(heads)))  # type: ignore[arg-type]

    def _steps_on(self, heads: frozenset[str]) -> list[RevisionStep]:
        ids = self.scripts.pending(heads)
        destination = self.destination
        if destination.startswith("+"):
            destination = self._further(int(destination), heads, ids)
        if self.scripts.knows(destination) and destination not in ids:
            return []
        steps = self.scripts.directory._upgrade_revs(destination, tuple(heads))  # type: ignore[arg-type]
        return self._of_phase(steps)

    def _further(self, count: int, heads: frozenset[str], pending: Collection[str]) -> str:
        """Return the revision that is `count` further than `heads`; alembic itself goes more than that at a merge."""
        what = f"cannot go {count_of(count)} further"
        left, last = set(pending), told(heads)
        if count > len(left):
            raise self._refused(what, f"there {'is' if len(left) == 1 else 'are'} only {len(left)} to go")
        for _ in range(count):
            following = sorted(self.scripts.ready(left))
            if len(following) > 1:
                raise self._refused(
                    what,
                    f"after {last} the line branches into {' and '.join(following)}",
                    hint=f"{self.command} --to {following[0]} names one of them",
                )
            (last,) = following
            left.remove(last)
        return last

    def _refused(self, what: str, why: str, hint: str = "") -> Failure:
        return Failure(f"{what}: {why}", USAGE, now="nothing was migrated", hint=hint)

    def _of_phase(self, steps: list[RevisionStep]) -> list[RevisionStep]:
        """Return the steps before the first one of phase post that is this release's if only those are wanted.

        Those of phase post that a release before has brought are due: its predecessor is gone.

        Raises:
            Failure: one of phase pre comes later, and would be left out.
        """
        if self.phase != "pre":
            return steps
        phases = [
            "pre" if self.scripts.is_released(step.revision.revision) else self.scripts.phase(step.revision.revision)
            for step in steps
        ]
        if "post" not in phases:
            return steps
        first = phases.index("post")
        if "pre" in phases[first:]:
            late = steps[first + phases[first:].index("pre")].revision.revision
            raise Failure(
                f"{self.scripts.title(late)} is of phase pre, and comes after"
                f" {self.scripts.title(steps[first].revision.revision)} of phase post",
                now="nothing was migrated",
                hint="if no process of an older release runs, migrate without --phase; else split the release",
            )
        return steps[:first]
